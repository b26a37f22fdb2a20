//! A network in training on the GPU: its programs, and the data that they exchange with the host.

use super::feed::Feed;
use super::part::{Part, padded, unpadded, write_samples};
use crate::device::{Buffer, DeviceError};
use crate::nn::Backbone;
use crate::nn::training::{
    EvaluationPlan, Loss, NetworkShape, NetworkState, ParameterTable, StepPlan, StepShape, UpdatePart, UpdatePlan,
};
use crate::nn::{ModelError, Normalisation};
use crate::ops::AnyOptimizer;
use crate::ops::{Accumulate, DropoutMask, LossMean};
use crate::plan::View;
use crate::profiles::Device;
use crate::scheduler::Program;

/// The source of the dropout masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masks {
    /// Drawn for each step from a counter-based generator with this seed.
    Drawn(u64),
    /// Given with each part of a batch.
    Given,
}

/// The fixed properties of a session.
#[derive(Debug, Clone)]
pub struct SessionShape {
    /// The network.
    pub network: NetworkShape,
    /// The loss that is minimised.
    pub loss: Loss,
    /// Whether pointwise convolutions and their gradients multiply 16-bit floats.
    pub mixed_precision: bool,
    /// The optimizer.
    pub optimizer: AnyOptimizer,
    /// The source of the dropout masks.
    pub masks: Masks,
    /// Number of mean losses that are kept: the largest number of parts in an epoch or batches in an evaluation.
    pub losses: usize,
    /// Whether batches are split into several parts.
    pub accumulates: bool,
    /// Whether labels have weights, which the cosine loss does not support.
    pub weighted: bool,
    /// How pixel values are scaled, if the input is images.
    pub normalisation: Option<Normalisation>,
}

/// Number of submissions before the host waits. The uploads of a submission stay in memory until it has run.
const IN_FLIGHT: u32 = 16;

/// A network on the GPU, with a program for every size of a part.
pub struct NetworkSession<'a> {
    pub(super) device: &'a Device,
    pub(super) shape: SessionShape,
    table: ParameterTable,
    frozen: Backbone,
    pub(super) training: Vec<Ready<StepPlan>>,
    update: (UpdatePlan, Program),
    pub(super) evaluation: Vec<Ready<EvaluationPlan>>,
    updates: u32,
    /// Share of the batch that has passed since the last update.
    passed: f32,
    in_flight: u32,
}

pub(super) struct Ready<P> {
    pub batch: u32,
    pub plan: P,
    pub program: Program,
    pub feed: Option<Feed>,
}

