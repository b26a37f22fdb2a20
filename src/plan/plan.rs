//! The plan: ordered steps over tensors, with a label and a cost for each. It needs no GPU and can be printed.

use std::fmt;

use crate::ops::{Access, Cost, Kernel, Variant};

/// A tensor of a plan, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// Where a tensor's bytes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residence {
    /// In the arena, from the step that first writes it to the step that last reads it.
    Transient,
    /// In a buffer of its own that outlives a run: weights, inputs, results, state.
    Persistent,
}

/// A tensor: bytes with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// What tables call it.
    pub label: String,
    /// Its size.
    pub bytes: u64,
    /// Where it lives.
    pub residence: Residence,
}

/// A part of a tensor: what a step binds, or what a program reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Which tensor.
    pub tensor: TensorId,
    /// First byte; of a view that a step binds a multiple of 256, so that every adapter can bind it, of any other one of 4.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// A grid of workgroups, folded so that no dimension exceeds what every adapter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch(pub [u32; 3]);

impl Dispatch {
    /// The most workgroups that WebGPU guarantees in a dimension.
    pub const MAXIMUM: u64 = 65_535;

    /// At least `workgroups` in a line; past 65,535 the line is folded over two dimensions and may overshoot, so a
    /// kernel checks its position against its own count (`shaders/lib/dispatch.wgsl`).
    pub fn line(workgroups: u64) -> Dispatch {
        if workgroups <= Self::MAXIMUM {
            return Dispatch([workgroups as u32, 1, 1]);
        }
        let height = workgroups.div_ceil(Self::MAXIMUM);
        Dispatch([workgroups.div_ceil(height) as u32, height as u32, 1])
    }
}

/// One dispatch.
#[derive(Debug, Clone)]
pub struct Step {
    /// What tables, traces and debuggers call it.
    pub label: String,
    /// What runs.
    pub kernel: &'static Kernel,
    /// Its tile shape.
    pub variant: &'static Variant,
    /// The expander's constants: the variant's, and the subgroup size where it needs one.
    pub constants: Vec<(&'static str, i64)>,
    /// Override constants of the pipeline.
    pub overrides: Vec<(&'static str, f64)>,
    /// The bytes of `Params`.
    pub params: Vec<u8>,
    /// Views in the order of the kernel's bindings.
    pub bindings: Vec<View>,
    /// The grid.
    pub dispatch: Dispatch,
    /// Work by formula.
    pub cost: Cost,
}

impl Step {
    /// Views with their access.
    pub fn accesses(&self) -> impl Iterator<Item = (View, Access)> + '_ {
        self.bindings.iter().zip(self.kernel.bindings).map(|(view, binding)| (*view, binding.access))
    }
}

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
#[derive(Debug, Clone, Default)]
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
        debug_assert_eq!(step.bindings.len(), step.kernel.bindings.len(), "{}", step.label);
        self.steps.push(step);
    }

    /// Runs `replacement` wherever `kernel` was to run: how a broken shader is put to the test.
    pub fn replace_kernel(&mut self, kernel: &Kernel, replacement: &'static Kernel) {
        for step in self.steps.iter_mut().filter(|step| step.kernel.name == kernel.name) {
            step.kernel = replacement;
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
                step.kernel.name,
                step.variant.name,
                format!("{x}x{y}x{z}"),
                step.cost.flops as f64 / 1e6,
                step.cost.bytes as f64 / 1e6,
                names.join(", ")
            )?;
        }
        Ok(())
    }
}
