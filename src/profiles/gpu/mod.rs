//! The table of GPUs whose class has no table of its own. On every device it is also the table for 16-bit floats.
//!
//! Its variants need neither subgroups nor 64-bit integers. They were chosen by the code that the compilers of real GPUs generate
//! for them: its registers, its occupancy, and the share of multiply-adds among the instructions of the hot loop.

mod cooperative;

pub use cooperative::COOPERATIVE;

use super::Condition::{AtLeast, AtMost, Is, MultipleOf};
use super::Operation::{DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, InvertedResidual, Pointwise, Stem};
use super::Quantity::{Inputs, OutWidth, Outputs, Results, Rows, Stride};
use super::{ClassSettings, Provenance, Row};
use crate::device::Throughput;

/// The settings of GPUs.
///
/// Without subgroup operations, the clustering kernels compare tiles of rows that lie in workgroup memory. The compilers named in
/// [`compiled`] report no spills and these shares of multiply-adds. A share cannot exceed .5, because each difference is
/// subtracted before it is squared:
/// `kmeans_assign` and `kmeans_assign_accumulate` "workgroup 192x16" and `silhouette` "workgroup 48x56" .42, .43, .45, .43 and
/// .45; `neighbours` "workgroup 48x64" .42, .43, .45, .43 and .46; `pairwise` "workgroup 64x64" .43, .44, .46, .44 and .47.
/// Larger tiles spill on Apple.
pub const SETTINGS: ClassSettings = ClassSettings {
    workgroups_of_a_sum: 1024,
    threads_of_a_sum: 65_536,
    subgroup_distances: false,
    distance_tables: false,
    resize_pixels: 1,
    batch: 32,
    throughput: Throughput { flops_a_second: 200_000_000_000, bytes_a_second: 20_000_000_000 },
};

/// Rows × outputs from which a product takes large tiles: 128 tiles of 128 × 64. With fewer, large tiles leave multiprocessors
/// idle.
const LARGE: u64 = 1 << 20;

/// Rows × outputs up to which the inputs are shared by the slices of a workgroup of 32 × 32: 256 of its tiles.
const MEDIUM: u64 = 1 << 18;

/// Rows × outputs up to which even tiles of 32 × 32 would leave multiprocessors idle: 256 tiles of 16 × 16.
const SMALL: u64 = 1 << 16;

/// Returns the provenance of a figure that the compilers of Mesa report for a variant. No hardware ran it.
const fn compiled(figure: &'static str) -> Provenance {
    Provenance {
        tool: "shader compilers of Mesa 26.1.6: the hot loop's share of multiply-adds, or its issue cycles",
        device: "Navi 31, Navi 21, NVIDIA SM 7.2 (NVK), Apple (Honeykrisp), Adreno 740",
        date: "2026-11-30",
        figure,
    }
}

/// Returns the provenance of a row that no measurement supports, with the reason for the row.
const fn reasoned(reason: &'static str) -> Provenance {
    Provenance { tool: "none", device: "none", date: "2026-11-30", figure: reason }
}

