//! The operations: shapes, cost, kernels, and how they become steps of a plan.
//!
//! An operation knows nothing of networks. It turns shapes and tensor views into a [`Step`], which is plain data. Every tensor is
//! row-major with channels last, and the number of channels is a multiple of four ([`padded_channels`]): kernels read and write
//! vectors of four, and the padding holds zeros.
//!
#![doc = include_str!("../../shaders/README.md")]

mod accumulate;
mod activation;
mod activation_backward;
mod activation_forward;
mod adadelta;
mod adam;
mod add;
mod align;
mod augment;
mod batch_norm;
mod batch_norm_backward_input;
mod batch_norm_backward_weight;
mod batch_norm_combine;
mod batch_norm_statistics;
mod binary_accuracy;
pub mod candidates;
mod choice;
mod column_sum;
mod cosine_proximity;
mod dense_backward_weight;
mod depthwise;
mod depthwise_backward_input;
mod depthwise_backward_weight;
mod distance_tile;
mod dropout;
mod dropout_mask;
mod elementwise_loss;
mod expand_depthwise;
mod fused_multiply_add;
mod global_average_pool;
mod global_average_pool_backward_input;
mod inverted_residual;
mod kmeans_accumulate;
mod kmeans_accumulate_bits;
mod kmeans_assign;
mod kmeans_assign_accumulate;
mod kmeans_candidates;
mod kmeans_move;
mod kmeans_potential;
mod kmeans_reduce;
mod layer_input;
mod loss_mean;
mod matrix_tile;
mod max_pool;
mod neighbours;
mod operand_scale;
mod optimizer;
mod pairwise;
mod pointwise;
pub mod reference;
mod resize_area;
mod resize_normalise;
mod sgd;
#[cfg(test)]
pub(crate) mod shipped;
mod silhouette;
mod stem;
mod stem_backward_input;
mod stem_backward_weight;
mod stream;
mod sum_of_parts;
mod transpose;
mod upsample_add;

