//! Plans as documents that other programs can replay.

use serde::{Deserialize, Serialize};

use super::{Access, Cost, Dispatch, Name, ParamField, Plan, Precision, Residence, Step, Tensor, View};

/// A plan with expanded WGSL. It is everything that a WebGPU host needs to run the plan, except the contents of persistent
/// tensors.
///
/// Binding 0 of every shader is a uniform buffer with the step's `params`; storage bindings follow from binding 1. The entry
/// point is `main`. Transient tensors may share memory where their lifetimes do not overlap. Shaders that say `Native only` in a
/// comment use 64-bit integers, which no browser has; plans for the generic profile have none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The version of this format.
    pub format: String,
    /// The plan's label.
    pub label: String,
    /// The tensors. Their positions are their [`TensorId`](super::TensorId)s.
    pub tensors: Vec<Tensor>,
    /// The distinct shaders that the steps run.
    pub shaders: Vec<ExpandedShader>,
    /// The steps in order.
    pub steps: Vec<DocumentStep>,
}

/// A kernel and variant, expanded to WGSL as the standard writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpandedShader {
    /// The kernel's name.
    pub kernel: String,
    /// The variant's name.
    pub variant: String,
    /// How activations and weights are stored.
    pub precision: Precision,
    /// The constants that the source was expanded with.
    pub constants: Vec<(String, i64)>,
    /// The fields of `Params` in order. Each takes one 32-bit word.
    pub params: Vec<ParamField>,
    /// How the shader uses each storage binding, from binding 1.
    pub bindings: Vec<Access>,
    /// The source after expansion.
    pub wgsl: String,
}

/// One dispatch of a [`PlanDocument`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentStep {
    /// The step's label.
    pub label: String,
    /// Position of the shader in [`PlanDocument::shaders`].
    pub shader: usize,
    /// Override constants of the pipeline.
    pub overrides: Vec<(String, f64)>,
    /// The contents of `Params` as little-endian 32-bit words.
    pub params: Vec<u32>,
    /// Views in the order of the bindings.
    pub bindings: Vec<View>,
    /// Workgroups in each dimension.
    pub grid: Dispatch,
    /// The step's work by formula.
    pub cost: Cost,
}

/// The version of the format that [`PlanDocument::new`] writes.
const FORMAT: &str = "lineament-plan/1";

impl PlanDocument {
    /// Creates the document of a plan. `expand` returns a step's WGSL after expansion.
    ///
    /// # Errors
    /// Returns the errors of `expand`.
    pub fn new<E>(plan: &Plan, mut expand: impl FnMut(&Step) -> Result<String, E>) -> Result<PlanDocument, E> {
        let mut shaders: Vec<ExpandedShader> = Vec::new();
        let mut keys: Vec<&Step> = Vec::new();
        let mut steps = Vec::with_capacity(plan.steps().len());
        for step in plan.steps() {
            let known = keys.iter().position(|key| (&key.source, &key.constants) == (&step.source, &step.constants));
            let shader = match known {
                Some(shader) => shader,
                None => {
                    keys.push(step);
                    shaders.push(ExpandedShader {
                        kernel: step.kernel.to_string(),
                        variant: step.variant.to_string(),
                        precision: step.precision,
                        constants: step.constants.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
                        params: step.fields.to_vec(),
                        bindings: step.access.clone(),
                        wgsl: expand(step)?,
                    });
                    shaders.len() - 1
                }
            };
            steps.push(DocumentStep {
                label: step.label.clone(),
                shader,
                overrides: step.overrides.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
                params: step.params.chunks(4).map(word).collect(),
                bindings: step.bindings.clone(),
                grid: step.dispatch,
                cost: step.cost,
            });
        }
        let tensors = plan.tensors().to_vec();
        Ok(PlanDocument { format: FORMAT.to_string(), label: plan.label.clone(), tensors, shaders, steps })
    }

    /// Returns the plan that the document describes.
    ///
    /// # Errors
    /// Returns [`DocumentError`] if the format is unknown, or if a step refers to a shader, a tensor, bytes of a tensor, a
    /// binding or a parameter that does not exist.
    pub fn plan(&self) -> Result<Plan, DocumentError> {
        if self.format != FORMAT {
            return Err(DocumentError::Format { found: self.format.clone() });
        }
        let mut plan = Plan::new(&self.label);
        for Tensor { label, bytes, residence } in &self.tensors {
            match residence {
                Residence::Transient => plan.transient(label, *bytes),
                Residence::Persistent => plan.persistent(label, *bytes),
            };
        }
        for step in &self.steps {
            let missing = |what| DocumentError::Missing { step: step.label.clone(), what };
            let shader = self.shaders.get(step.shader).ok_or_else(|| missing("a shader"))?;
            for view in &step.bindings {
                let tensor = self.tensors.get(view.tensor.0).ok_or_else(|| missing("a tensor"))?;
                if view.offset.checked_add(view.bytes).is_none_or(|end| end > tensor.bytes) {
                    return Err(missing("a part of a tensor"));
                }
            }
            if step.bindings.len() != shader.bindings.len() {
                return Err(missing("a binding"));
            }
            if step.params.len() != shader.params.len() {
                return Err(missing("a parameter"));
            }
            plan.push(Step {
                label: step.label.clone(),
                kernel: shader.kernel.clone().into(),
                variant: shader.variant.clone().into(),
                precision: shader.precision,
                source: shader.wgsl.clone().into(),
                constants: shader.constants.iter().map(|(name, value)| (Name::from(name.clone()), *value)).collect(),
                overrides: step.overrides.iter().map(|(name, value)| (Name::from(name.clone()), *value)).collect(),
                fields: shader.params.clone().into(),
                params: step.params.iter().flat_map(|word| word.to_le_bytes()).collect(),
                bindings: step.bindings.clone(),
                access: shader.bindings.clone(),
                dispatch: step.grid,
                cost: step.cost,
            });
        }
        Ok(plan)
    }
}

/// Why a document is not a valid plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The document has another format or version.
    #[error("the plan's format is `{found}`, expected `{FORMAT}`; export the plan again with this version")]
    Format {
        /// The format in the document.
        found: String,
    },
    /// A step refers to something that is not in the document.
    #[error("step {step} refers to {what} that is not in the document; export the plan again")]
    Missing {
        /// The step's label.
        step: String,
        /// What is missing.
        what: &'static str,
    },
}

/// Reads up to four bytes as a little-endian word.
fn word(bytes: &[u8]) -> u32 {
    let mut whole = [0; 4];
    whole[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(whole)
}
