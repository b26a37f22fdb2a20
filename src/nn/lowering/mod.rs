//! Lowering: from the layers of a network to the steps of a plan.
//!
//! A network is lowered from a list of [`RunLayer`]s, which say what runs and with which parameters. Inference, training and
//! evaluation differ only in that list: inference runs layers with batch norm folded, training runs them with the statistics
//! of the batch and walks the same list backwards. Only this module splits batches to fit the device's binding limit, in
//! `Lowering::each` and `Lowering::sum_rows`.

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

/// A layer to run, with the parameters that it reads.
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
    /// The folded convolutions of an inverted residual, in one kernel.
    FusedBlock {
        /// The convolutions.
        block: FoldedBlock<'a>,
        /// The kernel that computes all of them.
        choice: Choice,
    },
    /// A convolution with batch norm that uses the statistics of the batch.
    Normalised {
        /// The convolution.
        layer: &'a Convolution,
        /// The slots of its parameters.
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
        /// The order in which the kernel is stored.
        layout: WeightLayout,
        /// The slots of its parameters and gradients, if it is trained.
        slots: Option<&'a LayerSlots>,
    },
    /// Batch norm of features that uses the statistics of the batch.
    BatchNorm {
        /// The layer.
        layer: &'a NormLayer,
        /// The slots of its parameters.
        slots: &'a LayerSlots,
    },
    /// Dropout.
    Dropout {
        /// Share of values that are dropped, in \[0, 1).
        rate: f32,
        /// The mask \[batch, channels\] of u32: not 0 for values that are not dropped.
        mask: View,
        /// The seed of the step that draws the mask. Without a seed, the caller writes the mask.
        seed: Option<u32>,
    },
}

impl RunLayer<'_> {
    /// Returns the convolution that computes the result of this layer, or nothing if the layer is not a convolution.
    fn convolution(&self) -> Option<&Convolution> {
        match self {
            RunLayer::Folded(folded) | RunLayer::Fused { depthwise: folded, .. } => Some(folded.layer),
            RunLayer::FusedBlock { block, .. } => Some(block.project.layer),
            RunLayer::Normalised { layer, .. } => Some(layer),
            _ => None,
        }
    }

    /// Returns the index of the block that the layer belongs to, if it is a convolution.
    fn block(&self) -> Option<usize> {
        self.convolution().map(|layer| layer.block)
    }

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

/// The convolutions of an inverted residual.
#[derive(Debug, Clone, Copy)]
pub struct FoldedBlock<'a> {
    /// The pointwise convolution to the hidden channels.
    pub expand: FoldedConvolution<'a>,
    /// The depthwise convolution.
    pub depthwise: FoldedConvolution<'a>,
    /// The pointwise convolution to the output channels. It may end a residual block.
    pub project: FoldedConvolution<'a>,
}

/// The buffers that training uses in addition to activations.
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
    /// Zeros, which serve as the bias of products without one.
    pub zeros: View,
}

/// How training treats batch norm.
#[derive(Debug, Clone, Copy)]
pub struct TrainingNorm {
    /// Momentum of the running statistics of convolutions.
    pub momentum: f32,
    /// How running statistics are updated.
    pub running_statistics: RunningStatistics,
}

/// The tensors of a layer that the forward pass saves for the backward pass.
#[derive(Debug, Clone, Copy)]
enum Saved {
    /// Nothing, because the layer is frozen.
    Nothing,
    /// The input of a convolution, and its result before batch norm.
    Convolution { source: Source, raw: Activations },
    /// The input of a pool. Only its shape is needed.
    Pool(Activations),
    /// The input of a dense layer, and what the gradient of its activation is computed from.
    Dense { x: Activations, basis: Activations },
    /// The input of batch norm of features, or of dropout.
    Rows(Activations),
}

/// The input of a convolution, as it is available to the backward pass.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A tensor in memory: the input of the network, or the sum at the end of a residual block.
    Stored(Activations),
    /// The activated result of the layer at this position of the list. It is recomputed from the raw result.
    Activated(usize),
}

/// A plan under construction.
pub struct Lowering<'a> {
    /// The plan.
    pub plan: &'a mut Plan,
    /// The profile of the device that the plan is for.
    pub profile: &'a DeviceProfile,
    /// Padding of the convolutions.
    pub padding: Padding,
    /// ε that the batch norm of convolutions adds to the variance.
    pub epsilon: f32,
    /// The buffers and settings of training. Inference has none.
    training: Option<(TrainingBuffers, TrainingNorm)>,
    saved: Vec<Saved>,
    /// Position and planned parameters of the steps that update running statistics.
    pub moving: Vec<(usize, BatchNormCombine)>,
    /// Position of the step that draws the dropout mask, and its parameters for the first batch.
    pub draw: Option<(usize, DropoutMask)>,
}

