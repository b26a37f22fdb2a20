//! The table of GPUs whose class has no table of its own. On every device it is also the table for 16-bit floats.
//!
//! Its variants need neither subgroups nor 64-bit integers. They were chosen by the code that the compilers of real GPUs generate
//! for them: its registers, its occupancy, and the share of multiply-adds among the instructions of the hot loop.

use super::Condition::{AtLeast, Is};
use super::Operation::{DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, Pointwise, Stem};
use super::Quantity::{OutWidth, Outputs, Results, Stride};
use super::{ClassSettings, Provenance, Row};
use crate::device::Throughput;

/// The settings of GPUs.
pub const SETTINGS: ClassSettings = ClassSettings {
    workgroups_of_a_sum: 1024,
    threads_of_a_sum: 65_536,
    subgroup_distances: false,
    distance_tables: false,
    resize_pixels: 1,
    batch: 32,
    throughput: Throughput { flops_a_second: 200_000_000_000, bytes_a_second: 20_000_000_000 },
};

/// Rows × outputs from which a product takes large tiles. With fewer, large tiles leave multiprocessors idle.
const LARGE: u64 = 64 * 64 * 256;

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
    Row::new(
        Pointwise,
        &[AtLeast(Results, LARGE)],
        "pointwise_workgroup",
        "64x64/256",
        compiled(".38, .42, .38, .43 and .44; 36 waves on NVIDIA"),
    ),
    Row::new(
        Pointwise,
        &[],
        "pointwise_workgroup",
        "32x32",
        compiled(".39, .42, .38, .43 and .46; four times as many workgroups as 64x64/256"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE)],
        "pointwise_workgroup",
        "64x64/256 of f16",
        compiled(".26, .28, .20, .39 and .39, without packed multiply-adds"),
    ),
    Row::half(Pointwise, &[], "pointwise_workgroup", "32x32 of f16", compiled(".26, .28, .20, .39 and .39, as the larger tile")),
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
        compiled("62.2, 57.0, 138, 141 and 74 cycles for four channels of a pixel, of which 36 multiply; no spills"),
    ),
    Row::new(
        Depthwise,
        &[Is(Stride, 2), AtLeast(OutWidth, 4)],
        "depthwise",
        "stride 2, 4 across",
        compiled("78.5, 72.4, 221, 254 and 89 cycles for four channels of a pixel, of which 36 multiply; no spills"),
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
        compiled("62.9, 58.8, 139, 147 and 74 cycles for four channels of a pixel, of which 36 multiply"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 2), AtLeast(OutWidth, 2)],
        "depthwise_backward_input",
        "stride 2, 2 across",
        compiled(
            "26.7, 23.4, 79, 64 and 41 cycles for four channels of a pixel, of which 9 multiply; 3 across spills on Apple's GPUs",
        ),
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
