//! Exports plans with expanded shaders.

use crate::plan::{Plan, PlanDocument};
use crate::wgsl::{ShaderError, expand, standard};

/// Returns a plan as a document, with the expanded WGSL of all its shaders.
///
/// # Errors
/// Returns an error if a shader cannot be expanded.
pub fn document(plan: &Plan) -> Result<PlanDocument, ShaderError> {
    PlanDocument::new(plan, |step| expand(&step.source, &step.constants, &step.fields).map(standard))
}