impl<'a> Lowering<'a> {
    /// Starts lowering inference to `plan`.
    pub fn new(plan: &'a mut Plan, profile: &'a DeviceProfile, padding: Padding) -> Lowering<'a> {
        Lowering { plan, profile, padding, epsilon: 0.0, training: None, saved: Vec::new(), moving: Vec::new(), draw: None }
    }

    /// Returns this lowering with the buffers and settings of training.
    pub fn for_training(self, epsilon: f32, buffers: TrainingBuffers, norm: TrainingNorm) -> Lowering<'a> {
        Lowering { epsilon, training: Some((buffers, norm)), ..self }
    }

    /// Returns the buffers of training.
    ///
    /// # Panics
    /// Panics if this is the lowering of inference, whose layers do not use these buffers.
    fn buffers(&self) -> TrainingBuffers {
        self.training().0
    }

    fn training(&self) -> (TrainingBuffers, TrainingNorm) {
        self.training.unwrap_or_else(|| panic!("plan {} is for inference and has no training buffers", self.plan.label))
    }

    /// Appends a step for each part of the batch. Each part has as many images as fit a binding in all of `tensors`.
    fn each(&mut self, tensors: &[Activations], mut step: impl FnMut(&DeviceProfile, &Range<u32>) -> Step) {
        for range in dispatches(self.profile.capabilities.binding_bytes, tensors) {
            let step = step(self.profile, &range);
            self.plan.push(step);
        }
    }

    /// Appends a sum over all rows of the batch, computed in parts. `split` gets the number of images and of rows of a dispatch,
    /// and splits these rows. `step` returns the step that sums the rows of a range of images into the given view. Returns the
    /// tensor of all parts and the split.
    fn sum_rows(
        &mut self,
        label: &str,
        tensors: &[Activations],
        (rows_per_image, part_bytes): (u32, u64),
        split: impl Fn(&DeviceProfile, u32, u32) -> RowParts,
        mut step: impl FnMut(&DeviceProfile, &Range<u32>, RowParts, View) -> Step,
    ) -> (View, RowParts) {
        let ranges = dispatches(self.profile.capabilities.binding_bytes, tensors);
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

    /// Returns a view of `count` zeros.
    fn zeros(&self, count: u32) -> View {
        View { bytes: 4 * u64::from(count), ..self.buffers().zeros }
    }

    /// Returns the batch norm and activation that the next kernel applies to the raw result of a convolution while it loads it.
    fn normalised(&self, layer: &Convolution, slots: &LayerSlots) -> Normalised {
        let buffers = self.buffers();
        Normalised {
            statistics: slots.running().view(buffers.of_batch),
            affine: slots.affine().view(buffers.weights),
            epsilon: self.epsilon,
            activation: layer.activation,
        }
    }

    /// Returns the operation of a first layer on `images` images.
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

    /// Returns the operation of a depthwise convolution on `images` images.
    fn depthwise(&self, layer: &Convolution, activation: Activation, x: Activations, images: u32) -> Depthwise {
        let padding = self.padding;
        Depthwise { batch: images, size: x.extent, channels: x.channels, stride: layer.stride, padding, activation }
    }

    /// Appends a convolution with `activation`. `layout` is the order of the weights of a pointwise layer. A pointwise layer adds
    /// `residual`, if given. If `normalised` is given, the layer must be depthwise, and `x` is the raw result of the layer
    /// before.
    fn convolution(
        &mut self,
        (layer, activation, layout): (&Convolution, Activation, WeightLayout),
        (x, normalised): (Activations, Option<Normalised>),
        parameters: [View; 2],
        residual: Option<Activations>,
        y: Activations,
    ) {
        let label = layer.name.as_str();
        let is_pointwise = layer.kind == ConvolutionKind::Pointwise;
        assert!(residual.is_none() || is_pointwise, "{label}: only a pointwise convolution can end a residual block");
        let mut tensors = vec![x, y];
        tensors.extend(residual);
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
                let choice = if normalised.is_some() { layer.choice_for_raw(profile) } else { layer.choice(profile) };
                layer.step_on(label, choice, LayerInput { view: part, normalised }, [w, bias], result)
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
        let Activations { extent, precision, batch, .. } = self.shape_of_result(layer, x);
        Activations::transient(self.plan, &layer.name, precision, batch, extent, layer.outputs)
    }

    /// Returns the shape of the result of a convolution, with the view of its input.
    fn shape_of_result(&self, layer: &Convolution, x: Activations) -> Activations {
        let extent = x.extent.map(|size| size.div_ceil(layer.stride));
        Activations { extent, channels: layer.padded_outputs(), ..x }
    }
}

/// Returns whether a block is residual: it adds its input to its output.
fn is_residual(run: &[RunLayer], block: usize) -> bool {
    run.iter().filter_map(RunLayer::convolution).any(|layer| layer.block == block && layer.residual)
}

/// Returns a split of the rows of a batch that suits all its dispatches. All parts have the same length, and the results of each
/// dispatch, `part_bytes` bytes per part, start at a multiple of [`ALIGNMENT`].
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

/// Returns the split of the rows of one dispatch, and the view of its results in `all`, with `part_bytes` bytes per part.
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
    fn parts_of_several_dispatches_are_contiguous_and_aligned() {
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
        // A single dispatch uses the wanted split.
        assert_eq!(aligned_parts(std::slice::from_ref(&(0..64)), 49, 768, wanted(64 * 49)), wanted(64 * 49));
    }
}
