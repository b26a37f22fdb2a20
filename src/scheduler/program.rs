//! Programs: plans with their buffers, pipelines and bind groups on a device. Every run only records and submits them.

use std::sync::Arc;

use super::arena::Arena;
use crate::device::{Bindings, Buffer, Clock, DeviceError, Gpu, Pass, PassTime, PendingRead, Pipeline};
use crate::plan::{ALIGNMENT, Cost, Plan, PlanError, Precision, Residence, TensorId, View};

/// Largest predicted duration of a submission in seconds. Drivers reset the GPU after about two seconds.
const SUBMISSION_SECONDS: f64 = 0.5;

/// A plan that is ready to run any number of times. Runs allocate nothing on the device.
pub struct Program {
    label: String,
    banks: Vec<Buffer>,
    steps: Vec<Recorded>,
    tensors: Vec<Placement>,
    /// The `Params` of all steps.
    params: Buffer,
    /// Whether each tensor is persistent.
    persistent: Vec<bool>,
}

/// The device memory that a program allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    /// Size of each bank of the arena in bytes.
    banks: Vec<u64>,
    /// Number of bytes that the program allocates itself; shared buffers are not counted.
    pub bytes: u64,
}

impl Footprint {
    /// Returns the memory that [`Program::new_beside`] allocates for a plan. The tensors in `shared` and the banks of `other`
    /// that are large enough are not counted.
    pub fn new(gpu: &Gpu, plan: &Plan, shared: &[View], other: Option<&Footprint>) -> Footprint {
        let reusable = other.map_or(&[][..], |other| &other.banks);
        let banks = Arena::plan(plan, gpu.capabilities().buffer_bytes).banks;
        let own = banks.iter().enumerate().filter(|(index, bank)| reusable.get(*index).is_none_or(|reusable| reusable < bank));
        let bank_bytes: u64 = own.map(|(_, bank)| bank).sum();
        let is_own = |tensor: usize| shared.iter().all(|view| view.tensor.0 != tensor);
        let tensors = plan.tensors().iter().enumerate();
        let tensor_bytes: u64 = tensors
            .filter(|(index, tensor)| tensor.residence == Residence::Persistent && is_own(*index))
            .map(|(_, tensor)| tensor.bytes.max(4).next_multiple_of(4))
            .sum();
        let bytes = bank_bytes + tensor_bytes + params_stride(gpu) * plan.steps().len().max(1) as u64;
        Footprint { banks, bytes }
    }
}

/// A step with everything that recording it needs.
struct Recorded {
    label: String,
    pipeline: Arc<Pipeline>,
    bindings: Bindings,
    grid: [u32; 3],
    cost: Cost,
    /// Offset and size in bytes of the step's `Params`.
    params: (u64, usize),
    /// Whether a new submission starts before this step.
    starts_submission: bool,
}

/// The measured time of one step.
#[derive(Debug, Clone)]
pub struct StepTime {
    /// The step's label.
    pub label: String,
    /// The step's cost by formula.
    pub cost: Cost,
    /// Seconds from the beginning of the first step to the beginning of this one.
    pub start: f64,
    /// Duration in seconds.
    pub seconds: f64,
}

/// The measured times of all steps of a run.
#[derive(Debug, Clone)]
pub struct TimedRun {
    /// The steps in the order of the plan.
    pub steps: Vec<StepTime>,
    /// The clock that measured them.
    pub clock: Clock,
}

