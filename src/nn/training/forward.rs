//! The forward pass of training: raw convolution results are kept, batch norm and activation are recomputed from them.

use super::builder::{Builder, Saved, Source, of_dispatch, row_parts};
use crate::nn::mobilenet_v2::{Backbone, ConvolutionKind, Layer, plan_pool};
use crate::nn::{Activations, dispatches};
use crate::ops::{BatchNormCombine, BatchNormStatistics, LayerInput, Normalised};
use crate::plan::{Precision, View};

impl Builder<'_> {
    /// Appends the convolutions and the pool: images \[batch, size, size, 4\] in, features \[batch, features\] out.
    /// `frozen` is the part that runs with batch norm folded.
    pub(super) fn backbone_forward(&mut self, frozen: &Backbone, input: View) -> View {
        let size = self.shape.size;
        let (batch, first) = (self.batch, frozen.layers().len());
        let folded = self.buffers.folded;
        let mut x = Activations { view: input, batch, extent: [size, size], channels: 4, precision: Precision::F32 };
        if first > 0 {
            x = frozen.plan_convolutions(&mut self.plan, self.profile, [batch, size], folded, input, &mut |_, _, _| ());
        }
        let (mut source, mut block_input, mut normalised) = (Source::Kept(x), x, None);
        let mut block = usize::MAX;
        let shape = self.shape;
        for (index, layer) in shape.layers.iter().enumerate().skip(first) {
            if layer.block != block {
                (block, block_input) = (layer.block, x);
            }
            let raw = self.raw(index, layer, (x, normalised));
            self.saved[index] = Some(Saved { source, raw });
            self.statistics(index, raw);
            // A depthwise convolution normalises what it loads, so that what was expanded is not written a second time.
            let feeds_depthwise = shape.layers.get(index + 1).is_some_and(|next| next.kind == ConvolutionKind::Depthwise);
            normalised = (feeds_depthwise && !layer.residual).then(|| self.normalised(index));
            let shortcut = layer.residual.then_some(block_input);
            x = if normalised.is_some() { raw } else { self.activated(index, raw, shortcut) };
            // The sum that ends a residual block cannot be recomputed from its own raw result alone.
            source = if layer.residual { Source::Kept(x) } else { Source::Activated(index) };
        }
        let features = self.rows("features", x.channels);
        plan_pool(&mut self.plan, self.profile, x, features);
        features
    }

    /// Appends a convolution of `x` or, with what normalises it, of what is made of it.
    fn raw(&mut self, index: usize, layer: &Layer, (x, normalised): (Activations, Option<Normalised>)) -> Activations {
        let convolution = self.convolution(layer);
        let raw = convolution.result(&mut self.plan, x);
        let weight = self.table.layers[index].kernel.view(self.buffers.weights);
        let zeros = self.zeros(raw.channels);
        if normalised.is_none() {
            convolution.push(&mut self.plan, self.profile, x, [weight, zeros], None, raw);
            return raw;
        }
        for range in dispatches(self.profile.capabilities.binding_bytes, &[x, raw]) {
            let shape = convolution.depthwise(x, range.end - range.start);
            let input = LayerInput { view: x.images(&range), normalised };
            let choice = shape.choice(self.profile);
            self.plan.push(shape.step_on(&layer.convolution, choice, input, [weight, zeros], raw.images(&range)));
        }
        raw
    }

    /// Appends the statistics of the batch; those of a trained layer move the running ones.
    fn statistics(&mut self, index: usize, raw: Activations) {
        let (shape, channels) = (self.shape, raw.channels);
        let label = format!("{} statistics", shape.layers[index].convolution);
        let ranges = dispatches(self.profile.capabilities.binding_bytes, &[raw]);
        let part_bytes = 8 * u64::from(channels);
        let profile = self.profile;
        let parts = row_parts(&ranges, raw.positions(), part_bytes, |rows| profile.row_parts(rows, (channels / 4).div_ceil(4)));
        let of_parts = self.plan.transient(&label, u64::from(parts.count()) * part_bytes);
        for range in ranges {
            let (rows, view) = of_dispatch(parts, &range, raw.positions(), part_bytes, of_parts);
            self.plan.push(BatchNormStatistics { rows, channels }.step(&label, raw.images(&range), view));
        }
        let combine = BatchNormCombine {
            rows: parts,
            channels,
            momentum: if index < shape.first_trained { 1.0 } else { shape.momentum },
            correction: shape.running_statistics.correction(parts.rows, true, shape.epsilon),
        };
        let table = self.table;
        self.combine(&label, combine, of_parts, &table.layers[index].running);
    }
}
