//! The rows of the tables of variants, and the conditions under which they apply.

use super::OperationShape;
use crate::plan::{Precision, VariantId};

/// An operation whose variant is chosen from a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A dense 3×3 convolution: the first layer of a network.
    Stem,
    /// A depthwise 3×3 convolution.
    Depthwise,
    /// A pointwise convolution and the depthwise one that reads its result.
    ExpandDepthwise,
    /// A pointwise convolution, a depthwise one and another pointwise one, which may add the input of the first.
    InvertedResidual,
    /// The input gradient of a depthwise convolution.
    DepthwiseBackwardInput,
    /// A pointwise convolution or a dense layer.
    Pointwise,
    /// The weight gradient of a pointwise convolution or a dense layer.
    DenseBackwardWeight,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 7] = [
        Operation::Stem,
        Operation::Depthwise,
        Operation::ExpandDepthwise,
        Operation::InvertedResidual,
        Operation::DepthwiseBackwardInput,
        Operation::Pointwise,
        Operation::DenseBackwardWeight,
    ];
}

/// A number that describes the shape of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Rows of a matrix product: batch × height × width. Those of an inverted residual are the rows of its last layer.
    Rows,
    /// Input channels.
    Inputs,
    /// Output channels.
    Outputs,
    /// Rows × outputs of a matrix product.
    Results,
    /// Width of a convolution's output, in pixels.
    OutWidth,
    /// Stride of a convolution.
    Stride,
}

/// A condition on the shape of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The quantity is this number.
    Is(Quantity, u64),
    /// The quantity is this number or less.
    AtMost(Quantity, u64),
    /// The quantity is this number or more.
    AtLeast(Quantity, u64),
    /// The quantity is a multiple of this number.
    MultipleOf(Quantity, u64),
}

impl Condition {
    /// Returns the quantity that the condition is about.
    pub fn quantity(self) -> Quantity {
        let (Condition::Is(quantity, _)
        | Condition::AtMost(quantity, _)
        | Condition::AtLeast(quantity, _)
        | Condition::MultipleOf(quantity, _)) = self;
        quantity
    }

    /// Returns whether the condition holds. It does not hold if the operation has no such quantity.
    pub fn holds(self, shape: OperationShape) -> bool {
        shape.quantity(self.quantity()).is_some_and(|value| match self {
            Condition::Is(_, number) => value == number,
            Condition::AtMost(_, most) => value <= most,
            Condition::AtLeast(_, least) => value >= least,
            Condition::MultipleOf(_, divisor) => value.is_multiple_of(divisor),
        })
    }
}

/// The origin of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance {
    /// The tool that made the measurement, such as `lineament tune` or the compilers of `tools/`.
    pub tool: &'static str,
    /// The device, or the compiler's target, and the driver's version.
    pub device: &'static str,
    /// The date of the measurement, as year-month-day.
    pub date: &'static str,
    /// The measured figure, with a few words about it. For rows without a measurement, the reason for the row.
    pub figure: &'static str,
}

/// A row of the table of a device class: a variant, and the shapes for which it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The operation to which the row applies.
    pub operation: Operation,
    /// The precision at which the operation stores its numbers.
    pub precision: Precision,
    /// Whether the row is for mixed precision: the variant rounds the operands of products to 16 bits.
    pub mixed: bool,
    /// The conditions on the shape. All of them must hold.
    pub when: &'static [Condition],
    /// The variant to use.
    pub variant: VariantId,
    /// The origin of the row.
    pub provenance: Provenance,
}

impl Row {
    /// Returns a row for 32-bit floats.
    pub const fn new(
        operation: Operation,
        when: &'static [Condition],
        kernel: &'static str,
        variant: &'static str,
        provenance: Provenance,
    ) -> Row {
        let variant = VariantId::new(kernel, variant);
        Row { operation, precision: Precision::F32, mixed: false, when, variant, provenance }
    }

    /// Returns a row for 16-bit floats.
    pub const fn half(
        operation: Operation,
        when: &'static [Condition],
        kernel: &'static str,
        variant: &'static str,
        provenance: Provenance,
    ) -> Row {
        let variant = VariantId::new(kernel, variant);
        Row { operation, precision: Precision::F16, mixed: false, when, variant, provenance }
    }

    /// Returns a row for mixed precision: 32-bit floats in memory, products of 16-bit floats.
    pub const fn mixed(
        operation: Operation,
        when: &'static [Condition],
        kernel: &'static str,
        variant: &'static str,
        provenance: Provenance,
    ) -> Row {
        let variant = VariantId::new(kernel, variant);
        Row { operation, precision: Precision::F32, mixed: true, when, variant, provenance }
    }

    /// Returns whether the row applies to a shape whose numbers are stored at this precision.
    pub fn applies(&self, shape: OperationShape, precision: Precision) -> bool {
        self.operation == shape.operation()
            && self.precision == precision
            && self.when.iter().all(|condition| condition.holds(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::WeightLayout;

    #[test]
    fn a_row_applies_where_all_its_conditions_hold() {
        const PROVENANCE: Provenance = Provenance { tool: "", device: "", date: "", figure: "" };
        let shape = |rows, outputs| OperationShape::Pointwise { rows, inputs: 8, outputs, layout: WeightLayout::Rows };
        let row = Row::new(
            Operation::Pointwise,
            &[
                Condition::AtLeast(Quantity::Rows, 10),
                Condition::AtMost(Quantity::Rows, 20),
                Condition::MultipleOf(Quantity::Outputs, 40),
                Condition::Is(Quantity::Inputs, 8),
            ],
            "kernel",
            "variant",
            PROVENANCE,
        );
        for (rows, outputs, expected) in [(10, 40, true), (20, 80, true), (9, 40, false), (21, 40, false), (10, 60, false)] {
            assert_eq!(row.applies(shape(rows, outputs), Precision::F32), expected, "{rows} rows to {outputs}");
        }
        assert!(!row.applies(shape(10, 40), Precision::F16));
        // A matrix product has no stride.
        assert!(!Condition::AtLeast(Quantity::Stride, 0).holds(shape(10, 40)));
    }
}
