//! The backward pass through the convolutions: batch norm with its activation's mask, weights, inputs.

use super::builder::{Builder, Saved, Source, of_dispatch, row_parts};
use crate::nn::mobilenet_v2::ConvolutionKind;
use crate::nn::{Activations, dispatches};
use crate::ops::{
    Activation, BatchNormBackwardInput, BatchNormBackwardWeight, DenseBackwardWeight, DepthwiseBackwardInput,
    DepthwiseBackwardWeight, GlobalAveragePool, GlobalAveragePoolBackwardInput, LayerInput, Normalised, Pointwise,
    StemBackwardWeight, Transpose,
};
use crate::plan::{View, WeightLayout};

impl Builder<'_> {
    /// Appends everything from the gradient by the features to those by the weights of the first trained layer.
    pub(super) fn backbone_backward(&mut self, by_features: View) {
        let shape = self.shape;
        let Some(Saved { raw: last, .. }) = self.saved.last().copied().flatten() else { return };
        if shape.first_trained >= shape.layers.len() {
            return;
        }
        let mut gradient = self.like("gradient of the last activations", last);
        let pooled = Activations { view: by_features, extent: [1, 1], ..last };
        for range in dispatches(self.profile.capabilities.binding_bytes, &[last, pooled]) {
            let layer =
                GlobalAveragePool { batch: range.end - range.start, positions: last.positions(), channels: last.channels };
            self.plan.push(GlobalAveragePoolBackwardInput { layer }.step(
                "pool dx",
                pooled.images(&range),
                gradient.images(&range),
            ));
        }
        let mut by_block = gradient;
        for index in (shape.first_trained..shape.layers.len()).rev() {
            let Some(saved) = self.saved[index] else { continue };
            let layer = &shape.layers[index];
            let ends_block = shape.layers.get(index + 1).is_none_or(|next| next.block != layer.block);
            if ends_block {
                by_block = gradient;
            }
            let by_raw = self.norm_backward(index, saved.raw, gradient);
            let (x, normalised) = match saved.source {
                Source::Kept(x) => (x, None),
                Source::Activated(before) => match self.saved[before] {
                    Some(Saved { raw, .. }) => (raw, Some(self.normalised(before))),
                    None => continue,
                },
            };
            self.weights_backward(index, (x, normalised), by_raw);
            if index == shape.first_trained {
                break;
            }
            let begins_block = shape.layers[index - 1].block != layer.block;
            let block_is_residual = shape.layers.iter().any(|other| other.block == layer.block && other.residual);
            let shortcut = (begins_block && block_is_residual).then_some(by_block);
            gradient = self.input_backward(index, x, by_raw, shortcut);
        }
    }

    /// From the gradient by a layer's activated result to that by its raw one.
    fn norm_backward(&mut self, index: usize, raw: Activations, gy: Activations) -> Activations {
        let (shape, table, profile) = (self.shape, self.table, self.profile);
        let (layer, slots) = (&shape.layers[index], &table.layers[index]);
        let statistics = slots.running.view(self.buffers.of_batch);
        let affine = slots.affine.view(self.buffers.weights);
        let (channels, epsilon, activation) = (raw.channels, shape.epsilon, layer.activation());
        let label = format!("{} norm dw", layer.convolution);
        let ranges = dispatches(profile.capabilities.binding_bytes, &[raw, gy]);
        let part_bytes = 8 * u64::from(channels);
        let parts = row_parts(&ranges, raw.positions(), part_bytes, |rows| profile.row_parts(rows, (channels / 4).div_ceil(4)));
        let of_parts = self.plan.transient(&label, u64::from(parts.count()) * part_bytes);
        for range in &ranges {
            let (rows, view) = of_dispatch(parts, range, raw.positions(), part_bytes, of_parts);
            let norm = BatchNormBackwardWeight { rows, channels, epsilon, activation };
            self.plan.push(norm.step(&label, gy.images(range), raw.images(range), statistics, affine, view));
        }
        self.sum_into(&label, of_parts, parts.count(), &slots.affine);

        let label = format!("{} norm dx", layer.convolution);
        let gradients = slots.affine.view(self.buffers.gradients);
        let dx = self.like(&label, raw);
        for range in dispatches(profile.capabilities.binding_bytes, &[raw, gy, dx]) {
            let rows = (range.end - range.start) * raw.positions();
            let norm = BatchNormBackwardInput { rows, all_rows: parts.rows, channels, epsilon, training: true, activation };
            let (gy, x, dx) = (gy.images(&range), raw.images(&range), dx.images(&range));
            self.plan.push(norm.step(&label, gy, x, statistics, affine, gradients, dx));
        }
        dx
    }

    /// What makes the activated result of a layer of its raw one, while a kernel loads it.
    pub(super) fn normalised(&self, index: usize) -> Normalised {
        let (layer, slots) = (&self.shape.layers[index], &self.table.layers[index]);
        Normalised {
            statistics: slots.running.view(self.buffers.of_batch),
            affine: slots.affine.view(self.buffers.weights),
            epsilon: self.shape.epsilon,
            activation: layer.activation(),
        }
    }

    /// The gradient by a layer's weights; `x` is its input or, with what normalises it, the raw result that it is made of.
    fn weights_backward(&mut self, index: usize, (x, normalised): (Activations, Option<Normalised>), gy: Activations) {
        let (shape, table, profile) = (self.shape, self.table, self.profile);
        let (layer, slot) = (&shape.layers[index], &table.layers[index].kernel);
        let label = format!("{} dw", layer.convolution);
        let convolution = self.convolution(layer);
        let part_bytes = slot.view(self.buffers.gradients).bytes;
        let ranges = dispatches(profile.capabilities.binding_bytes, &[x, gy]);
        let images = ranges.first().map_or(0, |range| range.end - range.start);
        let [inputs, outputs] = [x.channels, gy.channels];
        // Depthwise and first layers are summed over rows of pixels, pointwise ones over pixels.
        let rows_an_image = if layer.kind == ConvolutionKind::Pointwise { gy.positions() } else { gy.extent[0] };
        let parts = row_parts(&ranges, rows_an_image, part_bytes, |rows| match layer.kind {
            ConvolutionKind::Stem => StemBackwardWeight::parts(profile, convolution.stem(x, gy, images)),
            ConvolutionKind::Depthwise => DepthwiseBackwardWeight::parts(profile, convolution.depthwise(x, images)),
            ConvolutionKind::Pointwise => profile.row_parts(rows, inputs.div_ceil(32) * outputs.div_ceil(32)),
        });
        let of_parts = self.plan.transient(&label, u64::from(parts.count()) * part_bytes);
        for range in &ranges {
            let (rows, dw) = of_dispatch(parts, range, rows_an_image, part_bytes, of_parts);
            let (images, gy_part) = (range.end - range.start, gy.images(range));
            let x_part = LayerInput { view: x.images(range), normalised };
            let step = match layer.kind {
                ConvolutionKind::Stem => {
                    StemBackwardWeight { layer: convolution.stem(x, gy, images), rows }.step(&label, x_part.view, gy_part, dw)
                }
                ConvolutionKind::Depthwise => {
                    DepthwiseBackwardWeight { layer: convolution.depthwise(x, images), rows }.step(&label, x_part, gy_part, dw)
                }
                ConvolutionKind::Pointwise => {
                    let layer = DenseBackwardWeight { rows, inputs, outputs };
                    layer.step(&label, layer.choice(profile), profile.capabilities.subgroup_size, x_part, gy_part, dw)
                }
            };
            self.plan.push(step);
        }
        self.sum_into(&label, of_parts, parts.count(), slot);
    }

    /// The gradient by a layer's input, with that of a shortcut added.
    fn input_backward(&mut self, index: usize, x: Activations, gy: Activations, shortcut: Option<Activations>) -> Activations {
        let (shape, profile) = (self.shape, self.profile);
        let layer = &shape.layers[index];
        let weight = self.table.layers[index].kernel.view(self.buffers.weights);
        let label = format!("{} dx", layer.convolution);
        let dx = self.like(&label, x);
        let mut tensors = vec![gy, dx];
        tensors.extend(shortcut);
        let ranges = dispatches(profile.capabilities.binding_bytes, &tensors);
        match layer.kind {
            ConvolutionKind::Pointwise => {
                let transposed = self.values(&format!("{} transposed", layer.convolution), weight.bytes / 4);
                self.plan.push(Transpose { rows: x.channels, columns: gy.channels }.step(&label, weight, transposed));
                for range in ranges {
                    let (rows, inputs, outputs) = ((range.end - range.start) * gy.positions(), gy.channels, x.channels);
                    let layout = WeightLayout::Rows;
                    let product = Pointwise { rows, inputs, outputs, layout, activation: Activation::None };
                    let family = product.choice(profile);
                    let operands = [gy.images(&range), transposed, self.zeros(outputs)];
                    let shortcut = shortcut.map(|shortcut| shortcut.images(&range));
                    self.plan.push(product.step(
                        &label,
                        family,
                        profile.capabilities.subgroup_size,
                        operands,
                        shortcut,
                        dx.images(&range),
                    ));
                }
                dx
            }
            // The first layer's input is the image, and nothing asks for its gradient.
            ConvolutionKind::Stem => dx,
            ConvolutionKind::Depthwise => {
                let convolution = self.convolution(layer);
                for range in ranges {
                    let layer = convolution.depthwise(x, range.end - range.start);
                    let variant = DepthwiseBackwardInput { layer }.choice(profile).1;
                    let (gy, dx) = (gy.images(&range), dx.images(&range));
                    self.plan.push(DepthwiseBackwardInput { layer }.step(&label, variant, gy, weight, dx));
                }
                self.plus(&label, dx, shortcut)
            }
        }
    }

    /// The sum with a shortcut's gradient, where a block begins with a depthwise layer.
    fn plus(&mut self, label: &str, dx: Activations, shortcut: Option<Activations>) -> Activations {
        let Some(shortcut) = shortcut else { return dx };
        let sum = self.like(label, dx);
        for range in dispatches(self.profile.capabilities.binding_bytes, &[dx, shortcut, sum]) {
            let rows = (range.end - range.start) * dx.positions();
            let add = crate::ops::Add { rows, channels: dx.channels };
            self.plan.push(add.step(label, dx.images(&range), shortcut.images(&range), sum.images(&range)));
        }
        sum
    }
}