impl<'a> NetworkSession<'a> {
    /// Allocates everything for parts of `batch` samples and uploads `state`. The optimizer has already made `updates` updates.
    ///
    /// # Errors
    /// The network does not fit the adapter, or the device fails.
    pub fn new(
        device: &'a Device,
        shape: SessionShape,
        batch: u32,
        state: &NetworkState,
        updates: u32,
    ) -> Result<NetworkSession<'a>, ModelError> {
        let table = state.table.clone();
        let frozen = state.backbone(&shape.network, shape.network.folded())?;
        let plan = step_plan(device, &shape, &table, &frozen, batch);
        let program = Program::new(device, &plan.plan, &[])?;
        let update = UpdatePlan::new(&table, &shape.optimizer);
        let mut shared: Vec<(View, &Buffer)> = Vec::new();
        let gradients = if shape.accumulates { plan.total } else { plan.buffers.gradients };
        for (view, of_step) in [(update.weights, plan.buffers.weights), (update.gradients, gradients)] {
            shared.extend(program.buffer(of_step.tensor).map(|buffer| (view, buffer)));
        }
        let update_program = Program::new(device, &update.plan, &shared)?;
        program.write(device, plan.buffers.folded, bytemuck::cast_slice(frozen.parameters()));
        let feed = feed(device, &shape, batch, &program, plan.input)?;
        let training = vec![Ready { batch, plan, program, feed }];
        let evaluation = Vec::new();
        let mut session = NetworkSession {
            device,
            shape,
            table,
            frozen,
            training,
            update: (update, update_program),
            evaluation,
            updates,
            passed: 0.0,
            in_flight: 0,
        };
        session.write_state(state, updates);
        // The state is the longest tensor that is read, so no later read has to allocate.
        device.prepare_reads(4 * session.table.weights.max(session.shape.losses) as u64);
        Ok(session)
    }

    /// Creates the program for parts of `batch` samples, if there is none yet. Returns its index.
    ///
    /// # Errors
    /// The same as [`NetworkSession::new`].
    pub fn prepare_training(&mut self, batch: u32) -> Result<usize, ModelError> {
        if let Some(place) = self.training.iter().position(|ready| ready.batch == batch) {
            return Ok(place);
        }
        let plan = step_plan(self.device, &self.shape, &self.table, &self.frozen, batch);
        let first = &self.training[0];
        let shared = shared_buffers(plan.shared(), first.plan.shared(), &first.program);
        let program = Program::new_beside(self.device, &plan.plan, &shared, &first.program)?;
        let feed = feed(self.device, &self.shape, batch, &program, plan.input)?;
        self.training.push(Ready { batch, plan, program, feed });
        Ok(self.training.len() - 1)
    }

    /// Submits the forward and backward pass of a part without waiting for it.
    ///
    /// # Errors
    /// The device fails.
    pub fn pass(&mut self, part: &Part) -> Result<(), ModelError> {
        let attributes = self.shape.network.head().attributes;
        let samples = (part.labels.len() / attributes as usize) as u32;
        let place = self.prepare_training(samples)?;
        let device = self.device;
        let Ready { plan, program, feed, .. } = &mut self.training[place];
        if let Some((step, draw)) = plan.draw {
            let draw = DropoutMask { epoch: part.epoch, first_sample: part.first_sample, ..draw };
            program.set_params(device, step, &draw.params());
        }
        if let (Some(mask), Some(hidden)) = (part.mask, self.shape.network.head().hidden) {
            let mask: Vec<u32> = mask.iter().map(|kept| u32::from(*kept)).collect();
            program.write(device, plan.mask, bytemuck::cast_slice(&padded(&mask, hidden)));
        }
        if let Some((step, accumulate)) = plan.accumulate {
            let kept = if part.first { 0.0 } else { 1.0 };
            program.set_params(device, step, &Accumulate { kept, weight: part.weight, ..accumulate }.params());
        }
        let before = if part.first { 0.0 } else { self.passed };
        self.passed = before + part.weight;
        for (step, params) in plan.moving(UpdatePart { number: self.updates + 1, before, share: part.weight }) {
            program.set_params(device, step, &params);
        }
        program.set_params(device, plan.mean, &LossMean { count: samples, position: part.position }.params());
        write_samples(device, &self.shape.network, program, feed, plan.input, part.samples)?;
        program.write(device, plan.labels, bytemuck::cast_slice(&padded(part.labels, attributes)));
        if let (Some(weights), Some(view)) = (part.weights, plan.label_weights) {
            program.write(device, view, bytemuck::cast_slice(&padded(weights, attributes)));
        }
        program.run(device)?;
        self.count_submission()
    }

    /// Submits the update with the gradients of all parts since the first of the batch.
    ///
    /// # Errors
    /// The device fails.
    pub fn update(&mut self, learning_rate: f64) -> Result<(), ModelError> {
        self.updates += 1;
        let (plan, program) = &self.update;
        for (step, params) in plan.params(learning_rate, self.updates).into_iter().enumerate() {
            program.set_params(self.device, step, &params);
        }
        program.run(self.device)?;
        Ok(())
    }

    pub(super) fn count_submission(&mut self) -> Result<(), ModelError> {
        self.in_flight += 1;
        if self.in_flight >= IN_FLIGHT {
            self.in_flight = 0;
            self.device.wait()?;
        }
        Ok(())
    }

    /// Returns the predictions for the last part of `batch` samples, shape \[batch, attributes\]. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn predictions(&self, batch: u32) -> Result<Vec<f32>, DeviceError> {
        let Some(Ready { plan, program, .. }) = self.training.iter().find(|ready| ready.batch == batch) else {
            return Ok(Vec::new());
        };
        Ok(unpadded(&program.read(self.device, plan.predictions)?, [batch, self.shape.network.head().attributes]))
    }

    /// Returns the mean losses of the parts `from..to`. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn losses(&self, from: usize, to: usize) -> Result<Vec<f32>, DeviceError> {
        if to == 0 {
            return Ok(Vec::new());
        }
        // Views must start at multiples of 256 bytes, so the list is read from its start.
        let Ready { plan, program, .. } = &self.training[0];
        let mut losses = program.read(self.device, View { bytes: 4 * to as u64, ..plan.buffers.losses })?;
        Ok(losses.split_off(from.min(losses.len())))
    }

    /// Writes the losses of parts that passed in an earlier run.
    pub fn write_losses(&self, losses: &[f32]) {
        let Ready { plan, program, .. } = &self.training[0];
        program.write(self.device, plan.buffers.losses, bytemuck::cast_slice(losses));
    }

    /// Returns the number of correct predictions of each attribute since [`NetworkSession::write_correct`]. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn correct(&self) -> Result<Vec<u32>, DeviceError> {
        let Ready { plan, program, .. } = &self.training[0];
        Ok(counts(&program.read(self.device, plan.buffers.correct)?, self.shape.network.head().attributes))
    }

    /// Sets the number of correct predictions of each attribute.
    pub fn write_correct(&self, counts: &[u32]) {
        let Ready { plan, program, .. } = &self.training[0];
        let counts = padded(counts, self.shape.network.head().attributes);
        program.write(self.device, plan.buffers.correct, bytemuck::cast_slice(&counts));
    }

    /// Replaces weights, statistics and optimizer state. `updates` is the number of updates that led to them.
    pub fn write_state(&mut self, state: &NetworkState, updates: u32) {
        self.updates = updates;
        let Ready { plan, program, .. } = &self.training[0];
        program.write(self.device, plan.buffers.weights, bytemuck::cast_slice(&state.weights));
        program.write(self.device, plan.buffers.running, bytemuck::cast_slice(&state.statistics));
        let (update, program) = &self.update;
        let zeros = vec![0.0; if state.optimizer.is_empty() { self.table.trained } else { 0 }];
        for (which, view) in update.states.iter().enumerate() {
            // A network that was never updated has no optimizer state. The state is zero before the first update.
            let values = if state.optimizer.is_empty() { &zeros } else { &state.optimizer[which] };
            program.write(self.device, *view, bytemuck::cast_slice(values));
        }
    }

    /// Returns weights, statistics and optimizer state. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn read_state(&self) -> Result<NetworkState, DeviceError> {
        let table = self.table.clone();
        let Ready { plan, program, .. } = &self.training[0];
        let read = |program: &Program, view: View, count: usize| -> Result<Vec<f32>, DeviceError> {
            if count == 0 { Ok(Vec::new()) } else { program.read(self.device, View { bytes: 4 * count as u64, ..view }) }
        };
        let weights = read(program, plan.buffers.weights, table.weights)?;
        let statistics = read(program, plan.buffers.running, table.statistics)?;
        let (update, program) = &self.update;
        let states = update.states.iter().map(|view| read(program, *view, table.trained));
        let optimizer = states.collect::<Result<_, _>>()?;
        Ok(NetworkState { table, weights, statistics, optimizer })
    }

    /// Returns the gradients of the last pass in the layout of the trained weights. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn gradients(&self) -> Result<Vec<f32>, DeviceError> {
        let Ready { plan, program, .. } = &self.training[0];
        program.read(self.device, View { bytes: 4 * self.table.trained as u64, ..plan.buffers.gradients })
    }

    /// Returns the first tensor of the last pass with a value that is not finite, or `None` if all are finite. The weights come
    /// first, then the batch statistics of the layers, then the gradients from the last layer back to the first.
    ///
    /// # Errors
    /// The device fails.
    pub fn first_bad_tensor(&self) -> Result<Option<String>, DeviceError> {
        let Ready { plan, program, .. } = &self.training[0];
        let bad = |values: &[f32]| values.iter().any(|value| !value.is_finite());
        let weights = program.read(self.device, plan.buffers.weights)?;
        let statistics = program.read(self.device, plan.buffers.of_batch)?;
        let gradients = program.read(self.device, plan.buffers.gradients)?;
        let of_weights = self.table.weight_slots().map(|slot| (slot, &weights, "the weight"));
        let of_statistics = self.table.statistics_slots().map(|slot| (slot, &statistics, "the batch statistics of"));
        let of_gradients = self.table.trained_slots().map(|slot| (slot, &gradients, "the gradient by"));
        let backwards: Vec<_> = of_gradients.collect();
        let mut slots = of_weights.chain(of_statistics).chain(backwards.into_iter().rev());
        let first = slots.find(|(slot, values, _)| bad(slot.of(values)));
        Ok(first.map(|(slot, _, what)| format!("{what} {}", slot.tensors[0].name)))
    }
}

