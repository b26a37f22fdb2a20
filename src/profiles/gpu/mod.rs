//! The table of GPUs whose class has no table of its own. On every device it is also the table for 16-bit floats.
//!
//! Its variants need neither subgroups nor 64-bit integers. They were chosen by the code that the compilers of real GPUs generate
//! for them: its registers, its occupancy, and the share of multiply-adds among the instructions of the hot loop.

use super::Condition::{AtLeast, Is};
use super::Operation::{DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, Pointwise, Stem};
use super::Quantity::{Outputs, Results, Stride};
use super::{ClassSettings, Provenance, Row};
use crate::device::Throughput;

/// The settings of GPUs.
///
/// Without subgroup operations, the clustering kernels compare tiles of rows that lie in workgroup memory. The compilers named in
/// [`compiled`] report no spills, and these shares of multiply-adds, of which subtracting before squaring leaves at most .5:
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

/// Rows × outputs from which a product takes large tiles. With fewer, large tiles leave multiprocessors idle.
const LARGE: u64 = 64 * 64 * 256;

/// Returns the provenance of a figure that the compilers of Mesa report for a variant. No hardware ran it.
const fn compiled(figure: &'static str) -> Provenance {
    Provenance {
        tool: "shader compilers of Mesa 26.1.6, share of multiply-adds in the hot loop",
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
    Row::new(Depthwise, &[Is(Stride, 1)], "depthwise", "stride 1, 2x4", compiled(".30, .33, .14, .14 and .20; no spills")),
    Row::new(Depthwise, &[Is(Stride, 2)], "depthwise", "stride 2, 2x4", compiled(".24, .26, .11, .10 and .17; no spills")),
    Row::half(
        Depthwise,
        &[Is(Stride, 1)],
        "depthwise",
        "stride 1, 2x4 of f16",
        reasoned("the tile of 32-bit floats, whose larger neighbours spill"),
    ),
    Row::half(
        Depthwise,
        &[Is(Stride, 2)],
        "depthwise",
        "stride 2, 2x4 of f16",
        reasoned("the tile of 32-bit floats, whose larger neighbours spill"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 1)],
        "depthwise_backward_input",
        "stride 1, 2x4",
        compiled(".27, .30, .14, .13 and .18"),
    ),
    Row::new(
        DepthwiseBackwardInput,
        &[Is(Stride, 2)],
        "depthwise_backward_input",
        "stride 2, 2x4",
        compiled(".08, .09, .04, .04 and .04"),
    ),
    Row::new(Stem, &[], "stem", "4x8", compiled(".59, .59, .21, .22 and .48; 8x8 spills")),
    Row::half(Stem, &[], "stem", "4x8 of f16", reasoned("the tile of 32-bit floats")),
];
