//! Lowering: from the layers of a network to the steps of a plan.
//!
//! A network is lowered from a list of [`RunLayer`]s, which say what runs and with which parameters. Inference, training and
//! evaluation differ only in that list: inference runs layers with batch norm folded, training runs them with the statistics
//! of the batch and walks the same list backwards. Batches are cut to the device's binding limit here and nowhere else
//! ([`Lowering::each`], [`Lowering::sum_rows`]).

mod activations;
mod backward;
mod forward;
mod fusion;
mod loss;

use std::ops::Range;

pub use activations::{Activations, dispatches};
pub use loss::{Loss, LossTensors};

use super::network::{Convolution, ConvolutionKind, DenseLayer, NormLayer};
use super::training::{LayerSlots, RunningStatistics, Slot};
use crate::ops::{
    Activation, BatchNormCombine, Choice, Depthwise, DropoutMask, LayerInput, Normalised, Padding, Pointwise, Stem, SumOfParts,
};
use crate::plan::{ALIGNMENT, Plan, RowParts, Step, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// A layer as it runs: with the parameters that it reads.
#[derive(Debug, Clone, Copy)]
pub enum RunLayer<'a> {
    /// A convolution with batch norm folded into its weight and bias.
    Folded(FoldedConvolution<'a>),
    /// A folded pointwise convolution and the depthwise one after it, in one kernel.
    Fused {
        /// The pointwise convolution.
        expand: FoldedConvolution<'a>,
        /// The depthwise convolution.
        depthwise: FoldedConvolution<'a>,
        /// The kernel that computes both.
        choice: Choice,
    },
    /// A convolution with the batch norm of the batch's own statistics.
    Normalised {
        /// The convolution.
        layer: &'a Convolution,
        /// Where its parameters lie.
        slots: &'a LayerSlots,
        /// Whether its weights are trained and its running statistics move.
        trained: bool,
    },
    /// The global average pool.
    Pool,
    /// A dense layer.
    Dense {
        /// The layer.
        layer: &'a DenseLayer,
        /// Kernel and bias.
        parameters: [View; 2],
        /// Order of the kernel.
        layout: WeightLayout,
        /// Where its parameters and gradients lie, if it is trained.
        slots: Option<&'a LayerSlots>,
    },
    /// Batch norm of features with the batch's own statistics.
    BatchNorm {
        /// The layer.
        layer: &'a NormLayer,
        /// Where its parameters lie.
        slots: &'a LayerSlots,
    },
    /// Dropout.
    Dropout {
        /// The share of values that is dropped.
        rate: f32,
        /// \[batch, channels\], u32: the values that are kept.
        mask: View,
        /// The seed of the step that draws the mask; nothing where the mask is given.
        seed: Option<u32>,
    },
}

impl RunLayer<'_> {
    /// Returns whether the backward pass computes gradients of its parameters.
    fn is_trained(&self) -> bool {
        match self {
            RunLayer::Normalised { trained, .. } => *trained,
            RunLayer::Dense { slots, .. } => slots.is_some(),
            RunLayer::BatchNorm { .. } => true,
            _ => false,
        }
    }
}

/// A convolution with the weight and bias that batch norm is folded into.
#[derive(Debug, Clone, Copy)]
pub struct FoldedConvolution<'a> {
    /// The convolution.
    pub layer: &'a Convolution,
    /// Weight and bias.
    pub parameters: [View; 2],
}

/// The buffers that training reads and writes beside activations.
#[derive(Debug, Clone, Copy)]
pub struct TrainingBuffers {
    /// All weights.
    pub weights: View,
    /// Running statistics of batch norm.
    pub running: View,
    /// Statistics of the last batch, in the same layout.
    pub of_batch: View,
    /// Gradients of the trained weights.
    pub gradients: View,
    /// Zeros: the bias of a product that has none.
    pub zeros: View,
}

/// How training treats batch norm.
#[derive(Debug, Clone, Copy)]
pub struct TrainingNorm {
    /// What the running statistics of convolutions keep of themselves in a step.
    pub momentum: f32,
    /// How statistics of batches become running ones.
    pub running_statistics: RunningStatistics,
}

/// What the backward pass needs of a layer.
#[derive(Debug, Clone, Copy)]
enum Saved {
    /// Nothing: the layer is frozen.
    Nothing,
    /// Of a convolution: what it read, and its result before batch norm.
    Convolution { source: Source, raw: Activations },
    /// Of a pool: the shape of what it read.
    Pool(Activations),
    /// Of a dense layer: what it read, and what the gradient of its activation is computed from.
    Dense { x: Activations, basis: Activations },
    /// Of batch norm and dropout: what it read.
    Rows(Activations),
}

/// What a convolution reads, as the backward pass finds it.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A tensor that is kept: the input, or the sum that ends a residual block.
    Kept(Activations),
    /// The activated result of an earlier layer of the list, recomputed from its raw one.
    Activated(usize),
}