pub(super) fn step_plan(
    device: &Device,
    shape: &SessionShape,
    table: &ParameterTable,
    frozen: &Backbone,
    batch: u32,
) -> StepPlan {
    let SessionShape { network, loss, losses, masks, accumulates, weighted, mixed_precision, .. } = shape;
    let seed = if let Masks::Drawn(seed) = masks { Some(*seed) } else { None };
    let (loss, losses, accumulates, weighted) = (*loss, *losses, *accumulates, *weighted);
    let step = StepShape { network, table, frozen, loss, losses, seed, accumulates, weighted };
    StepPlan::new(&step, &device.profile().with_mixed(*mixed_precision), batch)
}

/// Returns each view of a plan that shares memory with the first plan, with its buffer in `first`. `of_first` are the
/// corresponding views of the first plan, in the same order. Tensors cannot be matched by their number, because plans for other
/// batches may fuse other layers.
pub(super) fn shared_buffers(
    views: impl Iterator<Item = View>,
    of_first: impl Iterator<Item = View>,
    first: &Program,
) -> Vec<(View, &Buffer)> {
    views.zip(of_first).filter_map(|(view, there)| Some((view, first.buffer(there.tensor)?))).collect()
}

/// Returns the feed of a program, if its input is images.
pub(super) fn feed(
    device: &Device,
    shape: &SessionShape,
    batch: u32,
    program: &Program,
    input: View,
) -> Result<Option<Feed>, ModelError> {
    let Some((shape, buffer)) = shape.feed(batch).zip(program.buffer(input.tensor)) else { return Ok(None) };
    Feed::new(device, shape, buffer.clone()).map(Some)
}

/// Returns the counts that were read as the bits of floats.
pub(super) fn counts(values: &[f32], attributes: u32) -> Vec<u32> {
    values.iter().take(attributes as usize).map(|count| count.to_bits()).collect()
}
