//! The plan: ordered steps over tensors, each with a label and a cost. It needs no GPU and can be printed.

use std::fmt;

use super::{Cost, Dispatch, Name, Residence, Step, Tensor, TensorId, View};

/// Why a plan cannot run on an adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A step binds more than the adapter takes at once.
    #[error(
        "step {step}: {tensor} needs {bytes} bytes in one binding, the adapter takes {limit}; use a smaller batch or image size"
    )]
    BindingTooLarge {
        /// The step's label.
        step: String,
        /// The tensor's label.
        tensor: String,
        /// What it needs.
        bytes: u64,
        /// What the adapter takes.
        limit: u64,
    },
    /// A tensor was to be read that no step uses.
    #[error("plan {plan}: tensor {tensor} has no memory, because no step uses it")]
    UnusedTensor {
        /// The plan's label.
        plan: String,
        /// The tensor's position.
        tensor: usize,
    },
    /// The grid is larger than the adapter takes.
    #[error("step {step}: {found} workgroups in a dimension, the adapter takes {limit}; use a smaller batch")]
    GridTooLarge {
        /// The step's label.
        step: String,
        /// What it asks for.
        found: u32,
        /// What the adapter takes.
        limit: u32,
    },
}

/// Steps in the order in which they run, over tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What tables call it.
    pub label: String,
    tensors: Vec<Tensor>,
    steps: Vec<Step>,
}

impl Plan {
    /// An empty plan.
    pub fn new(label: &str) -> Plan {
        Plan { label: label.to_string(), ..Plan::default() }
    }

    /// A tensor in the arena, of `bytes` bytes.
    pub fn transient(&mut self, label: &str, bytes: u64) -> View {
        self.tensor(label, bytes, Residence::Transient)
    }

    /// A tensor with a buffer of its own, of `bytes` bytes.
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

    /// Runs `source` instead of the kernel's own WGSL wherever `kernel` runs. The mutation tests use this.
    pub fn replace_source(&mut self, kernel: &str, source: Name) {
        for step in self.steps.iter_mut().filter(|step| step.kernel == kernel) {
            step.source = source.clone();
        }
    }

    /// The plan of the first `steps` steps, over the same tensors.
    pub fn truncated(&self, steps: usize) -> Plan {
        let mut plan = self.clone();
        plan.steps.truncate(steps);
        plan
    }

    /// Folds every line of several workgroups over two dimensions, overshooting by a row, and says whether there was any:
    /// how folding is put to the test on small shapes.
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

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The tensors by [`TensorId`].
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// First and last step that touches each tensor; `None` for a tensor that no step touches.
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

    /// Total cost of all steps.
    pub fn cost(&self) -> Cost {
        self.steps.iter().map(|step| step.cost).sum()
    }

    /// Bytes of all persistent tensors.
    pub fn persistent_bytes(&self) -> u64 {
        self.tensors.iter().filter(|tensor| tensor.residence == Residence::Persistent).map(|tensor| tensor.bytes).sum()
    }

    /// Checks bindings and grids against an adapter's limits.
    ///
    /// # Errors
    /// [`PlanError`] names the step with the largest binding, or a grid, that does not fit: what it needs and what the
    /// adapter takes.
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
    /// A table: step, kernel and variant, grid, cost and tensors.
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