/// A plan under construction.
pub struct Lowering<'a> {
    /// The plan.
    pub plan: &'a mut Plan,
    /// The device that it is made for.
    pub profile: &'a DeviceProfile,
    /// Where windows start.
    pub padding: Padding,
    /// What the batch norm of convolutions adds to the variance.
    pub epsilon: f32,
    /// What training needs; nothing for inference.
    training: Option<(TrainingBuffers, TrainingNorm)>,
    saved: Vec<Saved>,
    /// The steps that move running statistics, with their parameters as planned.
    pub moving: Vec<(usize, BatchNormCombine)>,
    /// The step that draws the mask of dropout, with its parameters for the first batch.
    pub draw: Option<(usize, DropoutMask)>,
}

impl<'a> Lowering<'a> {
    /// Starts the lowering of inference.
    pub fn new(plan: &'a mut Plan, profile: &'a DeviceProfile, padding: Padding) -> Lowering<'a> {
        Lowering { plan, profile, padding, epsilon: 0.0, training: None, saved: Vec::new(), moving: Vec::new(), draw: None }
    }

    /// Adds what training needs.
    pub fn for_training(self, epsilon: f32, buffers: TrainingBuffers, norm: TrainingNorm) -> Lowering<'a> {
        Lowering { epsilon, training: Some((buffers, norm)), ..self }
    }

    /// Returns the buffers of training.
    ///
    /// # Panics
    /// The lowering is one of inference, which has no layer that asks for them.
    fn buffers(&self) -> TrainingBuffers {
        self.training().0
    }

    fn training(&self) -> (TrainingBuffers, TrainingNorm) {
        self.training.unwrap_or_else(|| panic!("plan {} is one of inference and has no training buffers", self.plan.label))
    }

    /// Appends a step for each part of the batch: as many images as fit one binding in each of `tensors`.
    fn each(&mut self, tensors: &[Activations], mut step: impl FnMut(&DeviceProfile, &Range<u32>) -> Step) {
        for range in dispatches(self.profile.capabilities.binding_bytes, tensors) {
            let step = step(self.profile, &range);
            self.plan.push(step);
        }
    }

    /// Appends a sum over all rows of the batch, in parts: `split` splits the rows of a dispatch, `step` sums the rows of a
    /// range of images into the part of `parts` that it is given. Returns the parts and how the rows were split.
    fn sum_rows(
        &mut self,
        label: &str,
        tensors: &[Activations],
        [rows_per_image, part_bytes]: [u64; 2],
        split: impl Fn(&DeviceProfile, u32, u32) -> RowParts,
        mut step: impl FnMut(&DeviceProfile, &Range<u32>, RowParts, View) -> Step,
    ) -> (View, RowParts) {
        let ranges = dispatches(self.profile.capabilities.binding_bytes, tensors);
        let rows_per_image = rows_per_image as u32;
        let images = ranges.first().map_or(0, |range| range.end - range.start);
        let wanted = split(self.profile, images, images * rows_per_image);
        let parts = aligned_parts(&ranges, rows_per_image, part_bytes, wanted);
        let all = self.plan.transient(label, u64::from(parts.count()) * part_bytes);
        for range in &ranges {
            let (rows, view) = part_of(parts, range, rows_per_image, part_bytes, all);
            let step = step(self.profile, range, rows, view);
            self.plan.push(step);
        }
        (all, parts)
    }

    /// Appends the sum of parts into a slot of the gradients.
    fn sum_into(&mut self, label: &str, parts: View, count: u32, slot: &Slot) {
        let gradient = slot.view(self.buffers().gradients);
        let sum = SumOfParts { count, elements: (gradient.bytes / 4) as u32 };
        self.plan.push(sum.step(label, parts, gradient));
    }

    /// Returns a transient tensor of the same shape as `other`.
    fn like(&mut self, label: &str, other: Activations) -> Activations {
        Activations { view: self.plan.transient(label, other.view.bytes), ..other }
    }

    /// Returns a transient tensor \[batch, channels\] of 32-bit floats.
    fn rows(&mut self, label: &str, batch: u32, channels: u32) -> Activations {
        let precision = crate::plan::Precision::F32;
        Activations::transient(self.plan, label, precision, batch, [1, 1], channels)
    }

    /// Returns part of the zeros.
    fn zeros(&self, count: u32) -> View {
        View { bytes: 4 * u64::from(count), ..self.buffers().zeros }
    }

    /// Returns what turns the raw result of a convolution into its activated one while the next kernel loads it.
    fn normalised(&self, layer: &Convolution, slots: &LayerSlots) -> Normalised {
        let buffers = self.buffers();
        Normalised {
            statistics: slots.running().view(buffers.of_batch),
            affine: slots.affine().view(buffers.weights),
            epsilon: self.epsilon,
            activation: layer.activation,
        }
    }

    /// Returns a first layer of some images.
    fn stem(&self, layer: &Convolution, activation: Activation, x: Activations, y: Activations, images: u32) -> Stem {
        Stem {
            batch: images,
            size: x.extent,
            inputs: x.channels,
            rgb: layer.inputs == 3,
            outputs: y.channels,
            stride: layer.stride,
            padding: self.padding,
            activation,
        }
    }

    /// Returns a depthwise convolution of some images.
    fn depthwise(&self, layer: &Convolution, activation: Activation, x: Activations, images: u32) -> Depthwise {
        let padding = self.padding;
        Depthwise { batch: images, size: x.extent, channels: x.channels, stride: layer.stride, padding, activation }
    }

    /// Appends a convolution. `activation` ends it, `layout` is the order of a pointwise layer's weights, `residual` is added
    /// by a pointwise layer. Where `normalised` is given, the layer is depthwise and reads the raw result of the layer before.
    fn convolution(
        &mut self,
        (layer, activation, layout): (&Convolution, Activation, WeightLayout),
        (x, normalised): (Activations, Option<Normalised>),
        parameters: [View; 2],
        residual: Option<Activations>,
        y: Activations,
    ) {
        let mut tensors = vec![x, y];
        tensors.extend(residual);
        let label = layer.name.as_str();
        let [stem, depthwise] = [ConvolutionKind::Stem, ConvolutionKind::Depthwise].map(|kind| layer.kind == kind);
        let (stem_of, depthwise_of) = (self.stem(layer, activation, x, y, 0), self.depthwise(layer, activation, x, 0));
        self.each(&tensors, |profile, range| {
            let images = range.end - range.start;
            let [w, bias] = parameters;
            let (part, result) = (x.images(range), y.images(range));
            if stem {
                let layer = Stem { batch: images, ..stem_of };
                layer.step(label, layer.choice(profile), profile, [part, w, bias], result)
            } else if depthwise {
                let layer = Depthwise { batch: images, ..depthwise_of };
                layer.step_on(label, layer.choice(profile), LayerInput { view: part, normalised }, [w, bias], result)
            } else {
                let (rows, inputs, outputs) = (images * x.positions(), x.channels, y.channels);
                let layer = Pointwise { rows, inputs, outputs, layout, activation };
                let residual = residual.map(|residual| residual.images(range));
                layer.step(label, layer.choice(profile), profile, [part, w, bias], residual, result)
            }
        });
    }

    /// Returns a transient tensor for the result of a convolution.
    fn result(&mut self, layer: &Convolution, x: Activations) -> Activations {
        let extent = x.extent.map(|size| size.div_ceil(layer.stride));
        Activations::transient(self.plan, &layer.name, x.precision, x.batch, extent, layer.outputs)
    }
}