pub use accumulate::{ACCUMULATE, Accumulate};
pub use activation::{Activation, GradientBasis, UnknownActivation};
pub use activation_backward::{ACTIVATION_BACKWARD, ActivationBackward};
pub use activation_forward::{ACTIVATION_FORWARD, ActivationForward};
pub use adadelta::{ADADELTA, Adadelta};
pub use adam::{ADAM, Adam, AdamForm};
pub use add::{ADD, Add};
pub use align::{ALIGN, Align, AlignmentRecord};
pub use augment::{AUGMENT, Augment, TransformRecord};
pub use batch_norm::{BATCH_NORM, BatchNorm};
pub use batch_norm_backward_input::{BATCH_NORM_BACKWARD_INPUT, BatchNormBackwardInput};
pub use batch_norm_backward_weight::{BATCH_NORM_BACKWARD_WEIGHT, BatchNormBackwardWeight};
pub use batch_norm_combine::{BATCH_NORM_COMBINE, BatchNormCombine};
pub use batch_norm_statistics::{BATCH_NORM_STATISTICS, BatchNormStatistics};
pub use binary_accuracy::{BINARY_ACCURACY, BinaryAccuracy};
pub use choice::{Choice, SubgroupSize, identity, kernel, resolve};
pub use column_sum::{COLUMN_SUM, ColumnSum};
pub use cosine_proximity::{COSINE_PROXIMITY, CosineForm, CosineProximity};
pub use dense_backward_weight::{
    DENSE_BACKWARD_WEIGHT_COOPERATIVE, DENSE_BACKWARD_WEIGHT_REGISTERS, DENSE_BACKWARD_WEIGHT_SUBGROUP, DenseBackwardWeight,
    dense_backward_weight_mixed_variants, dense_backward_weight_variants,
};
pub use depthwise::{DEPTHWISE, DEPTHWISE_STRIP, Depthwise, depthwise_variants};
pub use depthwise_backward_input::{DEPTHWISE_BACKWARD_INPUT, DepthwiseBackwardInput};
pub use depthwise_backward_weight::{DEPTHWISE_BACKWARD_WEIGHT, DepthwiseBackwardWeight};
pub use distance_tile::{RowFormat, distance_variant, silhouette_variant};
pub use dropout::{DROPOUT, Dropout};
pub use dropout_mask::{DROPOUT_MASK, DropoutMask};
pub use elementwise_loss::{ELEMENTWISE_LOSS, ElementwiseFormula, ElementwiseLoss};
pub use expand_depthwise::{EXPAND_DEPTHWISE, ExpandDepthwise};
pub use fused_multiply_add::{FUSED_MULTIPLY_ADD, FusedMultiplyAdd};
pub use global_average_pool::{GLOBAL_AVERAGE_POOL, GlobalAveragePool};
pub use global_average_pool_backward_input::{GLOBAL_AVERAGE_POOL_BACKWARD_INPUT, GlobalAveragePoolBackwardInput};
pub use inverted_residual::{INVERTED_RESIDUAL, InvertedResidual, inverted_residual_variants};
pub use kmeans_accumulate::{KMEANS_ACCUMULATE, KmeansAccumulate};
pub use kmeans_accumulate_bits::{
    KMEANS_ACCUMULATE_BITS, KMEANS_ACCUMULATE_BITS_SUBGROUP, KmeansAccumulateBits, kmeans_accumulate_bits_variants,
};
pub use kmeans_assign::{KMEANS_ASSIGN, KMEANS_ASSIGN_TABLES, KmeansAssign, KmeansShape, Ties, kmeans_assign_variants};
pub use kmeans_assign_accumulate::{KMEANS_ASSIGN_ACCUMULATE, KmeansAssignAccumulate};
pub use kmeans_candidates::{KMEANS_CANDIDATES, KmeansCandidates};
pub use kmeans_move::{KMEANS_MOVE, KmeansMove, RestartState};
pub use kmeans_potential::{KMEANS_POTENTIAL, KmeansPotential};
pub use kmeans_reduce::{KMEANS_REDUCE, KmeansReduce};
pub use layer_input::{LayerInput, Normalised};
pub use loss_mean::{LOSS_MEAN, LossMean};
pub use max_pool::{MAX_POOL, MaxPool};
pub use neighbours::{NEIGHBOURS, NeighbourSlice};
pub use operand_scale::OperandScale;
pub use optimizer::{AnyOptimizer, OPTIMIZERS, Optimizer, OptimizerEntry, OptimizerOption, OptionDefault, OptionValues, Update};
pub use pairwise::{PAIRWISE, PairwiseSlice};
pub use pointwise::{
    POINTWISE_COLUMNS, POINTWISE_COOPERATIVE, POINTWISE_REGISTERS, POINTWISE_SUBGROUP, POINTWISE_WORKGROUP, Pointwise,
    pointwise_mixed_variants, pointwise_variants,
};
pub use resize_area::{PixelFormat, RESIZE_AREA, ResizeArea, RowBand};
pub use resize_normalise::{ImageRecord, Interpolation, RESIZE_NORMALISE, ResizeNormalise};
pub use sgd::{SGD, Sgd};
pub use silhouette::{Metric, SILHOUETTE, SilhouetteSlice};
pub use stem::{STEM, STEM_STRIP, Stem, stem_variants};
pub use stem_backward_input::{STEM_BACKWARD_INPUT, StemBackwardInput};
pub use stem_backward_weight::{STEM_BACKWARD_WEIGHT, StemBackwardWeight};
pub use stream::{STREAM, Stream};
pub use sum_of_parts::{SUM_OF_PARTS, SumOfParts};
pub use transpose::{TRANSPOSE, Transpose};
pub use upsample_add::{UPSAMPLE_ADD, UpsampleAdd};

use std::borrow::Cow;

use crate::plan::{Cost, Dispatch, Kernel, Name, Precision, Step, Variant, View};
use crate::wgsl::kernel_source;

/// Every kernel of the engine.
pub const ALL: &[&Kernel] = &[
    &RESIZE_NORMALISE,
    &RESIZE_AREA,
    &ALIGN,
    &AUGMENT,
    &STEM,
    &STEM_STRIP,
    &DEPTHWISE,
    &DEPTHWISE_STRIP,
    &EXPAND_DEPTHWISE,
    &INVERTED_RESIDUAL,
    &POINTWISE_SUBGROUP,
    &POINTWISE_COLUMNS,
    &POINTWISE_REGISTERS,
    &POINTWISE_WORKGROUP,
    &POINTWISE_COOPERATIVE,
    &GLOBAL_AVERAGE_POOL,
    &MAX_POOL,
    &UPSAMPLE_ADD,
    &STEM_BACKWARD_WEIGHT,
    &STEM_BACKWARD_INPUT,
    &DEPTHWISE_BACKWARD_WEIGHT,
    &DEPTHWISE_BACKWARD_INPUT,
    &GLOBAL_AVERAGE_POOL_BACKWARD_INPUT,
    &KMEANS_POTENTIAL,
    &KMEANS_CANDIDATES,
    &KMEANS_ASSIGN,
    &KMEANS_ASSIGN_TABLES,
    &KMEANS_ASSIGN_ACCUMULATE,
    &KMEANS_ACCUMULATE,
    &KMEANS_ACCUMULATE_BITS,
    &KMEANS_ACCUMULATE_BITS_SUBGROUP,
    &KMEANS_REDUCE,
    &KMEANS_MOVE,
    &SILHOUETTE,
    &PAIRWISE,
    &NEIGHBOURS,
    &FUSED_MULTIPLY_ADD,
    &STREAM,
    &BATCH_NORM_STATISTICS,
    &BATCH_NORM_COMBINE,
    &BATCH_NORM,
    &BATCH_NORM_BACKWARD_WEIGHT,
    &BATCH_NORM_BACKWARD_INPUT,
    &DROPOUT_MASK,
    &DROPOUT,
    &TRANSPOSE,
    &COLUMN_SUM,
    &SUM_OF_PARTS,
    &DENSE_BACKWARD_WEIGHT_SUBGROUP,
    &DENSE_BACKWARD_WEIGHT_REGISTERS,
    &DENSE_BACKWARD_WEIGHT_COOPERATIVE,
    &ACTIVATION_FORWARD,
    &ACTIVATION_BACKWARD,
    &ADD,
    &COSINE_PROXIMITY,
    &ELEMENTWISE_LOSS,
    &LOSS_MEAN,
    &BINARY_ACCURACY,
    &ACCUMULATE,
    &ADADELTA,
    &ADAM,
    &SGD,
];

