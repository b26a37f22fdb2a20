//! The forward pass, in inference and in training.
//!
//! Training stores the raw result of every convolution, before batch norm. The backward pass recomputes the activated result from
//! it.

use super::{Activations, Lowering, RunLayer, Saved, Source, TrainingNorm, is_residual};
use crate::nn::network::{Convolution, ConvolutionKind, NormLayer};
use crate::nn::training::LayerSlots;
use crate::ops::{
    Activation, ActivationForward, BatchNorm, BatchNormCombine, BatchNormStatistics, Dropout, DropoutMask, GlobalAveragePool,
    GradientBasis, Normalised, Pointwise,
};
use crate::plan::{Precision, RowParts, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// A function that is called with the index of each block of convolutions, its output, and the number of channels without
/// padding.
pub type Watch<'a> = dyn FnMut(usize, Activations, u32) + 'a;

/// The result of the layers so far.
#[derive(Clone, Copy)]
struct Value {
    activations: Activations,
    /// The batch norm and activation that the next kernel must apply to the activations while it loads them, if any.
    normalised: Option<Normalised>,
    source: Source,
    /// Index of the block of the last convolution.
    block: Option<usize>,
    /// The input of that block.
    block_input: Activations,
    /// Channels without padding.
    channels: u32,
}

impl Lowering<'_> {
    /// Appends the layers of `run` and returns the result of the last one, which it writes to `result`, if given.
    pub fn forward(&mut self, run: &[RunLayer], input: Activations, result: Option<View>, watch: &mut Watch) -> Activations {
        let source = Source::Stored(input);
        let mut value = Value { activations: input, normalised: None, source, block: None, block_input: input, channels: 0 };
        for (at, layer) in run.iter().enumerate() {
            let result = result.filter(|_| at + 1 == run.len());
            let block = layer.block();
            if block != value.block {
                if let Some(ended) = value.block {
                    watch(ended, value.activations, value.channels);
                }
                (value.block, value.block_input) = (block, value.activations);
            }
            let saved = self.layer(run, at, &mut value, result);
            value.channels = layer.convolution().map_or(value.channels, |layer| layer.outputs);
            self.saved.push(saved);
        }
        if let Some(ended) = value.block {
            watch(ended, value.activations, value.channels);
        }
        value.activations
    }

    /// Appends the layer at position `at` and returns the tensors that the backward pass needs.
    fn layer(&mut self, run: &[RunLayer], at: usize, value: &mut Value, result: Option<View>) -> Saved {
        let x = value.activations;
        let layout = WeightLayout::Panels;
        match run[at] {
            RunLayer::Folded(folded) => {
                let layer = folded.layer;
                let y = match result {
                    Some(view) => Activations { view, ..self.shape_of_result(layer, x) },
                    None => self.result(layer, x),
                };
                let residual = layer.residual.then_some(value.block_input);
                self.convolution((layer, layer.activation, layout), (x, None), folded.parameters, residual, y);
                value.set(y);
                Saved::Nothing
            }
            RunLayer::Fused { expand, depthwise, choice } => {
                let y = self.fused(expand, depthwise, choice, x);
                value.set(y);
                Saved::Nothing
            }
            RunLayer::FusedBlock { block, choice } => {
                let y = self.fused_block(block, choice, x);
                value.set(y);
                Saved::Nothing
            }
            RunLayer::Normalised { layer, slots, trained } => {
                let raw = self.raw(layer, slots, x, value.normalised);
                let saved = Saved::Convolution { source: value.source, raw };
                self.convolution_statistics(layer, slots, trained, raw);
                value.normalised = is_normalised_by_next(layer, &run[at + 1..]).then(|| self.normalised(layer, slots));
                value.activations = match value.normalised {
                    Some(_) => raw,
                    None => self.activated(layer, slots, raw, layer.residual.then_some(value.block_input)),
                };
                // The sum at the end of a residual block cannot be recomputed from the raw result alone, so it stays in memory.
                // The weight gradient of a stem reads activated values, so the input of a stem stays in memory, too.
                let stays = layer.residual || next_kind(run, at) == Some(ConvolutionKind::Stem);
                value.source = if stays { Source::Stored(value.activations) } else { Source::Activated(at) };
                saved
            }
            RunLayer::Pool => {
                let y = self.placed("features", x.batch, x.channels, result);
                let (positions, channels) = (x.positions(), x.channels);
                self.each(&[x, y], |_, range| {
                    let pool = GlobalAveragePool { batch: range.end - range.start, positions, channels };
                    pool.step("global average pool", x.precision, x.images(range), y.images(range))
                });
                value.set(y);
                Saved::Pool(x)
            }
            RunLayer::Dense { layer, parameters: [kernel, bias], layout, slots } => {
                let y = self.placed(&layer.label, x.batch, layer.outputs, result);
                value.set(y);
                // The gradient of some activations cannot be computed from their result, so their input is kept.
                let keeps_raw = slots.is_some() && layer.activation.gradient_basis() == GradientBasis::Input;
                if !keeps_raw {
                    self.product(&layer.label, layer.activation, layout, [x.view, kernel, bias], [x, y]);
                    return Saved::Dense { x, basis: y };
                }
                let raw = self.rows(&format!("{} raw", layer.label), x.batch, layer.outputs);
                self.product(&layer.label, Activation::None, layout, [x.view, kernel, bias], [x, raw]);
                let (rows, channels, activation) = (x.batch, y.channels, layer.activation);
                let label = format!("{} activation", layer.label);
                self.plan.push(ActivationForward { rows, channels, activation }.step(&label, raw.view, y.view));
                Saved::Dense { x, basis: raw }
            }
            RunLayer::BatchNorm { layer, slots } => {
                let y = self.feature_norm(layer, slots, x);
                value.set(y);
                Saved::Rows(x)
            }
            RunLayer::Dropout { rate, mask, seed } => {
                if let Some(seed) = seed {
                    let draw = DropoutMask { rows: x.batch, channels: x.channels, rate, seed, epoch: 0, first_sample: 0 };
                    self.draw = Some((self.plan.steps().len(), draw));
                    self.plan.push(draw.step("dropout mask", mask));
                }
                let y = self.rows("dropped", x.batch, x.channels);
                self.plan.push(Dropout { rows: x.batch, channels: x.channels, rate }.step("dropout", x.view, mask, y.view));
                value.set(y);
                Saved::Rows(x)
            }
        }
    }

    /// Returns a tensor \[batch, padded channels\] of 32-bit floats: `view` if given, otherwise a new transient one.
    fn placed(&mut self, label: &str, batch: u32, channels: u32, view: Option<View>) -> Activations {
        let channels = crate::ops::padded_channels(channels);
        match view {
            Some(view) => Activations { view, batch, extent: [1, 1], channels, precision: Precision::F32 },
            None => self.rows(label, batch, channels),
        }
    }

    /// Appends y = activation(x · w + bias) over the batch.
    pub(super) fn product(
        &mut self,
        label: &str,
        activation: Activation,
        layout: WeightLayout,
        operands: [View; 3],
        [x, y]: [Activations; 2],
    ) {
        let layer = Pointwise { rows: x.batch, inputs: x.channels, outputs: y.channels, layout, activation };
        // Features and the layers after them use 32-bit floats, even if the convolutions do not.
        let choice = layer.choice(&self.profile.with_precision(x.precision).with_mixed(false));
        self.plan.push(layer.step(label, choice, self.profile, operands, None, y.view));
    }

    /// Appends a convolution without bias and activation and returns its raw result.
    fn raw(&mut self, layer: &Convolution, slots: &LayerSlots, x: Activations, normalised: Option<Normalised>) -> Activations {
        let raw = self.result(layer, x);
        let parameters = [slots.kernel().view(self.buffers().weights), self.zeros(raw.channels)];
        self.convolution((layer, Activation::None, WeightLayout::Rows), (x, normalised), parameters, None, raw);
        raw
    }

    /// Appends mean and variance of a convolution's raw result. In a trained layer they also update the running statistics.
    fn convolution_statistics(&mut self, layer: &Convolution, slots: &LayerSlots, trained: bool, raw: Activations) {
        let channels = raw.channels;
        let label = format!("{} statistics", layer.name);
        let sizes = (raw.positions(), 8 * u64::from(channels));
        let split = |profile: &DeviceProfile, _, rows| profile.row_parts(rows, (channels / 4).div_ceil(4));
        let (of_parts, parts) = self.sum_rows(&label, &[raw], sizes, split, |_, range, rows, view| {
            BatchNormStatistics { rows, channels }.step(&label, raw.images(range), view)
        });
        let (_, TrainingNorm { momentum, running_statistics }) = self.training();
        let combine = BatchNormCombine {
            rows: parts,
            channels,
            momentum: if trained { momentum } else { 1.0 },
            correction: running_statistics.correction(parts.rows, true, self.epsilon),
        };
        self.combine(&label, combine, of_parts, slots);
    }

    /// Appends the step that combines the statistics of the parts of a batch and updates the running statistics.
    fn combine(&mut self, label: &str, combine: BatchNormCombine, of_parts: View, slots: &LayerSlots) {
        if combine.momentum < 1.0 {
            self.moving.push((self.plan.steps().len(), combine));
        }
        let buffers = self.buffers();
        let [of_batch, running] = [buffers.of_batch, buffers.running].map(|buffer| slots.running().view(buffer));
        self.plan.push(combine.step(label, of_parts, of_batch, running));
    }

    /// Appends batch norm with the statistics of the batch, the layer's activation, and the addition of a shortcut.
    fn activated(
        &mut self,
        layer: &Convolution,
        slots: &LayerSlots,
        raw: Activations,
        shortcut: Option<Activations>,
    ) -> Activations {
        let label = format!("{} activated", layer.name);
        let y = self.like(&label, raw);
        let Normalised { statistics, affine, epsilon, activation } = self.normalised(layer, slots);
        let mut tensors = vec![raw, y];
        tensors.extend(shortcut);
        self.each(&tensors, |_, range| {
            let rows = (range.end - range.start) * raw.positions();
            let norm = BatchNorm { rows, channels: raw.channels, epsilon, activation };
            let shortcut = shortcut.map(|shortcut| shortcut.images(range));
            norm.step(&label, raw.images(range), statistics, affine, shortcut, y.images(range))
        });
        y
    }

    /// Appends batch norm of features with the statistics of the batch.
    fn feature_norm(&mut self, layer: &NormLayer, slots: &LayerSlots, x: Activations) -> Activations {
        // A batch of features is small enough to be summed in a single part.
        let (rows, channels) = (RowParts::whole(x.batch), x.channels);
        let label = format!("{} statistics", layer.label);
        let of_parts = self.plan.transient(&label, 8 * u64::from(channels));
        self.plan.push(BatchNormStatistics { rows, channels }.step(&label, x.view, of_parts));
        let (buffers, TrainingNorm { running_statistics, .. }) = self.training();
        let correction = running_statistics.correction(x.batch, false, layer.epsilon);
        let combine = BatchNormCombine { rows, channels, momentum: layer.momentum, correction };
        self.combine(&label, combine, of_parts, slots);
        let y = self.rows(&format!("{} normalised", layer.label), x.batch, channels);
        let norm = BatchNorm { rows: x.batch, channels, epsilon: layer.epsilon, activation: Activation::None };
        let [statistics, affine] = [slots.running().view(buffers.of_batch), slots.affine().view(buffers.weights)];
        self.plan.push(norm.step(&layer.label, x.view, statistics, affine, None, y.view));
        y
    }
}

impl Value {
    /// Sets the value to the result of a layer that needs no further normalisation.
    fn set(&mut self, y: Activations) {
        (self.activations, self.normalised, self.source) = (y, None, Source::Stored(y));
    }
}

/// Returns the kind of the layer after position `at`, if it is a convolution.
fn next_kind(run: &[RunLayer], at: usize) -> Option<ConvolutionKind> {
    run.get(at + 1).and_then(RunLayer::convolution).map(|layer| layer.kind)
}

/// Returns whether the next layer applies this layer's batch norm and activation while it loads its input, which saves writing an
/// expanded tensor a second time. Only depthwise convolutions can do this. A residual block needs its input in memory, so the
/// layer before it must write its activated result.
fn is_normalised_by_next(layer: &Convolution, rest: &[RunLayer]) -> bool {
    let Some(RunLayer::Normalised { layer: next, .. }) = rest.first() else { return false };
    let begins_residual = next.block != layer.block && is_residual(rest, next.block);
    next.kind == ConvolutionKind::Depthwise && !layer.residual && !begins_residual
}