impl Program {
    /// Allocates the arena and the persistent tensors, compiles the pipelines that are not cached, and creates all bind groups.
    /// The tensors in `shared` use the given buffers, so that several programs can work on the same weights.
    ///
    /// # Errors
    /// Returns an error if the plan does not fit the adapter's limits, if there is not enough memory, or if a pipeline does not
    /// compile.
    pub fn new(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)]) -> Result<Program, DeviceError> {
        Program::with_banks(gpu, plan, shared, &[])
    }

    /// Creates a program like [`Program::new`] that shares the arena of `other`: it uses those banks that are large enough.
    /// Running one program overwrites the transient tensors of the other.
    ///
    /// # Errors
    /// Returns the errors of [`Program::new`].
    pub fn new_beside(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)], other: &Program) -> Result<Program, DeviceError> {
        Program::with_banks(gpu, plan, shared, &other.banks)
    }

    fn with_banks(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)], reusable: &[Buffer]) -> Result<Program, DeviceError> {
        let capabilities = gpu.capabilities();
        plan.check(capabilities.binding_bytes, capabilities.workgroups)?;
        if !capabilities.shader_f16 && plan.steps().iter().any(|step| step.precision == Precision::F16) {
            return Err(DeviceError::NoHalf { adapter: gpu.report().name.clone() });
        }
        let arena = Arena::plan(plan, capabilities.buffer_bytes);
        let mut banks = Vec::with_capacity(arena.banks.len());
        for (index, bytes) in arena.banks.iter().enumerate() {
            let bank = match reusable.get(index).filter(|bank| bank.bytes() >= *bytes) {
                Some(bank) => bank.clone(),
                None => gpu.buffer(&format!("{}: arena bank {index}", plan.label), *bytes)?,
            };
            banks.push(bank);
        }
        let tensors = place(gpu, plan, &arena, &banks, shared)?;

        let starts = submission_starts(plan, gpu);
        let stride = params_stride(gpu);
        let params = gpu.uniform_buffer(&format!("{}: params", plan.label), stride * plan.steps().len().max(1) as u64)?;
        gpu.compile_all(plan.steps())?;
        let mut steps = Vec::with_capacity(plan.steps().len());
        for (index, step) in plan.steps().iter().enumerate() {
            let pipeline = gpu.pipeline(step)?;
            let at = stride * index as u64;
            gpu.write(&params, at, &step.params);
            let mut entries = vec![(&params, at, step.params.len() as u64)];
            for view in &step.bindings {
                let Some((buffer, offset)) = &tensors[view.tensor.0] else {
                    return Err(PlanError::UnusedTensor { plan: plan.label.clone(), tensor: view.tensor.0 }.into());
                };
                entries.push((buffer, offset + view.offset, view.bytes));
            }
            steps.push(Recorded {
                label: step.label.clone(),
                bindings: gpu.bind(&step.label, &pipeline, &entries)?,
                pipeline,
                grid: step.dispatch.0,
                cost: step.cost,
                params: (at, step.params.len()),
                starts_submission: starts[index],
            });
        }
        let persistent = plan.tensors().iter().map(|tensor| tensor.residence == Residence::Persistent).collect();
        Ok(Program { label: plan.label.clone(), banks, steps, tensors, params, persistent })
    }

    /// Records and submits all steps without waiting for them.
    ///
    /// # Errors
    /// Returns the first error that the device reported since the last check, which may come from earlier work.
    pub fn run(&self, gpu: &Gpu) -> Result<(), DeviceError> {
        let mut start = 0;
        while start < self.steps.len() {
            let length = self.steps[start + 1..].iter().take_while(|step| !step.starts_submission).count() + 1;
            gpu.record(&self.label, |pass| self.steps[start..start + length].iter().for_each(|step| step.record(pass)));
            start += length;
        }
        gpu.check()
    }

    /// Runs every step in a pass of its own and measures it: with timestamps if possible, otherwise with the wall clock, step by
    /// step. This is slower than [`Program::run`].
    ///
    /// # Errors
    /// Returns the errors of [`Program::run`].
    pub fn run_timed(&self, gpu: &Gpu) -> Result<TimedRun, DeviceError> {
        let (times, clock) = gpu.time_passes(self.steps.len(), |index, pass| self.steps[index].record(pass))?;
        let steps = self.steps.iter().zip(times).map(|(step, PassTime { start, seconds })| StepTime {
            label: step.label.clone(),
            cost: step.cost,
            start,
            seconds,
        });
        Ok(TimedRun { steps: steps.collect(), clock })
    }

    /// Replaces the `Params` of step `step` for all later runs.
    ///
    /// # Panics
    /// Panics if the length differs from that of the plan.
    pub fn set_params(&self, gpu: &Gpu, step: usize, params: &[u8]) {
        let Recorded { label, params: (at, length), .. } = &self.steps[step];
        assert_eq!(params.len(), *length, "step {label}: the new parameters differ in length from the planned ones");
        gpu.write(&self.params, *at, params);
    }

    /// Writes `bytes` to a persistent tensor, starting at the view's first byte.
    ///
    /// # Panics
    /// Panics if the tensor is not persistent. Another tensor may share the memory of a transient one, so the data could be lost.
    pub fn write(&self, gpu: &Gpu, view: View, bytes: &[u8]) {
        match &self.tensors[view.tensor.0] {
            Some((buffer, offset)) if self.persistent[view.tensor.0] => gpu.write(buffer, offset + view.offset, bytes),
            _ => panic!("{}: tensor {} is not persistent and cannot be written", self.label, view.tensor.0),
        }
    }

    /// Waits for the GPU and returns the values of a view. A transient tensor may have been overwritten by another one that
    /// shares its memory.
    ///
    /// # Errors
    /// Returns [`PlanError::UnusedTensor`] if no step uses the tensor, or the device's error.
    pub fn read(&self, gpu: &Gpu, view: View) -> Result<Vec<f32>, DeviceError> {
        self.read_later(gpu, view)?.take(gpu)
    }

    /// Submits a copy of a view without waiting for it. The copy holds the state after all work submitted so far.
    ///
    /// # Errors
    /// Returns [`PlanError::UnusedTensor`] if no step uses the tensor.
    pub fn read_later(&self, gpu: &Gpu, view: View) -> Result<PendingRead, DeviceError> {
        let Some((buffer, offset)) = &self.tensors[view.tensor.0] else {
            return Err(PlanError::UnusedTensor { plan: self.label.clone(), tensor: view.tensor.0 }.into());
        };
        Ok(gpu.read_later(buffer, offset + view.offset, view.bytes))
    }

    /// Returns the buffer of a persistent tensor, to share it with another program. Returns nothing for a transient tensor.
    pub fn buffer(&self, tensor: TensorId) -> Option<&Buffer> {
        self.tensors[tensor.0].as_ref().filter(|_| self.persistent[tensor.0]).map(|(buffer, _)| buffer)
    }
}

