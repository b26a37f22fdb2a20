//! What the forward and the backward pass append to: a plan, the buffers that outlive a step, and where things lie in them.

use std::ops::Range;

use super::parameters::{ParameterTable, Slot};
use super::shape::NetworkShape;
use crate::nn::mobilenet_v2::Layer;
use crate::nn::{Activations, Convolution};
use crate::ops::{Activation, BatchNorm, BatchNormCombine, Pointwise, SumOfParts, padded_channels};
use crate::plan::{ALIGNMENT, Plan, RowParts, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// The buffers that outlive a step. Every plan of a network makes them first and in this order, so their views are the same
/// in all.
#[derive(Debug, Clone)]
pub struct NetworkBuffers {
    /// All weights, as [`ParameterTable`] lays them out.
    pub weights: View,
    /// Batch norm's running statistics.
    pub running: View,
    /// Batch norm's statistics of the last batch, in the same layout.
    pub of_batch: View,
    /// The gradients of the trained part of the weights.
    pub gradients: View,
    /// The weights of layers that run with batch norm folded.
    pub folded: View,
    /// Zeros: the bias of a product that has none.
    pub zeros: View,
    /// Mean losses, f32.
    pub losses: View,
    /// Right predictions of each attribute since they were last cleared, u32, padded.
    pub correct: View,
}

impl NetworkBuffers {
    fn new(plan: &mut Plan, shape: &NetworkShape, table: &ParameterTable, folded: usize, losses: usize) -> NetworkBuffers {
        let mut values = |label: &str, count: usize| plan.persistent(label, 4 * count.max(64) as u64);
        let widest = shape.layers.iter().flat_map(|layer| [layer.inputs, layer.outputs]).chain([shape.head.features]);
        let widest = widest.chain(shape.head.hidden).chain([shape.head.attributes]).map(padded_channels).max().unwrap_or(4);
        NetworkBuffers {
            weights: values("weights", table.weights),
            running: values("running statistics", table.statistics),
            of_batch: values("batch statistics", table.statistics),
            gradients: values("gradients", table.trained),
            folded: values("folded weights", folded),
            zeros: values("zeros", widest as usize),
            losses: values("losses", losses),
            correct: values("correct", padded_channels(shape.head.attributes) as usize),
        }
    }

    /// All of them, to share between programs.
    pub fn views(&self) -> [View; 8] {
        let NetworkBuffers { weights, running, of_batch, gradients, folded, zeros, losses, correct } = *self;
        [weights, running, of_batch, gradients, folded, zeros, losses, correct]
    }
}

/// What a convolution reads, as the backward pass finds it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A tensor that is kept: the input, or the sum that ends a residual block.
    Kept(Activations),
    /// The activated result of an earlier layer, recomputed from its raw one.
    Activated(usize),
}

/// What the backward pass needs of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    /// What it read.
    pub source: Source,
    /// Its result before batch norm.
    pub raw: Activations,
}

/// A plan under construction.
pub(super) struct Builder<'a> {
    pub plan: Plan,
    pub shape: &'a NetworkShape,
    pub table: &'a ParameterTable,
    pub profile: &'a DeviceProfile,
    pub batch: u32,
    pub buffers: NetworkBuffers,
    /// One for each convolution that the backward pass goes through.
    pub saved: Vec<Option<Saved>>,
    /// The steps that move running statistics, with their parameters as planned.
    pub moving: Vec<(usize, BatchNormCombine)>,
}

