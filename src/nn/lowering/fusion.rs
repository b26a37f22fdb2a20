//! Fusion: runs several convolutions in one kernel if the device profile has a kernel for all of them: a whole inverted residual, or a
//! pointwise convolution and the depthwise one after it. The activations between them are then never written to memory.

use super::{Activations, FoldedBlock, FoldedConvolution, Lowering, RunLayer};
use crate::nn::network::ConvolutionKind::{Depthwise as DepthwiseKind, Pointwise as PointwiseKind};
use crate::ops::{Activation, Choice, Depthwise, ExpandDepthwise, InvertedResidual};

impl Lowering<'_> {
    /// Replaces consecutive folded convolutions by fused ones. `input` is the input of the first layer.
    pub fn fuse<'a>(&self, run: Vec<RunLayer<'a>>, input: Activations) -> Vec<RunLayer<'a>> {
        let mut fused = Vec::with_capacity(run.len());
        let mut x = input;
        let mut at = 0;
        while at < run.len() {
            let block_before = if at == 0 { None } else { run[at - 1].block() };
            let (layer, count) = match run[at..] {
                [RunLayer::Folded(expand), RunLayer::Folded(depthwise), ref rest @ ..] => {
                    let whole = match rest.first() {
                        Some(RunLayer::Folded(project)) => {
                            self.block(FoldedBlock { expand, depthwise, project: *project }, block_before, x)
                        }
                        _ => None,
                    };
                    let pair = || self.pair(expand, depthwise, x).map(|pair| (pair, 2));
                    whole.map(|whole| (whole, 3)).or_else(pair).unwrap_or((run[at], 1))
                }
                _ => (run[at], 1),
            };
            for layer in run[at..at + count].iter().filter_map(RunLayer::convolution) {
                x = Activations {
                    extent: x.extent.map(|size| size.div_ceil(layer.stride)),
                    channels: layer.padded_outputs(),
                    ..x
                };
            }
            fused.push(layer);
            at += count;
        }
        fused
    }

    /// Returns the fused layer, if the three layers are an inverted residual and the profile has a kernel for them. `block_before` is
    /// the block of the layer before them, if it is a convolution.
    fn block<'a>(&self, block: FoldedBlock<'a>, block_before: Option<usize>, x: Activations) -> Option<RunLayer<'a>> {
        let [expand, depthwise, project] = [block.expand, block.depthwise, block.project].map(|folded| folded.layer);
        let kinds = [expand, depthwise, project].map(|layer| layer.kind) == [PointwiseKind, DepthwiseKind, PointwiseKind];
        let activations = expand.activation == depthwise.activation && project.activation == Activation::None;
        let in_a_block = [depthwise, project].iter().all(|layer| layer.block == expand.block);
        // The kernel adds its own input, which must be the input of the block.
        let begins = block_before != Some(expand.block);
        let shortcut = !expand.residual && !depthwise.residual && (!project.residual || begins);
        if !kinds || !activations || !in_a_block || !shortcut {
            return None;
        }
        let choice = self.inverted_residual(block, x).choice(self.profile)?;
        Some(RunLayer::FusedBlock { block, choice })
    }

    /// Returns the fused layer, if the two layers can be fused and the profile has a kernel for them.
    fn pair<'a>(&self, expand: FoldedConvolution<'a>, depthwise: FoldedConvolution<'a>, x: Activations) -> Option<RunLayer<'a>> {
        let kinds = [expand, depthwise].map(|folded| folded.layer.kind);
        let alike = expand.layer.activation == depthwise.layer.activation;
        let residual = expand.layer.residual || depthwise.layer.residual;
        if kinds != [PointwiseKind, DepthwiseKind] || !alike || residual {
            return None;
        }
        let choice = self.expansion(expand, depthwise, x).choice(self.profile)?;
        Some(RunLayer::Fused { expand, depthwise, choice })
    }

    /// Returns the operation that computes a block on the whole batch.
    fn inverted_residual(&self, block: FoldedBlock, x: Activations) -> InvertedResidual {
        let ExpandDepthwise { inputs, depthwise } = self.expansion(block.expand, block.depthwise, x);
        let project = block.project.layer;
        InvertedResidual { inputs, depthwise, outputs: project.padded_outputs(), residual: project.residual }
    }

    /// Appends a block in one kernel and returns its result.
    pub(super) fn fused_block(&mut self, block: FoldedBlock, choice: Choice, x: Activations) -> Activations {
        let layers = [block.expand, block.depthwise, block.project];
        let label = layers.map(|folded| folded.layer.name.as_str()).join(" + ");
        let [[w_expand, bias_expand], [w, bias], [w_project, bias_project]] = layers.map(|folded| folded.parameters);
        let whole = self.inverted_residual(block, x);
        let extent = whole.depthwise.out_size();
        let y = Activations::transient(self.plan, &block.project.layer.name, x.precision, x.batch, extent, whole.outputs);
        self.each(&[x, y], |_, range| {
            let depthwise = Depthwise { batch: range.end - range.start, ..whole.depthwise };
            let bindings = [x.images(range), w_expand, bias_expand, w, bias, w_project, bias_project];
            InvertedResidual { depthwise, ..whole }.step(&label, choice, bindings, y.images(range))
        });
        y
    }

    /// Returns the operation that computes both layers on the whole batch.
    fn expansion(&self, expand: FoldedConvolution, depthwise: FoldedConvolution, x: Activations) -> ExpandDepthwise {
        let expanded = Activations { channels: expand.layer.padded_outputs(), ..x };
        let layer = depthwise.layer;
        ExpandDepthwise { inputs: x.channels, depthwise: self.depthwise(layer, layer.activation, expanded, x.batch) }
    }

    /// Appends a fused layer and returns its result.
    pub(super) fn fused(
        &mut self,
        expand: FoldedConvolution,
        depthwise: FoldedConvolution,
        choice: Choice,
        x: Activations,
    ) -> Activations {
        let y = self.result(depthwise.layer, Activations { channels: expand.layer.padded_outputs(), ..x });
        let label = format!("{} + {}", expand.layer.name, depthwise.layer.name);
        let [[w_expand, bias_expand], [w, bias]] = [expand, depthwise].map(|folded| folded.parameters);
        let whole = self.expansion(expand, depthwise, x);
        self.each(&[x, y], |profile, range| {
            let layer = ExpandDepthwise { depthwise: Depthwise { batch: range.end - range.start, ..whole.depthwise }, ..whole };
            let bindings = [x.images(range), w_expand, bias_expand, w, bias];
            layer.step(&label, choice, profile, bindings, y.images(range))
        });
        y
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::nn::Backbone;
    use crate::nn::mobilenet_v2::mobilenet_v2;
    use crate::nn::random::{Stream, unit};
    use crate::ops::{INVERTED_RESIDUAL, Padding, candidates};
    use crate::plan::{Capabilities, Plan, Precision};
    use crate::profiles::{DeviceClass, DeviceProfile, Winners};
    use crate::scheduler::Program;

    /// Returns MobileNetV2 with made-up weights, small enough for ReLU6 not to clip everything.
    fn backbone() -> Backbone {
        let tensor = |name: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            let fan_in: usize = shape.iter().skip(1).product();
            let value = |at: usize| match name {
                name if name.ends_with("running_var") => 1.0,
                _ => (2.0 * unit(5, Stream::Weights(name.len()), at as u64) as f32 - 1.0) * (6.0 / fan_in as f32).sqrt(),
            };
            Ok((0..count).map(value).collect())
        };
        Backbone::load(&mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3), &tensor).expect("made-up weights").composed()
    }

    fn gpu(capabilities: Capabilities) -> DeviceProfile {
        DeviceProfile::of_class(DeviceClass::Gpu, capabilities)
    }

    /// Returns the labels of the steps that compute a whole block.
    fn fused(plan: &Plan) -> Vec<&str> {
        let whole = plan.steps().iter().filter(|step| step.kernel == INVERTED_RESIDUAL.name);
        whole.map(|step| step.label.as_str()).collect()
    }

    #[test]
    fn a_gpu_fuses_whole_blocks_of_large_batches() {
        let profile = gpu(Capabilities::webgpu(false, None));
        let plan = |precision, batch| backbone().plan_alone(&profile.with_precision(precision), [batch, 224]).0;
        for (precision, megabytes) in [(Precision::F32, 28.0), (Precision::F16, 14.0)] {
            assert_eq!(fused(&plan(precision, 1)), [""; 0]);
            let large = plan(precision, 32);
            let blocks: Vec<String> = fused(&large).iter().map(|label| label.replace("features.", "")).collect();
            assert_eq!(blocks.len(), 6, "{blocks:?}");
            for (block, label) in (2..8).zip(&blocks) {
                assert!(label.ends_with(&format!(" + {block}.conv.1.0 + {block}.conv.2")), "{label}");
            }
            let traffic = large.cost().bytes as f64 / 32e6;
            assert!(traffic < megabytes, "{traffic} MB an image");
        }
        let software = DeviceProfile::new(Capabilities::webgpu(true, Some(8)));
        assert_eq!(fused(&backbone().plan_alone(&software, [32, 224]).0), [""; 0]);
    }

    #[test]
    fn fused_blocks_compute_the_same_as_their_layers() {
        let Some(device) = crate::testing::device() else { return };
        let (backbone, shape) = (backbone(), [3, 96]);
        let apart = gpu(*device.capabilities());
        // So small a batch runs layer by layer. Measured variants take precedence, so these stand for a larger batch.
        let recording = Arc::new(Winners::recording());
        backbone.plan_alone(&apart.with_winners(recording.clone()), shape);
        let requests = recording.requests().into_iter().map(|(shape, _)| shape);
        let whole = apart.with_winners(Arc::new(candidates::whole_blocks(requests, &apart)));
        let pixels = shape[0] * shape[1] * shape[1];
        let input: Vec<f32> =
            (0..4 * pixels).map(|at| if at % 4 == 3 { 0.0 } else { (at * 31 % 251) as f32 / 125.0 - 1.0 }).collect();
        // Another plan that runs layer by layer sums in another order.
        let other = DeviceProfile::of_class(DeviceClass::Software, *device.capabilities());
        let [apart, whole, other] = [(&apart, 0), (&whole, 6), (&other, 0)].map(|(profile, blocks)| {
            let (plan, [weights, images, features]) = backbone.plan_alone(profile, shape);
            assert_eq!(fused(&plan).len(), blocks);
            let program = Program::new(&device, &plan, &[]).expect("a program");
            program.write(&device, weights, bytemuck::cast_slice(backbone.parameters()));
            program.write(&device, images, bytemuck::cast_slice(&input));
            program.run(&device).expect("a run");
            program.read(&device, features).expect("features")
        });
        let signal: f64 = apart.iter().map(|value| f64::from(*value).powi(2)).sum();
        let noise = |found: &[f32]| apart.iter().zip(found).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let (of_fusion, of_order) = (noise(&whole), noise(&other));
        assert!(signal > 0.0 && of_order <= 1e-8 * signal, "noise {of_order} of the order, signal {signal}");
        assert!(of_fusion <= 2.0 * of_order, "noise {of_fusion} of fusion, {of_order} of the order of sums");
    }
}