impl Recorded {
    fn record(&self, pass: &mut Pass) {
        pass.dispatch(&self.label, &self.pipeline, &self.bindings, self.grid);
    }
}

/// Returns the distance in bytes between the `Params` of two steps.
fn params_stride(gpu: &Gpu) -> u64 {
    ALIGNMENT.max(gpu.uniform_alignment())
}

/// The place of a tensor, if it has memory: the buffer, and the offset in bytes.
type Placement = Option<(Buffer, u64)>;

/// Returns the place of each tensor. Allocates buffers for the persistent tensors that are not shared.
fn place(
    gpu: &Gpu,
    plan: &Plan,
    arena: &Arena,
    banks: &[Buffer],
    shared: &[(View, &Buffer)],
) -> Result<Vec<Placement>, DeviceError> {
    let mut placements = Vec::with_capacity(plan.tensors().len());
    for (index, tensor) in plan.tensors().iter().enumerate() {
        let placement = if let Some((_, buffer)) = shared.iter().find(|(view, _)| view.tensor.0 == index) {
            Some(((*buffer).clone(), 0))
        } else if let Some(slot) = arena.slots[index] {
            Some((banks[slot.bank].clone(), slot.offset))
        } else if tensor.residence == Residence::Persistent {
            Some((gpu.buffer(&tensor.label, tensor.bytes)?, 0))
        } else {
            None
        };
        placements.push(placement);
    }
    Ok(placements)
}

/// Returns for each step whether a new submission starts before it. No submission of several steps exceeds
/// [`SUBMISSION_SECONDS`] by prediction.
fn submission_starts(plan: &Plan, gpu: &Gpu) -> Vec<bool> {
    let mut spent = 0.0;
    let predicted = plan.steps().iter().map(|step| gpu.predicted_seconds(step.cost));
    predicted
        .map(|seconds| {
            let starts = spent > 0.0 && spent + seconds > SUBMISSION_SECONDS;
            spent = if starts { seconds } else { spent + seconds };
            starts
        })
        .collect()
}