/// Returns the variants of the given kernels that store activations and weights at the given precision, except those for mixed
/// precision, whose results differ.
fn variants_of<const N: usize>(kernels: [&'static Kernel; N], precision: Precision) -> impl Iterator<Item = Choice> {
    let all = kernels.into_iter().flat_map(|kernel| kernel.variants.iter().map(move |variant| (kernel, variant)));
    all.filter(move |(_, variant)| variant.precision() == precision && !variant.rounds_operands())
}

/// Iterates over the variants of a kernel that serve mixed precision: they store 32-bit floats and round the operands of products.
fn mixed_variants_of(kernel: &'static Kernel) -> impl Iterator<Item = Choice> {
    kernel.variants.iter().filter(|variant| variant.rounds_operands()).map(move |variant| (kernel, variant))
}

/// Where a 3×3 convolution adds zeros around its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Padding {
    /// TensorFlow's `SAME`: as few zeros as the output size needs, with the larger half after the input.
    TensorflowSame,
    /// PyTorch's `padding=1`.
    Symmetric,
}

impl Padding {
    /// Returns the number of zeros before the first element of an axis of `size` elements.
    pub fn before(self, size: u32, stride: u32) -> u32 {
        match self {
            Padding::Symmetric => 1,
            Padding::TensorflowSame => ((size.div_ceil(stride) - 1) * stride + 3).saturating_sub(size) / 2,
        }
    }
}

/// Returns `channels` rounded up to a multiple of four: the stride of a row of channels in every tensor.
pub fn padded_channels(channels: u32) -> u32 {
    channels.div_ceil(4) * 4
}

/// Declares a `Params` struct and the table of its fields, from which the expander writes the struct in WGSL (`#params`).
macro_rules! params {
    ($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$attribute])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub(crate) struct $name { $($(#[$field_attribute])* pub $field: $kind,)* }

        impl $name {
            pub(crate) const FIELDS: &'static [$crate::plan::ParamField] = &[$($crate::plan::ParamField {
                name: $crate::plan::Name::Borrowed(stringify!($field)),
                kind: <$kind as $crate::plan::Param>::KIND,
            },)*];
        }
    };
}
use params;

/// One dispatch as an operation describes it. [`Encoding::step`] turns it into a [`Step`].
struct Encoding<'a, P> {
    kernel: &'static Kernel,
    variant: &'static Variant,
    /// The subgroup size, which subgroup variants need.
    lanes: Option<u32>,
    overrides: Vec<(&'static str, f64)>,
    params: P,
    bindings: &'a [View],
    workgroups: u64,
    cost: Cost,
}

impl<P: bytemuck::Pod> Encoding<'_, P> {
    fn step(self, label: &str) -> Step {
        let named = |(name, value): (&'static str, i64)| (Name::Borrowed(name), value);
        Step {
            label: label.to_string(),
            kernel: Name::Borrowed(self.kernel.name),
            variant: Name::Borrowed(self.variant.name),
            precision: self.variant.precision(),
            source: Name::Borrowed(kernel_source(self.kernel)),
            constants: self.variant.expansion(self.lanes).into_iter().map(named).collect(),
            overrides: self.overrides.into_iter().map(|(name, value)| (Name::Borrowed(name), value)).collect(),
            fields: Cow::Borrowed(self.kernel.params),
            params: bytemuck::bytes_of(&self.params).to_vec(),
            bindings: self.bindings.to_vec(),
            access: self.kernel.bindings.iter().map(|binding| binding.access).collect(),
            dispatch: Dispatch::line(self.workgroups),
            cost: self.cost,
        }
    }
}

#[cfg(test)]
mod tests;
