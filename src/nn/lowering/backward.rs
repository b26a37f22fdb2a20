//! The backward pass. Each layer has a rule that computes the gradients with respect to its parameters and its input from the
//! gradient with respect to its result. "Gradient of x" is short for the gradient of the loss with respect to x.

use super::{Activations, Lowering, RunLayer, Saved, Source, is_residual};
use crate::nn::network::{Convolution, ConvolutionKind, DenseLayer, NormLayer};
use crate::nn::training::LayerSlots;
use crate::ops::{
    Activation, ActivationBackward, Add, BatchNormBackwardInput, BatchNormBackwardWeight, ColumnSum, DenseBackwardWeight,
    Depthwise, DepthwiseBackwardInput, DepthwiseBackwardWeight, Dropout, GlobalAveragePool, GlobalAveragePoolBackwardInput,
    LayerInput, Normalised, OperandScale, Pointwise, Stem, StemBackwardInput, StemBackwardWeight, Transpose,
};
use crate::plan::{RowParts, View, WeightLayout};
use crate::profiles::DeviceProfile;

impl Lowering<'_> {
    /// Appends the backward pass of `run`, from the gradient of its result to the gradients of all trained parameters. The
    /// forward pass must have appended the same layers before.
    pub fn backward(&mut self, run: &[RunLayer], by_result: Activations) {
        let Some(first) = run.iter().position(RunLayer::is_trained) else { return };
        let saved = std::mem::take(&mut self.saved);
        let mut gradient = by_result;
        // The gradient of the result of the layer's block. The shortcut of a residual block passes it on to the input.
        let mut by_block = gradient;
        for at in (first..run.len()).rev() {
            let wants_input = at > first;
            gradient = match (run[at], saved[at]) {
                (RunLayer::Normalised { layer, slots, .. }, Saved::Convolution { source, raw }) => {
                    if run.get(at + 1).and_then(RunLayer::block) != Some(layer.block) {
                        by_block = gradient;
                    }
                    let by_raw = self.norm_backward((layer, slots), raw, gradient);
                    let (x, normalised) = self.input_of(run, &saved, source);
                    self.convolution_weight(layer, slots, (x, normalised), by_raw);
                    if !wants_input {
                        return;
                    }
                    let begins_block = run[at - 1].block() != Some(layer.block);
                    let shortcut = (begins_block && is_residual(run, layer.block)).then_some(by_block);
                    self.convolution_input((layer, slots), x, by_raw, shortcut)
                }
                (RunLayer::Pool, Saved::Pool(x)) => self.pool_backward(x, gradient),
                (RunLayer::Dense { layer, slots: Some(slots), .. }, Saved::Dense { x, basis }) => {
                    match self.dense_backward((layer, slots), [x, basis], gradient, wants_input) {
                        Some(by_input) => by_input,
                        None => return,
                    }
                }
                (RunLayer::BatchNorm { layer, slots }, Saved::Rows(x)) => self.feature_norm_backward(layer, slots, x, gradient),
                (RunLayer::Dropout { rate, mask, .. }, Saved::Rows(x)) => {
                    let by_input = self.rows("gradient of normalised", x.batch, x.channels);
                    let dropout = Dropout { rows: x.batch, channels: x.channels, rate };
                    self.plan.push(dropout.step("dropout input gradient", gradient.view, mask, by_input.view));
                    by_input
                }
                (layer, saved) => panic!("no backward rule for {layer:?} with {saved:?} from the forward pass"),
            };
        }
    }

    /// Returns the input of a convolution: a tensor, or the raw result of an earlier layer with the batch norm to apply to it.
    fn input_of(&self, run: &[RunLayer], saved: &[Saved], source: Source) -> (Activations, Option<Normalised>) {
        match source {
            Source::Stored(x) => (x, None),
            Source::Activated(before) => match (run[before], saved[before]) {
                (RunLayer::Normalised { layer, slots, .. }, Saved::Convolution { raw, .. }) => {
                    (raw, Some(self.normalised(layer, slots)))
                }
                (layer, saved) => panic!("a convolution cannot read {layer:?} with {saved:?} from the forward pass"),
            },
        }
    }

    /// Appends the gradient of a pool's input `x` from that of the means.
    fn pool_backward(&mut self, x: Activations, by_means: Activations) -> Activations {
        let gradient = self.like("gradient of the last activations", x);
        self.each(&[x, by_means], |_, range| {
            let layer = GlobalAveragePool { batch: range.end - range.start, positions: x.positions(), channels: x.channels };
            let step = GlobalAveragePoolBackwardInput { layer };
            step.step("pool input gradient", by_means.images(range), gradient.images(range))
        });
        gradient
    }

    /// Appends the gradients of gamma and beta of a convolution's batch norm, and returns the gradient of its raw result from
    /// `gy`, that of its activated result.
    fn norm_backward(&mut self, (layer, slots): (&Convolution, &LayerSlots), raw: Activations, gy: Activations) -> Activations {
        let Normalised { statistics, affine, epsilon, activation } = self.normalised(layer, slots);
        let channels = raw.channels;
        let label = format!("{} norm weight gradient", layer.name);
        let sizes = (raw.positions(), 8 * u64::from(channels));
        let split = |profile: &DeviceProfile, _, rows| profile.row_parts(rows, (channels / 4).div_ceil(4));
        let (of_parts, parts) = self.sum_rows(&label, &[raw, gy], sizes, split, |_, range, rows, view| {
            let norm = BatchNormBackwardWeight { rows, channels, epsilon, activation };
            norm.step(&label, gy.images(range), raw.images(range), statistics, affine, view)
        });
        self.sum_into(&label, of_parts, parts.count(), slots.affine());
        let label = format!("{} norm input gradient", layer.name);
        let gradients = slots.affine().view(self.buffers().gradients);
        let by_raw = self.like(&label, raw);
        self.each(&[raw, gy, by_raw], |_, range| {
            let rows = (range.end - range.start) * raw.positions();
            let norm = BatchNormBackwardInput { rows, all_rows: parts.rows, channels, epsilon, training: true, activation };
            let [gy, x, by_x] = [gy, raw, by_raw].map(|tensor| tensor.images(range));
            norm.step(&label, gy, x, statistics, affine, gradients, by_x)
        });
        by_raw
    }

    /// Appends the weight gradient of a convolution. `x` is its input or, if `normalised` is given, the raw result that the input
    /// is computed from. `gy` is the gradient of the result.
    fn convolution_weight(
        &mut self,
        layer: &Convolution,
        slots: &LayerSlots,
        (x, normalised): (Activations, Option<Normalised>),
        gy: Activations,
    ) {
        let slot = slots.kernel();
        let label = format!("{} weight gradient", layer.name);
        let part_bytes = slot.view(self.buffers().gradients).bytes;
        let [inputs, outputs] = [x.channels, gy.channels];
        let linear = Activation::None;
        let (stem, depthwise) = (self.stem(layer, linear, x, gy, 0), self.depthwise(layer, linear, x, 0));
        let kind = layer.kind;
        // The sum runs over pixels in pointwise layers and over rows of pixels in the others.
        let rows_per_image = if kind == ConvolutionKind::Pointwise { gy.positions() } else { gy.extent[0] };
        let split = |profile: &DeviceProfile, batch, rows| match kind {
            ConvolutionKind::Stem => StemBackwardWeight::parts(profile, Stem { batch, ..stem }),
            ConvolutionKind::Depthwise => DepthwiseBackwardWeight::parts(profile, Depthwise { batch, ..depthwise }),
            ConvolutionKind::Pointwise => profile.row_parts(rows, inputs.div_ceil(32) * outputs.div_ceil(32)),
        };
        let sizes = (rows_per_image, part_bytes);
        let (of_parts, parts) = self.sum_rows(&label, &[x, gy], sizes, split, |profile, range, rows, view| {
            let (batch, gy_part) = (range.end - range.start, gy.images(range));
            let x_part = LayerInput { view: x.images(range), normalised };
            match kind {
                ConvolutionKind::Stem => {
                    StemBackwardWeight { layer: Stem { batch, ..stem }, rows }.step(&label, x_part.view, gy_part, view)
                }
                ConvolutionKind::Depthwise => {
                    let layer = Depthwise { batch, ..depthwise };
                    DepthwiseBackwardWeight { layer, rows }.step(&label, x_part, gy_part, view)
                }
                ConvolutionKind::Pointwise => {
                    let layer = DenseBackwardWeight { rows, inputs, outputs };
                    layer.step(&label, layer.choice(profile), profile, x_part, gy_part, view)
                }
            }
        });
        self.sum_into(&label, of_parts, parts.count(), slot);
    }

    /// Appends the input gradient of a convolution, and adds the gradient of a shortcut, if given.
    fn convolution_input(
        &mut self,
        (layer, slots): (&Convolution, &LayerSlots),
        x: Activations,
        gy: Activations,
        shortcut: Option<Activations>,
    ) -> Activations {
        let weight = slots.kernel().view(self.buffers().weights);
        let label = format!("{} input gradient", layer.name);
        let by_x = self.like(&label, x);
        let mut tensors = vec![gy, by_x];
        tensors.extend(shortcut);
        match layer.kind {
            ConvolutionKind::Pointwise => {
                let transposed = self.plan.transient(&format!("{} transposed", layer.name), weight.bytes);
                self.plan.push(Transpose { rows: x.channels, columns: gy.channels }.step(&label, weight, transposed));
                let zeros = self.zeros(x.channels);
                self.each(&tensors, |profile, range| {
                    let (rows, inputs, outputs) = ((range.end - range.start) * gy.positions(), gy.channels, x.channels);
                    let (layout, activation) = (WeightLayout::Rows, Activation::None);
                    let product = Pointwise { rows, inputs, outputs, layout, activation };
                    let operands = [gy.images(range), transposed, zeros];
                    let shortcut = shortcut.map(|shortcut| shortcut.images(range));
                    let (choice, scale) = (product.choice(profile), OperandScale::GRADIENT);
                    product.step_scaled(&label, choice, profile, operands, shortcut, by_x.images(range), scale)
                });
                by_x
            }
            ConvolutionKind::Depthwise => {
                let depthwise = self.depthwise(layer, Activation::None, x, 0);
                self.each(&tensors, |profile, range| {
                    let gradient = DepthwiseBackwardInput { layer: Depthwise { batch: range.end - range.start, ..depthwise } };
                    let variant = gradient.choice(profile).1;
                    gradient.step(&label, variant, gy.images(range), weight, by_x.images(range))
                });
                self.plus(&label, by_x, shortcut)
            }
            ConvolutionKind::Stem => {
                let stem = self.stem(layer, Activation::None, x, gy, 0);
                self.each(&tensors, |_, range| {
                    let gradient = StemBackwardInput { layer: Stem { batch: range.end - range.start, ..stem } };
                    gradient.step(&label, gy.images(range), weight, by_x.images(range))
                });
                self.plus(&label, by_x, shortcut)
            }
        }
    }

    /// Adds the gradient of a shortcut, if given. Blocks that begin with a pointwise layer need no step of their own for this.
    fn plus(&mut self, label: &str, by_x: Activations, shortcut: Option<Activations>) -> Activations {
        let Some(shortcut) = shortcut else { return by_x };
        let sum = self.like(label, by_x);
        self.each(&[by_x, shortcut, sum], |_, range| {
            let add = Add { rows: (range.end - range.start) * by_x.positions(), channels: by_x.channels };
            add.step(label, by_x.images(range), shortcut.images(range), sum.images(range))
        });
        sum
    }

    /// Appends the gradients of a dense layer's kernel and bias. Returns the gradient of its input `x` if `wants_input` is true.
    fn dense_backward(
        &mut self,
        (layer, slots): (&DenseLayer, &LayerSlots),
        [x, basis]: [Activations; 2],
        gy: Activations,
        wants_input: bool,
    ) -> Option<Activations> {
        let rows = x.batch;
        let label = |what: &str| format!("{} {what}", layer.label);
        let gradient = match layer.activation {
            Activation::None => gy,
            activation => {
                let gradient = self.rows(&label("gradient before activation"), rows, basis.channels);
                let backward = ActivationBackward { rows, channels: basis.channels, activation };
                self.plan.push(backward.step(&label("activation gradient"), gy.view, basis.view, gradient.view));
                gradient
            }
        };
        let buffers = self.buffers();
        let [inputs, outputs] = [x.channels, basis.channels];
        let whole = RowParts::whole(rows);
        let product = DenseBackwardWeight { rows: whole, inputs, outputs };
        let [kernel, bias] = [slots.kernel(), slots.bias()].map(|slot| slot.view(buffers.gradients));
        let choice = product.choice(&self.profile.with_mixed(false));
        self.plan.push(product.step(&label("weight gradient"), choice, self.profile, x.view, gradient.view, kernel));
        let sum = ColumnSum { rows: whole, channels: outputs };
        self.plan.push(sum.step(&label("bias gradient"), gradient.view, bias));
        wants_input.then(|| {
            let kernel = slots.kernel().view(buffers.weights);
            let label = label("input gradient");
            let transposed = self.plan.transient(&format!("{}, kernel transposed", layer.label), kernel.bytes);
            self.plan.push(Transpose { rows: inputs, columns: outputs }.step(&label, kernel, transposed));
            let by_x = self.rows(&label, rows, inputs);
            let operands: [View; 3] = [gradient.view, transposed, self.zeros(inputs)];
            self.product(&label, Activation::None, WeightLayout::Rows, operands, [gradient, by_x]);
            by_x
        })
    }

    /// Appends the gradients of gamma and beta of batch norm of features, and returns the gradient of its input `x`.
    fn feature_norm_backward(&mut self, layer: &NormLayer, slots: &LayerSlots, x: Activations, gy: Activations) -> Activations {
        let (buffers, rows, channels) = (self.buffers(), x.batch, x.channels);
        let statistics = slots.running().view(buffers.of_batch);
        let [affine, gradients] = [buffers.weights, buffers.gradients].map(|buffer| slots.affine().view(buffer));
        let (epsilon, activation) = (layer.epsilon, Activation::None);
        let norm = BatchNormBackwardWeight { rows: RowParts::whole(rows), channels, epsilon, activation };
        let label = format!("{} weight gradient", layer.label);
        self.plan.push(norm.step(&label, gy.view, x.view, statistics, affine, gradients));
        let norm = BatchNormBackwardInput { rows, all_rows: rows, channels, epsilon, training: true, activation };
        let label = format!("{} input gradient", layer.label);
        let by_x = self.rows(&label, rows, channels);
        self.plan.push(norm.step(&label, gy.view, x.view, statistics, affine, gradients, by_x.view));
        by_x
    }
}
