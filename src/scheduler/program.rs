//! From plan to GPU: buffers, pipelines and bind groups are made once, then every run records and submits them.

use std::sync::Arc;

use super::arena::Arena;
use crate::device::{Bindings, Buffer, Clock, DeviceError, Gpu, Pass, PassTime, PendingRead, Pipeline};
use crate::plan::{ALIGNMENT, Cost, Plan, PlanError, Precision, Residence, TensorId, View};

/// The most predicted time of one submission, in seconds: well under the two seconds after which drivers give up.
const SUBMISSION_SECONDS: f64 = 0.5;

/// A plan made ready to run as often as wanted. Nothing is allocated on the device after [`Program::new`].
pub struct Program {
    label: String,
    banks: Vec<Buffer>,
    steps: Vec<Recorded>,
    tensors: Vec<Option<(Buffer, u64, u64)>>,
    params: Buffer,
    persistent: Vec<bool>,
}

/// What a program allocates on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    banks: Vec<u64>,
    /// Number of bytes that the program allocates itself; shared buffers are not counted.
    pub bytes: u64,
}

impl Footprint {
    /// What [`Program::new_beside`] allocates for a plan whose tensors in `shared` live elsewhere, in the arena of `other` where
    /// that is large enough.
    pub fn new(gpu: &Gpu, plan: &Plan, shared: &[View], other: Option<&Footprint>) -> Footprint {
        let lent = other.map_or(&[][..], |other| &other.banks);
        let banks = Arena::plan(plan, gpu.capabilities().buffer_bytes).banks;
        let own = banks.iter().enumerate().filter(|(index, bank)| lent.get(*index).is_none_or(|lent| lent < bank));
        let of_banks: u64 = own.map(|(_, bank)| bank).sum();
        let is_own = |tensor: usize| shared.iter().all(|view| view.tensor.0 != tensor);
        let tensors = plan.tensors().iter().enumerate();
        let of_tensors: u64 = tensors
            .filter(|(index, tensor)| tensor.residence == Residence::Persistent && is_own(*index))
            .map(|(_, tensor)| tensor.bytes.max(4).next_multiple_of(4))
            .sum();
        let bytes = of_banks + of_tensors + params_stride(gpu) * plan.steps().len().max(1) as u64;
        Footprint { banks, bytes }
    }
}

struct Recorded {
    label: String,
    pipeline: Arc<Pipeline>,
    bindings: Bindings,
    grid: [u32; 3],
    cost: Cost,
    params: (u64, usize),
    /// Whether a new submission starts before this step.
    starts_submission: bool,
}

/// What one step took.
#[derive(Debug, Clone)]
pub struct StepTime {
    /// The step's label.
    pub label: String,
    /// Its cost by formula.
    pub cost: Cost,
    /// Seconds from the beginning of the first step.
    pub start: f64,
    /// Measured seconds.
    pub seconds: f64,
}

/// What every step of a run took.
#[derive(Debug, Clone)]
pub struct TimedRun {
    /// In the order of the plan.
    pub steps: Vec<StepTime>,
    /// What measured them.
    pub clock: Clock,
}