/// Aligns how the rows of a batch are split when the batch takes several dispatches: parts of one length throughout, whose
/// results of `part_bytes` bytes start where every adapter can bind them.
fn aligned_parts(ranges: &[Range<u32>], rows_per_image: u32, part_bytes: u64, wanted: RowParts) -> RowParts {
    if ranges.len() < 2 {
        return wanted;
    }
    let images = ranges.last().map_or(0, |range| range.end);
    let dispatch = ranges.first().map_or(0, |range| range.end - range.start) * rows_per_image;
    let even = |count: &u32| dispatch.is_multiple_of(*count) && (u64::from(*count) * part_bytes).is_multiple_of(ALIGNMENT);
    let count = (wanted.count()..dispatch).find(even).unwrap_or(dispatch);
    RowParts { rows: images * rows_per_image, rows_a_part: dispatch / count }
}

/// Returns the parts of one dispatch among those of the batch: their rows, and where their results of `part_bytes` bytes go.
fn part_of(parts: RowParts, range: &Range<u32>, rows_per_image: u32, part_bytes: u64, all: View) -> (RowParts, View) {
    let rows = RowParts { rows: (range.end - range.start) * rows_per_image, ..parts };
    let first = u64::from(range.start * rows_per_image / parts.rows_a_part);
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
        let parts = aligned_parts(&ranges, 112 * 112, 4 * 2 * 96, wanted(27 * 112 * 112));
        assert_eq!(parts.rows, 64 * 12544);
        assert!(parts.rows_a_part <= 2048 && (27 * 12544) % parts.rows_a_part == 0, "{parts:?}");
        let mut plan = Plan::new("test");
        let all = plan.transient("parts", u64::from(parts.count()) * 768);
        let mut end = 0;
        for range in &ranges {
            let (rows, view) = part_of(parts, range, 12544, 768, all);
            assert_eq!((view.offset, view.offset % ALIGNMENT), (end, 0));
            assert_eq!(rows.rows, (range.end - range.start) * 12544);
            end += view.bytes;
        }
        assert_eq!(end, all.bytes);
        // One dispatch takes what is wanted.
        assert_eq!(aligned_parts(std::slice::from_ref(&(0..64)), 49, 768, wanted(64 * 49)), wanted(64 * 49));
    }
}
