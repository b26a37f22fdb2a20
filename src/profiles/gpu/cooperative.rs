//! The rows for cooperative matrices, which GPUs multiply in their tensor cores.
//!
//! A device has such matrices only if the user asked for them, so these rows never apply by default. Rows for 16-bit floats serve
//! predictions, and rows for mixed precision serve training.

use super::reasoned;
use crate::profiles::Condition::AtLeast;
use crate::profiles::Operation::{DenseBackwardWeight, Pointwise};
use crate::profiles::Quantity::{Inputs, Outputs, Results};
use crate::profiles::{Provenance, Row};

/// Returns the provenance of the matrix instructions that the compilers of Mesa make. No hardware ran them.
const fn compiled(figure: &'static str) -> Provenance {
    Provenance {
        tool: "shader compilers of Mesa 26.1.6: matrix instructions and issue slots of the hot loop",
        device: "Navi 31, GFX1201, NVIDIA SM 7.2 (NVK)",
        date: "2026-11-30",
        figure,
    }
}

/// Rows × outputs from which a product takes tiles of 64 × 64.
const LARGE: u64 = 1 << 20;

/// Rows × outputs from which a product takes tiles of 32 × 32. With fewer, the slices of `pointwise_workgroup` need fewer steps.
const MEDIUM: u64 = 1 << 16;

/// The rows, in the order in which they are tried.
pub const COOPERATIVE: &[Row] = &[
    Row::half(
        Pointwise,
        &[AtLeast(Results, LARGE), AtLeast(Outputs, 64)],
        "pointwise_cooperative",
        "64x64 of f16",
        compiled("32 matrix instructions in 547 slots (Navi 31), 64 of half the size in 1353 (NVIDIA); no spills"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, MEDIUM)],
        "pointwise_cooperative",
        "32x32 of f16",
        compiled("8 in 248 and 16 of half the size in 733; no spills"),
    ),
    Row::half(
        Pointwise,
        &[AtLeast(Results, MEDIUM)],
        "pointwise_cooperative",
        "32x32 in 8x8 of f16",
        reasoned("matrices of 8 × 8 are those of Apple's GPUs; larger tiles were not tried"),
    ),
    Row::mixed(
        Pointwise,
        &[AtLeast(Results, LARGE), AtLeast(Outputs, 64)],
        "pointwise_cooperative",
        "64x64",
        compiled("32 matrix instructions in 888 slots (Navi 31), 64 of half the size in 1705 (NVIDIA); no spills"),
    ),
    Row::mixed(
        Pointwise,
        &[AtLeast(Results, MEDIUM)],
        "pointwise_cooperative",
        "32x32",
        compiled("8 in 425 and 16 of half the size in 909; no spills"),
    ),
    Row::mixed(
        Pointwise,
        &[AtLeast(Results, MEDIUM)],
        "pointwise_cooperative",
        "32x32 in 8x8",
        reasoned("matrices of 8 × 8 are those of Apple's GPUs; larger tiles were not tried"),
    ),
    Row::mixed(
        DenseBackwardWeight,
        &[AtLeast(Inputs, 64), AtLeast(Outputs, 64)],
        "dense_backward_weight_cooperative",
        "64x64",
        compiled("32 matrix instructions in 960 slots (Navi 31), 64 of half the size in 2086 (NVIDIA); no spills"),
    ),
    Row::mixed(
        DenseBackwardWeight,
        &[],
        "dense_backward_weight_cooperative",
        "32x32",
        compiled("8 in 475 and 16 of half the size in 1042; no spills"),
    ),
    Row::mixed(
        DenseBackwardWeight,
        &[],
        "dense_backward_weight_cooperative",
        "32x32 in 8x8",
        reasoned("matrices of 8 × 8 are those of Apple's GPUs; larger tiles were not tried"),
    ),
];
