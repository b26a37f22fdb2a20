//! Writing a plan out with expanded shaders.

use crate::plan::{Plan, PlanDocument};
use crate::wgsl::{ShaderError, expand};

/// Writes out a plan with the expanded WGSL of every shader it runs.
///
/// # Errors
/// A shader does not expand.
pub fn document(plan: &Plan) -> Result<PlanDocument, ShaderError> {
    PlanDocument::new(plan, |step| expand(&step.source, &step.constants, &step.fields))
}
