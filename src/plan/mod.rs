//! Plans as plain data: kernels, variants, tensors, steps. This module needs no GPU and imports no other module of the crate.

mod capabilities;
mod document;
mod hexadecimal;
mod kernel;
#[expect(clippy::module_inception, reason = "a plan is what this module is about")]
mod plan;
mod precision;
mod row_parts;
mod step;
mod tensor;
mod variant;
mod weight_layout;

pub use capabilities::Capabilities;
pub use document::{DocumentError, DocumentStep, ExpandedShader, PlanDocument};
pub use hexadecimal::hexadecimal;
pub use kernel::{
    Access, Binding, Cost, Kernel, Param, ParamField, ParamKind, VariantId, read, read_stored, read_write, write_stored,
};
pub use plan::{Plan, PlanError};
pub use precision::Precision;
pub use row_parts::RowParts;
pub use step::{Dispatch, Step};
pub use tensor::{ALIGNMENT, Residence, Tensor, TensorId, View};
pub use variant::{COOPERATIVE, HALF, Variant, WIDE};
pub use weight_layout::WeightLayout;

/// A name: either a constant of the program or read from a file.
pub type Name = std::borrow::Cow<'static, str>;