/// The rows, in the order in which they are tried.
pub const TABLE: &[Row] = &[
    // The rows of 32-bit and of 16-bit floats ask for the same shapes.
    Row::new(
        Pointwise,
        &[AtLeast(Results, LARGE), MultipleOf(Outputs, 128)],
        "pointwise_workgroup",
        "128x128",
        compiled(".79, .80, .82, .76 and .85; no spills"),
    ),
    Row::new(
        Pointwise,
        &[AtLeast(Results, LARGE), MultipleOf(Outputs, 64)],
        "pointwise_workgroup",
        "128x64",
        compiled(".77, .78, .78, .72 and .84; no spills"),
    ),
    Row::new(
        Pointwise,
        &[AtLeast(Results, LARGE), AtMost(Outputs, 160)],
        "pointwise_workgroup",
        "128x32",
        compiled(".72, .73, .70, .62 and .79; 128x64 would compute half its columns or more in vain"),
    ),
    Row::new(
        Pointwise,
        &[AtLeast(Results, LARGE)],
        "pointwise_workgroup",
        "128x64",
        reasoned("as for multiples of 64 columns; the last tile computes some columns in vain"),
    ),
    Row::new(
        Pointwise,
        &[AtMost(Results, SMALL), AtLeast(Inputs, 64)],
        "pointwise_workgroup",
        "16x16 in slices",
        compiled(".47, .50, .40, .32 and .61; 15 steps instead of 60 for 960 inputs, in four times as many workgroups as 32x32"),
    ),
    Row::new(
        Pointwise,
        &[AtMost(Results, MEDIUM), AtLeast(Inputs, 64)],
        "pointwise_workgroup",
        "32x32 in slices",
        compiled(".59, .60, .56, .47 and .68; 30 steps instead of 60 for 960 inputs"),
    ),
    Row::new(
        Pointwise,
        &[],
        "pointwise_workgroup",
        "32x32",
        compiled(".63, .64, .60, .52 and .75; eight times as many workgroups as 128x64"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE), MultipleOf(Outputs, 128)],
        "pointwise_workgroup",
        "128x128 of f16",
        compiled(".71, .71, .45, .60 and .59, with packed multiply-adds; no spills"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE), MultipleOf(Outputs, 64)],
        "pointwise_workgroup",
        "128x64 of f16",
        compiled(".68, .65, .50, .62 and .66; tiles of 8x8 a thread need more instructions"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE), AtMost(Outputs, 160)],
        "pointwise_workgroup",
        "128x32 of f16",
        compiled(".66, .67, .44, .56 and .65"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE)],
        "pointwise_workgroup",
        "128x64 of f16",
        reasoned("as for multiples of 64 columns; the last tile computes some columns in vain"),
    ),
    Row::half(
        Pointwise,
        &[AtMost(Results, SMALL), AtLeast(Inputs, 64)],
        "pointwise_workgroup",
        "16x16 in slices of f16",
        compiled(".37, .36, .22, .30 and .49; 15 steps instead of 60 for 960 inputs, in four times as many workgroups as 32x32"),
    ),
    Row::half(
        Pointwise,
        &[AtMost(Results, MEDIUM), AtLeast(Inputs, 64)],
        "pointwise_workgroup",
        "32x32 in slices of f16",
        compiled(".54, .55, .35, .45 and .62; 15 steps instead of 60 for 960 inputs"),
    ),
    Row::half(Pointwise, &[], "pointwise_workgroup", "32x32 of f16", compiled(".54, .56, .35, .47 and .63")),
    Row::new(
        DenseBackwardWeight,
        &[AtLeast(Outputs, 65)],
        "dense_backward_weight_registers",
        "8x8",
        compiled(".67, .72, .37, .30 and .58"),
    ),
    Row::new(
        DenseBackwardWeight,
        &[],
        "dense_backward_weight_registers",
        "4x4",
        reasoned("tiles of 8x8 would compute half their columns or more in vain"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 1), AtLeast(OutWidth, 4)],
        "depthwise",
        "stride 1, 4 across",
        compiled("62.2, 57.0, 138, 141 and 74 cycles for each four channels of a pixel; 36 are multiply-adds; no spills"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "depthwise",
        "stride 2, 4 across",
        compiled("78.5, 72.4, 221, 254 and 89 cycles for each four channels of a pixel; 36 are multiply-adds; no spills"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 1), AtLeast(OutWidth, 3)],
        "depthwise",
        "stride 1, 3 across",
        compiled("88, 79, 172, 177 and 101 cycles with an input that it normalises; 4 across spills then on Apple's GPUs"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 1)],
        "depthwise",
        "stride 1, 1 across",
        reasoned("for images that are narrower than a strip of four pixels"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 2)],
        "depthwise",
        "stride 2, 1 across",
        reasoned("for images that are narrower than a strip of four pixels"),
    ),
    Row::half(
        Depthwise,
        &[Is(Stride, 1), AtLeast(OutWidth, 4)],
        "depthwise",
        "stride 1, 4 across of f16",
        reasoned("the strips of 32-bit floats"),
    ),
    Row::half(
        Depthwise,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "depthwise",
        "stride 2, 4 across of f16",
        reasoned("the strips of 32-bit floats"),
    ),
    Row::half(
        Depthwise,
        &[Is(Stride, 1)],
        "depthwise",
        "stride 1, 1 across of f16",
        reasoned("for images that are narrower than a strip of four pixels"),
    ),
    Row::half(
        Depthwise,
        &[Is(Stride, 2)],
        "depthwise",
        "stride 2, 1 across of f16",
        reasoned("for images that are narrower than a strip of four pixels"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 1), AtLeast(OutWidth, 4)],
        "depthwise_backward_input",
        "stride 1, 4 across",
        compiled("62.9, 58.8, 139, 147 and 74 cycles for each four channels of a pixel; 36 are multiply-adds"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 2), AtLeast(OutWidth, 2)],
        "depthwise_backward_input",
        "stride 2, 2 across",
        compiled(
            "26.7, 23.4, 79, 64 and 41 cycles for each four channels of a pixel; 9 are multiply-adds; 3 across spills on Apple's GPUs",
        ),
    ),
    // Whole blocks, where there are enough tiles to fill a GPU: those of 224 × 224 pixels at batch 32 have 299 or more. A static
    // model of time, from issue slots, latency, launches and memory traffic, estimates for the six blocks that suit at batch 32:
    // 0.77 ms against 1.08 layer by layer on an RX 7900 XTX, 0.53 against 1.20 on an RTX 3090, 6.7 against 15.9 on an M1, and 9.0
    // against 16.2 on an Adreno 740. At batch 1, whole blocks would be half as fast on the first two.
    Row::new(
        InvertedResidual,
        &[Is(Stride, 1), AtMost(Inputs, 24), AtMost(Outputs, 24), AtLeast(Rows, 256 * 6 * 14)],
        "inverted_residual",
        "stride 1, 6x14 of 24 to 24",
        compiled(".55, .57, .63, .60 and .59; no spills, 13 KiB of workgroup memory"),
    ),
    Row::new(
        InvertedResidual,
        &[Is(Stride, 1), AtMost(Inputs, 32), AtMost(Outputs, 36), AtLeast(Rows, 256 * 6 * 14)],
        "inverted_residual",
        "stride 1, 6x14 of 32 to 36",
        compiled(".55, .56, .62, .59 and .58; no spills, 15 KiB of workgroup memory"),
    ),
    Row::new(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 24), AtMost(Outputs, 36), AtLeast(Rows, 256 * 7 * 7)],
        "inverted_residual",
        "stride 2, 7x7 of 24 to 36",
        compiled(".51, .53, .55, .54 and .53; no spills, 12 KiB of workgroup memory"),
    ),
    Row::new(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 32), AtMost(Outputs, 28), AtLeast(Rows, 256 * 7 * 7)],
        "inverted_residual",
        "stride 2, 7x7 of 32 to 28",
        compiled(".53, .54, .60, .57 and .55; no spills, 15 KiB of workgroup memory"),
    ),
    Row::new(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 32), AtMost(Outputs, 72), AtLeast(Rows, 256 * 3 * 7)],
        "inverted_residual",
        "stride 2, 3x7 of 32 to 72",
        compiled(".55, .57, .63, .60 and .58; no spills, 15 KiB of workgroup memory"),
    ),
    Row::half(
        InvertedResidual,
        &[Is(Stride, 1), AtMost(Inputs, 24), AtMost(Outputs, 24), AtLeast(Rows, 256 * 6 * 14)],
        "inverted_residual",
        "stride 1, 6x14 of 24 to 24 of f16",
        compiled(".56, .57, .62, .59 and .58; no spills, 13 KiB of workgroup memory"),
    ),
    Row::half(
        InvertedResidual,
        &[Is(Stride, 1), AtMost(Inputs, 32), AtMost(Outputs, 36), AtLeast(Rows, 256 * 6 * 14)],
        "inverted_residual",
        "stride 1, 6x14 of 32 to 36 of f16",
        compiled(".56, .57, .62, .58 and .57; no spills, 15 KiB of workgroup memory"),
    ),
    Row::half(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 24), AtMost(Outputs, 36), AtLeast(Rows, 256 * 7 * 7)],
        "inverted_residual",
        "stride 2, 7x7 of 24 to 36 of f16",
        compiled(".52, .53, .54, .53 and .52; no spills, 12 KiB of workgroup memory"),
    ),
    Row::half(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 32), AtMost(Outputs, 28), AtLeast(Rows, 256 * 7 * 7)],
        "inverted_residual",
        "stride 2, 7x7 of 32 to 28 of f16",
        compiled(".53, .54, .59, .56 and .54; no spills, 15 KiB of workgroup memory"),
    ),
    Row::half(
        InvertedResidual,
        &[Is(Stride, 2), AtMost(Inputs, 32), AtMost(Outputs, 72), AtLeast(Rows, 256 * 3 * 7)],
        "inverted_residual",
        "stride 2, 3x7 of 32 to 72 of f16",
        compiled(".56, .57, .63, .60 and .58; no spills, 15 KiB of workgroup memory"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 1)],
        "depthwise_backward_input",
        "stride 1, 1 across",
        reasoned("for images that are narrower than the wider strip"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 2)],
        "depthwise_backward_input",
        "stride 2, 1 across",
        reasoned("for images that are narrower than the wider strip"),
    ),
    Row::new(
        Stem,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "stem",
        "stride 2, 4x16 of rgb",
        compiled(".73, .74, .69, .63 and .81; no spills"),
    ),
    Row::new(
        Stem,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "stem",
        "stride 2, 4x16",
        compiled(".74, .74, .70, .63 and .86; no spills"),
    ),
    Row::new(Stem, &[Is(Stride, 1), AtLeast(OutWidth, 4)], "stem", "stride 1, 4x16", reasoned("the tile of stride 2")),
    Row::new(Stem, &[Is(Stride, 2)], "stem", "stride 2, 1x16", reasoned("for images that are narrower than four pixels")),
    Row::new(Stem, &[Is(Stride, 1)], "stem", "stride 1, 1x16", reasoned("for images that are narrower than four pixels")),
    Row::half(
        Stem,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "stem",
        "stride 2, 4x16 of rgb in f16",
        reasoned("the tile of 32-bit floats"),
    ),
    Row::half(
        Stem,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "stem",
        "stride 2, 4x16 of f16",
        reasoned("the tile of 32-bit floats"),
    ),
    Row::half(
        Stem,
        &[Is(Stride, 1), AtLeast(OutWidth, 4)],
        "stem",
        "stride 1, 4x16 of f16",
        reasoned("the tile of 32-bit floats"),
    ),
    Row::half(Stem, &[Is(Stride, 2)], "stem", "stride 2, 1x16 of f16", reasoned("for images that are narrower than four pixels")),
    Row::half(Stem, &[Is(Stride, 1)], "stem", "stride 1, 1x16 of f16", reasoned("for images that are narrower than four pixels")),
];
