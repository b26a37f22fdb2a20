//! Plans: ordered steps over tensors, each with a label and a cost.

use std::fmt;

use super::{Cost, Dispatch, Name, Residence, Step, Tensor, TensorId, View};

/// Why a plan cannot run on an adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A step binds a view that exceeds the adapter's binding limit.
    #[error(
        "step {step}: {tensor} needs {bytes} bytes in one binding, but the adapter supports {limit}; \
         use a smaller batch or image size"
    )]
    BindingTooLarge {
        /// The step's label.
        step: String,
        /// The tensor's label.
        tensor: String,
        /// Bytes in one binding.
        bytes: u64,
        /// The adapter's limit.
        limit: u64,
    },
    /// A tensor that no step uses cannot be read.
    #[error("plan {plan}: tensor {tensor} has no memory, because no step uses it")]
    UnusedTensor {
        /// The plan's label.
        plan: String,
        /// The tensor's position.
        tensor: usize,
    },
    /// A step's grid exceeds the adapter's limit.
    #[error("step {step}: {found} workgroups in a dimension, but the adapter supports {limit}; use a smaller batch")]
    GridTooLarge {
        /// The step's label.
        step: String,
        /// Number of workgroups in the dimension that exceeds the limit.
        found: u32,
        /// The adapter's limit.
        limit: u32,
    },
}

/// A list of tensors and the steps that run on them, in order. It is plain data that can be printed and compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The plan's label in tables.
    pub label: String,
    tensors: Vec<Tensor>,
    steps: Vec<Step>,
}

impl Plan {
    /// Creates an empty plan.
    pub fn new(label: &str) -> Plan {
        Plan { label: label.to_string(), ..Plan::default() }
    }

    /// Declares a tensor of `bytes` bytes in the arena. Returns a view of all of it.
    pub fn transient(&mut self, label: &str, bytes: u64) -> View {
        self.tensor(label, bytes, Residence::Transient)
    }

    /// Declares a tensor of `bytes` bytes with a buffer of its own. Returns a view of all of it.
    pub fn persistent(&mut self, label: &str, bytes: u64) -> View {
        self.tensor(label, bytes, Residence::Persistent)
    }

    fn tensor(&mut self, label: &str, bytes: u64, residence: Residence) -> View {
        let tensor = TensorId(self.tensors.len());
        self.tensors.push(Tensor { label: label.to_string(), bytes, residence });
        View { tensor, offset: 0, bytes }
    }

    /// Appends a step.
    pub fn push(&mut self, step: Step) {
        debug_assert_eq!(step.bindings.len(), step.access.len(), "{}", step.label);
        self.steps.push(step);
    }

    /// Replaces the WGSL of all steps that run `kernel` by `source`. The mutation tests use this.
    pub fn replace_source(&mut self, kernel: &str, source: Name) {
        for step in self.steps.iter_mut().filter(|step| step.kernel == kernel) {
            step.source = source.clone();
        }
    }

    /// Returns the plan of the first `steps` steps on the same tensors.
    pub fn truncated(&self, steps: usize) -> Plan {
        let mut plan = self.clone();
        plan.steps.truncate(steps);
        plan
    }

    /// Folds every one-dimensional grid of several workgroups into two dimensions, with more workgroups than needed. Returns
    /// whether there was any. Tests use this to check folded grids on small shapes.
    pub fn fold_lines(&mut self) -> bool {
        let mut found = false;
        for step in &mut self.steps {
            let [width, height, depth] = step.dispatch.0;
            if width > 1 && (height, depth) == (1, 1) {
                step.dispatch = Dispatch([width.div_ceil(2), 3, 1]);
                found = true;
            }
        }
        found
    }

    /// Returns the steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the tensors in the order of their [`TensorId`].
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Returns the positions of the first and the last step that use each tensor, or nothing for a tensor that no step uses.
    pub fn lifetimes(&self) -> Vec<Option<(usize, usize)>> {
        let mut lifetimes = vec![None; self.tensors.len()];
        for (index, step) in self.steps.iter().enumerate() {
            for view in &step.bindings {
                let lifetime = lifetimes[view.tensor.0].get_or_insert((index, index));
                lifetime.1 = index;
            }
        }
        lifetimes
    }

    /// Returns the total cost of all steps.
    pub fn cost(&self) -> Cost {
        self.steps.iter().map(|step| step.cost).sum()
    }

    /// Returns the total size in bytes of all persistent tensors.
    pub fn persistent_bytes(&self) -> u64 {
        self.tensors.iter().filter(|tensor| tensor.residence == Residence::Persistent).map(|tensor| tensor.bytes).sum()
    }

    /// Checks bindings and grids against an adapter's limits.
    ///
    /// # Errors
    /// Returns [`PlanError::BindingTooLarge`] for the largest binding or [`PlanError::GridTooLarge`] for the first grid that
    /// exceeds the limit.
    pub fn check(&self, binding_bytes: u64, workgroups: u32) -> Result<(), PlanError> {
        let bindings = self.steps.iter().flat_map(|step| step.bindings.iter().map(move |view| (step, view)));
        if let Some((step, view)) = bindings.max_by_key(|(_, view)| view.bytes).filter(|(_, view)| view.bytes > binding_bytes) {
            let tensor = self.tensors[view.tensor.0].label.clone();
            return Err(PlanError::BindingTooLarge { step: step.label.clone(), tensor, bytes: view.bytes, limit: binding_bytes });
        }
        for step in &self.steps {
            if let Some(found) = step.dispatch.0.into_iter().find(|count| *count > workgroups) {
                return Err(PlanError::GridTooLarge { step: step.label.clone(), found, limit: workgroups });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    /// Writes a table with one line per step: label, kernel, variant, grid, cost and tensors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.cost();
        writeln!(
            f,
            "{}: {} steps, {:.1} MFLOP, {:.1} MB moved, {:.1} MB persistent",
            self.label,
            self.steps.len(),
            total.flops as f64 / 1e6,
            total.bytes as f64 / 1e6,
            self.persistent_bytes() as f64 / 1e6
        )?;
        for (index, step) in self.steps.iter().enumerate() {
            let names: Vec<&str> = step.bindings.iter().map(|view| self.tensors[view.tensor.0].label.as_str()).collect();
            let [x, y, z] = step.dispatch.0;
            writeln!(
                f,
                "{index:4}  {:32} {:22} {:16} {:>14} {:9.3} MFLOP {:8.3} MB  {}",
                step.label,
                step.kernel,
                step.variant,
                format!("{x}x{y}x{z}"),
                step.cost.flops as f64 / 1e6,
                step.cost.bytes as f64 / 1e6,
                names.join(", ")
            )?;
        }
        Ok(())
    }
}
