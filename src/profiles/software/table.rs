//! The table of software adapters.
//!
//! On a processor, memory operations determine the speed. The subgroup kernels have the fewest of them, so they come first; the
//! kernels that move eight numbers at once (`wide`) have fewer than those that move four. The last rows of an operation need
//! neither subgroups nor 64-bit integers. Operations on 16-bit floats that have no row here use the table of GPUs.
//!
//! The bounds on rows were derived for subgroups of eight.

use crate::profiles::Condition::{AtLeast, AtMost, Is, MultipleOf};
use crate::profiles::Operation::{
    DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, ExpandDepthwise, InvertedResidual, Pointwise, Stem,
};
use crate::profiles::Quantity::{Inputs, OutWidth, Outputs, Results, Rows, Stride};
use crate::profiles::{Provenance, Row};

/// Returns the provenance of a figure that `lineament tune` measured for a layer of MobileNetV2 at 224, 128 or 96 pixels, while
/// other programs ran. The alternative that a figure names was measured in the same run.
const fn tuned(figure: &'static str) -> Provenance {
    Provenance {
        tool: "lineament tune",
        device: "llvmpipe, LLVM 15.0.6, two processors, subgroups of eight",
        date: "2026-11-30",
        figure,
    }
}

/// Returns the provenance of a figure that `kernels perf` measured while other programs kept both processors busy.
const fn timed(figure: &'static str) -> Provenance {
    Provenance { tool: "kernels perf", device: "llvmpipe, LLVM 15.0.6, two processors", date: "2026-11-30", figure }
}

/// Returns the provenance of a row for adapters that lack the features that the rows above it need, with the reason for the row.
const fn fallback(reason: &'static str) -> Provenance {
    Provenance { tool: "none", device: "adapters without subgroups or 64-bit integers", date: "2026-11-30", figure: reason }
}