impl<'a> Builder<'a> {
    /// `folded` is the number of folded weights, `losses` how many mean losses are kept.
    pub fn new(
        label: &str,
        shape: &'a NetworkShape,
        table: &'a ParameterTable,
        profile: &'a DeviceProfile,
        batch: u32,
        [folded, losses]: [usize; 2],
    ) -> Builder<'a> {
        let mut plan = Plan::new(label);
        let buffers = NetworkBuffers::new(&mut plan, shape, table, folded, losses);
        Builder { plan, shape, table, profile, batch, buffers, saved: vec![None; shape.layers.len()], moving: Vec::new() }
    }

    /// A part of the zeros.
    pub fn zeros(&self, count: u32) -> View {
        View { bytes: 4 * u64::from(count), ..self.buffers.zeros }
    }

    /// A transient tensor of `count` numbers.
    pub fn values(&mut self, label: &str, count: u64) -> View {
        self.plan.transient(label, 4 * count)
    }

    /// A transient tensor \[batch, channels\].
    pub fn rows(&mut self, label: &str, channels: u32) -> View {
        self.values(label, u64::from(self.batch) * u64::from(channels))
    }

    /// A transient tensor of the same shape.
    pub fn like(&mut self, label: &str, other: Activations) -> Activations {
        Activations { view: self.plan.transient(label, other.view.bytes), ..other }
    }

    /// A layer without its activation: training needs its raw result.
    pub fn convolution<'b>(&self, layer: &'b Layer) -> Convolution<'b> {
        Convolution { layer, padding: self.shape.padding, activation: Activation::None, layout: WeightLayout::Rows }
    }

    /// Appends batch norm with the statistics of this batch, the layer's activation and a shortcut: its activated result.
    pub fn activated(&mut self, index: usize, raw: Activations, shortcut: Option<Activations>) -> Activations {
        let (shape, table) = (self.shape, self.table);
        let (layer, slots) = (&shape.layers[index], &table.layers[index]);
        let label = format!("{} activated", layer.convolution);
        let y = self.like(&label, raw);
        let statistics = slots.running.view(self.buffers.of_batch);
        let affine = slots.affine.view(self.buffers.weights);
        let mut tensors = vec![raw, y];
        tensors.extend(shortcut);
        for range in crate::nn::dispatches(self.profile.capabilities.binding_bytes, &tensors) {
            let rows = (range.end - range.start) * raw.positions();
            let activation = layer.activation();
            let norm = BatchNorm { rows, channels: raw.channels, epsilon: shape.epsilon, activation };
            let shortcut = shortcut.map(|shortcut| shortcut.images(&range));
            self.plan.push(norm.step(&label, raw.images(&range), statistics, affine, shortcut, y.images(&range)));
        }
        y
    }

    /// Appends the statistics of the batch from those of its parts, and what moves the running ones by them.
    pub fn combine(&mut self, label: &str, combine: BatchNormCombine, of_parts: View, running: &Slot) {
        if combine.momentum < 1.0 {
            self.moving.push((self.plan.steps().len(), combine));
        }
        let (of_batch, running) = (running.view(self.buffers.of_batch), running.view(self.buffers.running));
        self.plan.push(combine.step(label, of_parts, of_batch, running));
    }

    /// Appends y = activation(x · w + bias) over the batch.
    pub fn product(&mut self, label: &str, [inputs, outputs]: [u32; 2], activation: Activation, operands: [View; 3], y: View) {
        let layer = Pointwise { rows: self.batch, inputs, outputs, layout: WeightLayout::Rows, activation };
        self.plan.push(layer.step(label, layer.choice(self.profile), self.profile.capabilities.subgroup_size, operands, None, y));
    }

    /// Appends the sum of parts into a slot of the gradients.
    pub fn sum_into(&mut self, label: &str, parts: View, count: u32, slot: &Slot) {
        let gradient = slot.view(self.buffers.gradients);
        let sum = SumOfParts { count, elements: (gradient.bytes / 4) as u32 };
        self.plan.push(sum.step(label, parts, gradient));
    }
}

/// How the rows of a batch are summed in parts when it takes several dispatches, of `rows_an_image` rows an image: parts of
/// one length throughout, whose results of `part_bytes` bytes start where every adapter can bind them. `wanted` chooses for
/// the rows of a dispatch.
pub(super) fn row_parts(
    ranges: &[Range<u32>],
    rows_an_image: u32,
    part_bytes: u64,
    wanted: impl Fn(u32) -> RowParts,
) -> RowParts {
    let images = ranges.last().map_or(0, |range| range.end);
    let dispatch = ranges.first().map_or(0, |range| range.end - range.start) * rows_an_image;
    let wanted = wanted(dispatch);
    if ranges.len() < 2 {
        return wanted;
    }
    let even = |count: &u32| dispatch.is_multiple_of(*count) && (u64::from(*count) * part_bytes).is_multiple_of(ALIGNMENT);
    let count = (wanted.count()..dispatch).find(even).unwrap_or(dispatch);
    RowParts { rows: images * rows_an_image, rows_a_part: dispatch / count }
}

/// The parts of one dispatch among those of the batch: their rows, and where their results of `part_bytes` bytes go.
pub(super) fn of_dispatch(
    parts: RowParts,
    range: &Range<u32>,
    rows_an_image: u32,
    part_bytes: u64,
    all: View,
) -> (RowParts, View) {
    let rows = RowParts { rows: (range.end - range.start) * rows_an_image, ..parts };
    let first = u64::from(range.start * rows_an_image / parts.rows_a_part);
    let view = View { tensor: all.tensor, offset: all.offset + first * part_bytes, bytes: u64::from(rows.count()) * part_bytes };
    (rows, view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_several_dispatches_line_up() {
        let wanted = |rows| RowParts { rows, rows_a_part: 2048 };
        let ranges = [0..27, 27..54, 54..64];
        let parts = row_parts(&ranges, 112 * 112, 4 * 2 * 96, wanted);
        assert_eq!(parts.rows, 64 * 12544);
        assert!(parts.rows_a_part <= 2048 && (27 * 12544) % parts.rows_a_part == 0, "{parts:?}");
        let mut plan = Plan::new("test");
        let all = plan.transient("parts", u64::from(parts.count()) * 768);
        let mut end = 0;
        for range in &ranges {
            let (rows, view) = of_dispatch(parts, range, 12544, 768, all);
            assert_eq!((view.offset, view.offset % ALIGNMENT), (end, 0));
            assert_eq!(rows.rows, (range.end - range.start) * 12544);
            end += view.bytes;
        }
        assert_eq!(end, all.bytes);
        // One dispatch takes what is wanted.
        assert_eq!(row_parts(std::slice::from_ref(&(0..64)), 49, 768, wanted), RowParts { rows: 64 * 49, rows_a_part: 2048 });
    }
}
