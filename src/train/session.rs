//! A head on the GPU in training: its programs, and what goes to them and comes back.

use super::plan::{HeadPlan, HeadShape, HeadTensors, HeadTraining, Masks, TRAINED};
use crate::gpu::{Buffer, Gpu, GpuError};
use crate::kernels::{DropoutMask, LossMean, padded_channels};
use crate::model::Head;
use crate::scheduler::{Program, View};

/// A head and the state of its optimizer, on the host and without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadState {
    /// The weights.
    pub head: Head,
    /// AdaDelta's accumulated squared gradient and update of each trained tensor, in the order of [`Head::TENSORS`] without
    /// batch norm's running statistics.
    pub accumulated: [[Vec<f32>; 2]; 6],
}

impl HeadState {
    /// A head that has not been trained yet.
    pub fn new(head: Head) -> HeadState {
        let accumulated = TRAINED.map(|tensor| [vec![0.0; head.tensors[tensor].len()], vec![0.0; head.tensors[tensor].len()]]);
        HeadState { head, accumulated }
    }

    /// Sizes of the head.
    pub fn shape(&self) -> HeadShape {
        HeadShape { features: self.head.features, hidden: self.head.hidden, attributes: self.head.attributes }
    }
}

/// Which step a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The epoch, from 0: a key of dropout's masks.
    pub epoch: u32,
    /// Where in the list of losses this step's goes.
    pub step: u32,
    /// Position in the epoch of the batch's first sample: a key of dropout's masks.
    pub first_sample: u32,
}

/// Steps submitted before the host waits for them: what is uploaded for a step stays in memory until it has run.
const IN_FLIGHT: u32 = 16;

/// A head on the GPU, with a program for every size of batch.
pub struct HeadSession<'a> {
    gpu: &'a Gpu,
    shape: HeadShape,
    settings: HeadTraining,
    steps: usize,
    masks: Masks,
    training: Vec<Ready>,
    evaluation: Vec<Ready>,
    tensors: HeadTensors,
    in_flight: u32,
}

struct Ready {
    head: HeadPlan,
    program: Program,
}