/// The rows, in the order in which they are tried.
pub const TABLE: &[Row] = &[
    // For a single row, lanes hold columns; otherwise all lanes but one would be idle.
    Row::new(
        Pointwise,
        &[Is(Rows, 1)],
        "pointwise_columns",
        "1 row wide",
        tuned("0.74 ms for 1 row, 1280 to 1536; 1x32 takes 1.79"),
    ),
    // For a batch of feature vectors, no lane computes a row beyond the last.
    Row::new(
        Pointwise,
        &[AtMost(Rows, 8)],
        "pointwise_subgroup",
        "1x32",
        tuned("2.7 ms for 8 rows, 1280 to 1536; 2x32 takes 3.4"),
    ),
    Row::new(
        Pointwise,
        &[AtMost(Rows, 16)],
        "pointwise_subgroup",
        "2x32",
        tuned("0.27 ms for 16 rows, 160 to 960; 1x32 takes 0.33"),
    ),
    // For narrow results, tiles of 32 columns would compute columns beyond the last.
    Row::new(
        Pointwise,
        &[AtMost(Outputs, 16), AtLeast(Rows, 8192)],
        "pointwise_subgroup",
        "8x16 wide",
        tuned("6.3 ms for 100,352 rows, 32 to 16; 5x32 wide takes 19"),
    ),
    Row::new(
        Pointwise,
        &[AtMost(Outputs, 24), AtLeast(Rows, 3136)],
        "pointwise_subgroup",
        "8x24 wide",
        tuned("0.50 ms for 3136 rows, 96 to 24; 7x32 wide takes 0.83"),
    ),
    // The layers of 28 × 28 pixels of one image use the tile of those of 14 × 14, so that no other pipeline is compiled for them.
    Row::new(
        Pointwise,
        &[AtMost(Outputs, 32), AtMost(Rows, 784), MultipleOf(Rows, 7)],
        "pointwise_subgroup",
        "5x32 wide",
        tuned("0.27 ms for 784 rows, 144 to 32; 7x32 wide takes 0.29"),
    ),
    // Layers of 7 × 7 pixels have multiples of 40 channels. With tiles of 32 columns, one thread alone would compute the last of
    // five tiles.
    Row::new(
        Pointwise,
        &[AtMost(Rows, 392), MultipleOf(Rows, 7), MultipleOf(Outputs, 40)],
        "pointwise_subgroup",
        "7x40 wide",
        tuned("0.50 ms for 49 rows, 960 to 160; 7x32 wide takes 0.58"),
    ),
    // With twice as many columns, each row is loaded half as often. With fewer rows, compiling the tile takes longer than it
    // saves.
    Row::new(
        Pointwise,
        &[AtLeast(Rows, 225), AtLeast(Inputs, 64), AtLeast(Outputs, 128), MultipleOf(Outputs, 64)],
        "pointwise_subgroup",
        "5x64 wide",
        tuned("4.7 ms for 1568 rows, 64 to 384; 7x32 wide takes 5.9"),
    ),
    // For few rows, tiles of forty rows end nearer to the last row than those of 56 or 64.
    Row::new(
        Pointwise,
        &[AtMost(Rows, 40)],
        "pointwise_subgroup",
        "5x32 wide",
        tuned("0.16 ms for 36 rows, 384 to 96; 8x32 wide takes 0.22"),
    ),
    Row::new(
        Pointwise,
        &[AtLeast(Rows, 65), AtMost(Rows, 80)],
        "pointwise_subgroup",
        "5x32 wide",
        tuned("0.74 ms for 72 rows, 160 to 960; 8x32 wide takes 1.24"),
    ),
    Row::new(
        Pointwise,
        &[AtLeast(Rows, 129), AtMost(Rows, 200)],
        "pointwise_subgroup",
        "5x32 wide",
        tuned("0.61 ms for 196 rows, 576 to 96; 7x32 wide takes 0.76"),
    ),
    // Layers have 49 · 4ⁿ or 4ⁿ pixels.
    Row::new(
        Pointwise,
        &[MultipleOf(Rows, 7), MultipleOf(Outputs, 40)],
        "pointwise_subgroup",
        "7x40 wide",
        tuned("0.35 ms for 49 rows, 576 to 160; 7x32 wide takes 0.37"),
    ),
    Row::new(
        Pointwise,
        &[MultipleOf(Rows, 7)],
        "pointwise_subgroup",
        "7x32 wide",
        tuned("1.8 ms for 6272 rows, 144 to 32; 8x32 wide takes 1.9"),
    ),
    Row::new(Pointwise, &[], "pointwise_subgroup", "8x32 wide", tuned("0.16 ms for 64 rows, 64 to 384; 5x32 wide takes 0.21")),
    Row::new(Pointwise, &[], "pointwise_subgroup", "8x32", fallback("moves four numbers at once, as WebGPU does")),
    Row::new(Pointwise, &[AtMost(Rows, 63)], "pointwise_registers", "4x4", fallback("a workgroup of 8x8 would compute 64 rows")),
    Row::new(
        Pointwise,
        &[],
        "pointwise_registers",
        "8x8",
        fallback("13.8 GFLOP/s at 96 to 24 of 8 x 56 x 56, where tiles in workgroup memory reach 3.8"),
    ),
    // With 16-bit floats, every tile of a GPU is another pipeline to compile, in half a second to a second. Two of them serve all
    // layers, and there is no latency to hide by slices.
    Row::half(
        Pointwise,
        &[AtLeast(Results, 1 << 18), AtLeast(Outputs, 64)],
        "pointwise_workgroup",
        "128x128 of f16",
        timed("36 ms for 1568 rows, 64 to 384; 128x64 of f16 takes 112, and 32x32 of f16 takes 140"),
    ),
    Row::half(
        Pointwise,
        &[],
        "pointwise_workgroup",
        "32x32 of f16",
        timed("263 ms for 25,088 rows, 96 to 24; 128x128 of f16 takes 336"),
    ),
    // The tile has as many columns as there are outputs, and a lane has as many inputs as divide the layer's inputs.
    Row::new(
        DenseBackwardWeight,
        &[AtMost(Outputs, 16)],
        "dense_backward_weight_subgroup",
        "4x16",
        tuned("14 ms for 100,352 rows, 32 to 16; 4x24 takes 19"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[AtMost(Outputs, 24)],
        "dense_backward_weight_subgroup",
        "4x24",
        tuned("6.2 ms for 25,088 rows, 96 to 24; 4x32 takes 9.0"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[MultipleOf(Outputs, 64), MultipleOf(Inputs, 64)],
        "dense_backward_weight_subgroup",
        "8x64",
        tuned("17 ms for 392 rows, 960 to 320; 4x64 takes 20"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[MultipleOf(Outputs, 64)],
        "dense_backward_weight_subgroup",
        "4x64",
        tuned("3.8 ms for 6272 rows, 32 to 192; 4x32 takes 4.8"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[MultipleOf(Inputs, 64)],
        "dense_backward_weight_subgroup",
        "8x32",
        tuned("3.6 ms for 392 rows, 576 to 160; 4x32 takes 4.3"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[],
        "dense_backward_weight_subgroup",
        "4x32",
        tuned("14 ms for 25,088 rows, 24 to 144; 8x32 takes 39"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[],
        "dense_backward_weight_registers",
        "8x8",
        fallback("loads least of the kernels without subgroups"),
    ),
    // These strips end where the image ends, because widths are 7 · 2ⁿ or 2ⁿ.
    Row::new(
        Depthwise,
        &[Is(Stride, 1), MultipleOf(OutWidth, 7)],
        "depthwise_strip",
        "stride 1, 14x7 wide",
        tuned("0.23 ms for 1 x 14 x 14 x 576; 14x8 wide takes 0.26"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 1)],
        "depthwise_strip",
        "stride 1, 14x8 wide",
        tuned("0.23 ms for 1 x 64 x 64 x 32; tiles of 4x7 take 0.38"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 2)],
        "depthwise_strip",
        "stride 2, 14x4 wide",
        tuned("0.15 ms for 1 x 14 x 14 x 576; tiles of 2x4 take 0.24"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 1)],
        "depthwise_strip",
        "stride 1, 14x7",
        fallback("moves four numbers at once, as WebGPU does"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 2)],
        "depthwise_strip",
        "stride 2, 14x4",
        fallback("moves four numbers at once, as WebGPU does"),
    ),
    // These kernels compute both layers at once if a lane's registers can hold the weights of all inputs. The tensor between the
    // layers, the largest of a block, is then neither written nor read.
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 1), MultipleOf(OutWidth, 7), AtMost(Inputs, 24)],
        "expand_depthwise",
        "stride 1, 56x7 of 24 wide",
        tuned("2.4 ms for 1 x 56 x 56, 24 to 144; the layers apart take 3.9"),
    ),
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 1), AtMost(Inputs, 24)],
        "expand_depthwise",
        "stride 1, 56x8 of 24 wide",
        tuned("0.48 ms for 1 x 32 x 32, 24 to 144; 56x7 takes 0.67"),
    ),
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 1), MultipleOf(OutWidth, 7), AtMost(Inputs, 32)],
        "expand_depthwise",
        "stride 1, 56x7 of 32 wide",
        tuned("0.87 ms for 1 x 28 x 28, 32 to 192; the layers apart take 1.08"),
    ),
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 1), AtMost(Inputs, 32)],
        "expand_depthwise",
        "stride 1, 56x8 of 32 wide",
        tuned("0.21 ms for 1 x 16 x 16, 32 to 192; the layers apart take 0.42"),
    ),
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 2), AtMost(Inputs, 24)],
        "expand_depthwise",
        "stride 2, 28x4 of 24 wide",
        tuned("0.28 ms for 1 x 32 x 32, 24 to 144; the layers apart take 0.86"),
    ),
    Row::new(
        ExpandDepthwise,
        &[Is(Stride, 2), AtMost(Inputs, 32)],
        "expand_depthwise",
        "stride 2, 28x4 of 32 wide",
        tuned("0.70 ms for 1 x 64 x 64, 32 to 96; the layers apart take 1.88"),
    ),
    // A variant of the last layer alone: the layers of a block run separately, or the first two in one kernel.
    Row::new(InvertedResidual, &[], "pointwise_workgroup", "32x32", fallback("the kernel for whole blocks is for GPUs")),
    Row::half(InvertedResidual, &[], "pointwise_workgroup", "32x32 of f16", fallback("as for 32-bit floats")),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 1), AtLeast(OutWidth, 8)],
        "depthwise_backward_input",
        "stride 1, 1 across",
        tuned("4.1 ms for 8 x 28 x 28 x 192; 4 across takes 5.0"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 2), AtLeast(OutWidth, 8)],
        "depthwise_backward_input",
        "stride 2, 1 across",
        tuned("4.4 ms for 8 x 56 x 56 x 144; 2 across takes 5.2"),
    ),
    // The strips compute layers with three input channels and stride 2. Every other first layer uses the kernel of GPUs.
    Row::new(
        Stem,
        &[MultipleOf(OutWidth, 7)],
        "stem_strip",
        "7x32 wide",
        tuned("1.1 ms for 1 x 224 x 224 pixels; the kernel of GPUs takes 4.7"),
    ),
    Row::new(Stem, &[], "stem_strip", "8x32 wide", tuned("0.39 ms for 1 x 128 x 128 pixels; the kernel of GPUs takes 1.5")),
];
