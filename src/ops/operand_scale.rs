//! The scale of an operand that is rounded to 16 bits.

/// What an operand is multiplied by before it is rounded to 16-bit floats, a power of two. The product is divided by it
/// afterwards.
///
/// Gradients of a mean loss are often smaller than the smallest 16-bit float, so mixed precision scales them. Scaling the operand
/// of each product has the effect of scaling the loss (Micikevicius et al., "Mixed Precision Training", 2018), but the gradients
/// in memory stay unscaled 32-bit floats. A scaled number beyond the range of 16-bit floats becomes the largest one instead of
/// infinity, so no step has to be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperandScale(i8);

impl OperandScale {
    /// The scale 1.
    pub const NONE: OperandScale = OperandScale(0);

    /// The scale for gradients of a mean loss, 2¹⁴: gradients from 4 · 10⁻⁹ to 4 keep eleven significant bits.
    pub const GRADIENT: OperandScale = OperandScale(14);

    /// Returns the scale 2 to the power of `exponent`.
    pub const fn power(exponent: i8) -> OperandScale {
        OperandScale(exponent)
    }

    /// Returns the scale.
    pub fn factor(self) -> f32 {
        f32::from(self.0).exp2()
    }

    /// Returns the inverse of the scale. It is exact.
    pub fn inverse(self) -> f32 {
        (-f32::from(self.0)).exp2()
    }
}