impl<'a> HeadSession<'a> {
    /// Allocates everything for batches of `settings.batch` and uploads `state`; `steps` is how many losses are kept.
    ///
    /// # Errors
    /// The head does not fit the adapter, or the device fails.
    pub fn new(
        gpu: &'a Gpu,
        settings: &HeadTraining,
        steps: usize,
        masks: Masks,
        state: &HeadState,
    ) -> Result<HeadSession<'a>, GpuError> {
        let shape = state.shape();
        let head = HeadPlan::training(shape, settings, gpu.target(), settings.batch, steps, masks);
        let program = Program::new(gpu, &head.plan, &[])?;
        let tensors = head.tensors.clone();
        let training = vec![Ready { head, program }];
        let session = HeadSession {
            gpu,
            shape,
            settings: *settings,
            steps,
            masks,
            training,
            evaluation: Vec::new(),
            tensors,
            in_flight: 0,
        };
        session.write_state(state);
        Ok(session)
    }

    /// Makes the program that trains on batches of this size, if there is none yet; returns its place.
    ///
    /// # Errors
    /// As [`HeadSession::new`].
    pub fn prepare_training(&mut self, batch: u32) -> Result<usize, GpuError> {
        if let Some(place) = self.training.iter().position(|ready| ready.head.batch == batch) {
            return Ok(place);
        }
        let head = HeadPlan::training(self.shape, &self.settings, self.gpu.target(), batch, self.steps, self.masks);
        let ready = self.ready(head)?;
        self.training.push(ready);
        Ok(self.training.len() - 1)
    }

    /// Makes the program that evaluates batches of this size, if there is none yet; returns its place.
    ///
    /// # Errors
    /// As [`HeadSession::new`].
    pub fn prepare_evaluation(&mut self, batch: u32) -> Result<usize, GpuError> {
        if let Some(place) = self.evaluation.iter().position(|ready| ready.head.batch == batch) {
            return Ok(place);
        }
        let ready = self.ready(HeadPlan::evaluation(self.shape, self.gpu.target(), batch, self.steps))?;
        self.evaluation.push(ready);
        Ok(self.evaluation.len() - 1)
    }

    /// The program of a plan that works on the session's tensors.
    fn ready(&self, head: HeadPlan) -> Result<Ready, GpuError> {
        let first = &self.training[0].program;
        let shared: Vec<(View, &Buffer)> =
            self.tensors.views().filter_map(|view| Some((view, first.buffer(view.tensor)?))).collect();
        let program = Program::new(self.gpu, &head.plan, &shared)?;
        Ok(Ready { head, program })
    }

    /// Submits one step of training on \[batch, features\] and labels of 0 and 1 \[batch, attributes\], without waiting for it.
    /// `mask` holds 1 where a hidden value is kept, \[batch, hidden\], for a session whose masks are given.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn train(&mut self, features: &[f32], labels: &[u8], mask: Option<&[u8]>, at: Position) -> Result<(), GpuError> {
        let place = self.prepare_training(self.rows(features))?;
        let Ready { head, program } = &self.training[place];
        if let Some((step, draw)) = head.draw {
            let draw = DropoutMask { epoch: at.epoch, first_sample: at.first_sample, ..draw };
            program.set_params(self.gpu, step, &draw.params());
        }
        if let (Some(view), Some(mask), Masks::Given) = (head.mask, mask, self.masks) {
            let mask: Vec<u32> = mask.iter().map(|kept| u32::from(*kept)).collect();
            program.write(self.gpu, view, bytemuck::cast_slice(&padded(&mask, self.shape.hidden)));
        }
        self.run(false, place, features, labels, at.step)
    }

    /// Submits the evaluation of a batch in inference mode, without waiting for it; loss and right predictions are kept as
    /// for a step of training.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn evaluate(&mut self, features: &[f32], labels: &[u8], step: u32) -> Result<(), GpuError> {
        let place = self.prepare_evaluation(self.rows(features))?;
        self.run(true, place, features, labels, step)
    }

    fn run(&mut self, evaluation: bool, place: usize, features: &[f32], labels: &[u8], step: u32) -> Result<(), GpuError> {
        let Ready { head, program } = if evaluation { &self.evaluation[place] } else { &self.training[place] };
        program.set_params(self.gpu, head.mean, &LossMean { count: head.batch, position: step }.params());
        program.write(self.gpu, head.features, bytemuck::cast_slice(&padded(features, self.shape.features)));
        let labels: Vec<f32> = labels.iter().map(|label| f32::from(*label)).collect();
        program.write(self.gpu, head.labels, bytemuck::cast_slice(&padded(&labels, self.shape.attributes)));
        program.run(self.gpu)?;
        self.in_flight += 1;
        if self.in_flight >= IN_FLIGHT {
            self.in_flight = 0;
            self.gpu.wait()?;
        }
        Ok(())
    }

    fn rows(&self, features: &[f32]) -> u32 {
        (features.len() / self.shape.features as usize) as u32
    }

    /// Predictions \[batch, attributes\] of the last batch of this size that was evaluated; waits for the GPU.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn predictions(&self, batch: u32) -> Result<Vec<f32>, GpuError> {
        match self.evaluation.iter().find(|ready| ready.head.batch == batch) {
            Some(Ready { head, program }) => {
                let values = program.read(self.gpu, head.predictions)?;
                Ok(unpadded(&values, [batch, self.shape.attributes]))
            }
            None => Ok(Vec::new()),
        }
    }

    /// The mean losses of steps `from..to`; waits for the GPU.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn losses(&self, from: usize, to: usize) -> Result<Vec<f32>, GpuError> {
        if to == 0 {
            return Ok(Vec::new());
        }
        // A view starts at a multiple of 256 bytes, so this one starts with the list.
        let view = View { bytes: 4 * to as u64, ..self.tensors.losses };
        let mut losses = self.first().read(self.gpu, view)?;
        Ok(losses.split_off(from.min(losses.len())))
    }

    /// Writes the losses of steps that were done before.
    pub fn write_losses(&self, losses: &[f32]) {
        self.first().write(self.gpu, self.tensors.losses, bytemuck::cast_slice(losses));
    }

    /// Right predictions of each attribute since [`HeadSession::write_correct`]; waits for the GPU.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn correct(&self) -> Result<Vec<u32>, GpuError> {
        let counts = self.first().read(self.gpu, self.tensors.correct)?;
        Ok(counts.iter().take(self.shape.attributes as usize).map(|count| count.to_bits()).collect())
    }

    /// Sets the counts of right predictions, one an attribute.
    pub fn write_correct(&self, counts: &[u32]) {
        self.first().write(self.gpu, self.tensors.correct, bytemuck::cast_slice(&padded(counts, self.shape.attributes)));
    }

    /// Replaces weights and optimizer state.
    pub fn write_state(&self, state: &HeadState) {
        let matrices = self.shape.matrices();
        let write = |view: View, tensor: usize, values: &[f32]| {
            self.first().write(self.gpu, view, bytemuck::cast_slice(&padded_matrix(values, matrices[tensor])));
        };
        for (tensor, view) in self.tensors.weights.into_iter().enumerate() {
            write(view, tensor, &state.head.tensors[tensor]);
        }
        for (tensor, (views, values)) in TRAINED.into_iter().zip(self.tensors.accumulated.iter().zip(&state.accumulated)) {
            write(views[0], tensor, &values[0]);
            write(views[1], tensor, &values[1]);
        }
    }

    /// Weights and optimizer state; waits for the GPU.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn read_state(&self) -> Result<HeadState, GpuError> {
        let matrices = self.shape.matrices();
        let read = |view: View, tensor: usize| -> Result<Vec<f32>, GpuError> {
            Ok(unpadded(&self.first().read(self.gpu, view)?, matrices[tensor][0]))
        };
        let HeadShape { features, hidden, attributes } = self.shape;
        let mut state = HeadState::new(Head { features, hidden, attributes, tensors: Default::default() });
        for (tensor, view) in self.tensors.weights.into_iter().enumerate() {
            state.head.tensors[tensor] = read(view, tensor)?;
        }
        for (place, views) in self.tensors.accumulated.iter().enumerate() {
            for (which, view) in views.iter().enumerate() {
                state.accumulated[place][which] = read(*view, TRAINED[place])?;
            }
        }
        Ok(state)
    }

    /// The program whose buffers all others share.
    fn first(&self) -> &Program {
        &self.training[0].program
    }
}

/// Rows of `width` values, each filled up with zeros to a multiple of four.
fn padded<T: Copy + Default>(rows: &[T], width: u32) -> Vec<T> {
    let (width, stride) = (width as usize, padded_channels(width) as usize);
    let mut padded = vec![T::default(); rows.len() / width.max(1) * stride];
    for (to, from) in padded.chunks_exact_mut(stride).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    padded
}

/// A matrix with its rows padded, and zero rows behind it, given its sizes without padding and with it.
fn padded_matrix(values: &[f32], [[_, columns], [rows, stride]]: [[u32; 2]; 2]) -> Vec<f32> {
    let mut matrix = padded(values, columns);
    matrix.resize(rows as usize * stride as usize, 0.0);
    matrix
}

/// The values of a \[rows, columns\] matrix whose rows are padded.
fn unpadded(values: &[f32], [rows, columns]: [u32; 2]) -> Vec<f32> {
    let stride = padded_channels(columns) as usize;
    values.chunks_exact(stride).take(rows as usize).flat_map(|row| &row[..columns as usize]).copied().collect()
}
