//! The profile of every GPU whose class has none of its own.

use super::{ClassSettings, OperationShape};
use crate::plan::{Precision, VariantId};

/// What holds for every operation.
pub const SETTINGS: ClassSettings = ClassSettings {
    workgroups_of_a_sum: 1024,
    threads_of_a_sum: 65_536,
    subgroup_distances: false,
    distance_tables: false,
    resize_pixels: 1,
};

/// Rows × outputs from which a product takes large tiles: with fewer, large tiles leave multiprocessors idle.
const LARGE: u64 = 64 * 64 * 256;

/// Returns the variants for an operation, best first.
pub fn preferences(shape: OperationShape, precision: Precision) -> Vec<VariantId> {
    let is_half = precision == Precision::F16;
    let variant = match shape {
        OperationShape::Pointwise { rows, outputs, .. } => {
            let large = u64::from(rows) * u64::from(outputs) >= LARGE;
            let name = match (is_half, large) {
                (false, true) => "64x64/256",
                (false, false) => "32x32",
                (true, true) => "64x64/256 of f16",
                (true, false) => "32x32 of f16",
            };
            VariantId::new("pointwise_workgroup", name)
        }
        OperationShape::DenseBackwardWeight { outputs, .. } => {
            VariantId::new("dense_backward_weight_registers", if outputs > 64 { "8x8" } else { "4x4" })
        }
        OperationShape::Depthwise { stride, .. } | OperationShape::ExpandDepthwise { stride, .. } => {
            let name = match (is_half, stride) {
                (false, 1) => "stride 1, 2x4",
                (false, _) => "stride 2, 2x4",
                (true, 1) => "stride 1, 2x4 of f16",
                (true, _) => "stride 2, 2x4 of f16",
            };
            VariantId::new("depthwise", name)
        }
        OperationShape::DepthwiseBackwardInput { stride, .. } => {
            VariantId::new("depthwise_backward_input", if stride == 1 { "stride 1, 2x4" } else { "stride 2, 2x4" })
        }
        OperationShape::Stem { .. } => VariantId::new("stem", if is_half { "4x8 of f16" } else { "4x8" }),
    };
    vec![variant]
}