impl Program {
    /// Allocates the arena and persistent tensors, compiles what is not cached, and binds everything. Tensors in `shared`
    /// live in the given buffers, so that several programs can work on the same weights.
    ///
    /// # Errors
    /// The plan does not fit the adapter's limits, memory is exhausted, or a pipeline does not compile.
    pub fn new(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)]) -> Result<Program, DeviceError> {
        Program::with_banks(gpu, plan, shared, &[])
    }

    /// As [`Program::new`], in the arena of a program that never runs at the same time, where that is large enough.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn new_beside(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)], other: &Program) -> Result<Program, DeviceError> {
        Program::with_banks(gpu, plan, shared, &other.banks)
    }

    fn with_banks(gpu: &Gpu, plan: &Plan, shared: &[(View, &Buffer)], lent: &[Buffer]) -> Result<Program, DeviceError> {
        let capabilities = gpu.capabilities();
        plan.check(capabilities.binding_bytes, capabilities.workgroups)?;
        if !capabilities.shader_f16 && plan.steps().iter().any(|step| step.precision == Precision::F16) {
            return Err(DeviceError::NoHalf { adapter: gpu.report().name.clone() });
        }
        let arena = Arena::plan(plan, capabilities.buffer_bytes);
        let mut banks = Vec::with_capacity(arena.banks.len());
        for (index, bytes) in arena.banks.iter().enumerate() {
            let bank = match lent.get(index).filter(|bank| bank.bytes() >= *bytes) {
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
                if let Some((buffer, offset, _)) = &tensors[view.tensor.0] {
                    entries.push((buffer, offset + view.offset, view.bytes));
                }
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

    /// Records and submits every step, without waiting.
    ///
    /// # Errors
    /// Whatever the device reports: validation, lost device, exhausted memory.
    pub fn run(&self, gpu: &Gpu) -> Result<(), DeviceError> {
        let mut start = 0;
        while start < self.steps.len() {
            let length = self.steps[start + 1..].iter().take_while(|step| !step.starts_submission).count() + 1;
            gpu.record(&self.label, |pass| self.steps[start..start + length].iter().for_each(|step| step.record(pass)));
            start += length;
        }
        gpu.check()
    }

    /// Runs every step in a pass of its own between timestamps; without timestamps, waits for each step and takes the
    /// wall clock. Slower than [`Program::run`]: for measurements only.
    ///
    /// # Errors
    /// As [`Program::run`].
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

    /// Replaces the `Params` of a step for the runs that follow.
    ///
    /// # Panics
    /// The parameters are not of the length that was planned.
    pub fn set_params(&self, gpu: &Gpu, step: usize, params: &[u8]) {
        let Recorded { label, params: (at, length), .. } = &self.steps[step];
        assert_eq!(params.len(), *length, "the parameters of step {label} have another length than planned");
        gpu.write(&self.params, *at, params);
    }

    /// Writes to a persistent tensor, from the view's first byte.
    ///
    /// # Panics
    /// The tensor is not persistent: a later step may use its place, so what is written would be lost.
    pub fn write(&self, gpu: &Gpu, view: View, bytes: &[u8]) {
        match &self.tensors[view.tensor.0] {
            Some((buffer, offset, _)) if self.persistent[view.tensor.0] => gpu.write(buffer, offset + view.offset, bytes),
            _ => panic!("{}: tensor {} is not persistent and cannot be written", self.label, view.tensor.0),
        }
    }

    /// Reads a view of a tensor and waits for the GPU. A transient tensor holds what the last run left, unless another tensor
    /// took its place.
    ///
    /// # Errors
    /// No step uses the tensor, or the device reports an error.
    pub fn read(&self, gpu: &Gpu, view: View) -> Result<Vec<f32>, DeviceError> {
        self.read_later(gpu, view)?.take(gpu)
    }

    /// Copies a view aside after everything submitted so far, without waiting.
    ///
    /// # Errors
    /// No step uses the tensor.
    pub fn read_later(&self, gpu: &Gpu, view: View) -> Result<PendingRead, DeviceError> {
        let Some((buffer, offset, _)) = &self.tensors[view.tensor.0] else {
            return Err(PlanError::UnusedTensor { plan: self.label.clone(), tensor: view.tensor.0 }.into());
        };
        Ok(gpu.read_later(buffer, offset + view.offset, view.bytes))
    }

    /// The buffer of a persistent tensor, to share with another program.
    pub fn buffer(&self, tensor: TensorId) -> Option<&Buffer> {
        self.tensors[tensor.0].as_ref().filter(|_| self.persistent[tensor.0]).map(|(buffer, _, _)| buffer)
    }
}

impl Recorded {
    fn record(&self, pass: &mut Pass) {
        pass.dispatch(&self.label, &self.pipeline, &self.bindings, self.grid);
    }
}

/// Bytes between the `Params` of two steps.
fn params_stride(gpu: &Gpu) -> u64 {
    ALIGNMENT.max(gpu.uniform_alignment())
}

type Placement = Option<(Buffer, u64, u64)>;

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
            Some(((*buffer).clone(), 0, tensor.bytes))
        } else if let Some(slot) = arena.slots[index] {
            Some((banks[slot.bank].clone(), slot.offset, tensor.bytes))
        } else if tensor.residence == Residence::Persistent {
            Some((gpu.buffer(&tensor.label, tensor.bytes)?, 0, tensor.bytes))
        } else {
            None
        };
        placements.push(placement);
    }
    Ok(placements)
}

/// Where a new submission starts, so that the predicted time of none exceeds [`SUBMISSION_SECONDS`].
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
