//! Operands of products in mixed precision.

use lineament::ops::OperandScale;
use lineament::plan::Precision;

/// Returns operands as a kernel for mixed precision multiplies them: scaled, limited to the range of 16-bit floats, rounded to
/// one, and scaled back.
pub fn rounded(operands: &[f32], scale: OperandScale) -> Vec<f32> {
    let largest = Precision::F16.largest();
    let scaled: Vec<f32> = operands.iter().map(|value| (value * scale.factor()).clamp(-largest, largest)).collect();
    Precision::F16.rounded(&scaled).iter().map(|value| value * scale.inverse()).collect()
}
