//! Runs a session's network in inference mode: validation and predictions.

use super::part::{Samples, padded, unpadded, write_samples};
use super::session::{NetworkSession, Ready, SessionShape, counts, feed, shared_buffers};
use crate::device::DeviceError;
use crate::nn::ModelError;
use crate::nn::training::{EvaluationPlan, NetworkState};
use crate::ops::{LossMean, padded_channels};
use crate::plan::View;
use crate::scheduler::Program;

impl NetworkSession<'_> {
    /// Submits the evaluation of a batch in inference mode, with the weights of the last [`NetworkSession::freeze`]. Its loss and
    /// its number of correct predictions are kept.
    ///
    /// # Errors
    /// The device fails.
    pub fn evaluate(&mut self, state: &NetworkState, samples: Samples, labels: &[f32], position: u32) -> Result<(), ModelError> {
        let attributes = self.shape.network.head().attributes;
        let count = (labels.len() / attributes as usize) as u32;
        let place = self.prepare_evaluation(state, count)?;
        let device = self.device;
        let Ready { plan, program, feed, .. } = &mut self.evaluation[place];
        program.set_params(device, plan.mean, &LossMean { count, position }.params());
        write_samples(device, &self.shape.network, program, feed, plan.input, samples)?;
        program.write(device, plan.labels, bytemuck::cast_slice(&padded(labels, attributes)));
        program.run(device)?;
        self.count_submission()
    }

    /// Uploads the weights of `state` for evaluation, and resets the counts.
    ///
    /// # Errors
    /// The same as [`NetworkSession::new`].
    pub fn freeze(&mut self, state: &NetworkState, batch: u32) -> Result<(), ModelError> {
        let place = self.prepare_evaluation(state, batch)?;
        let Ready { plan, program, .. } = &self.evaluation[place];
        let SessionShape { network, loss, losses, .. } = &self.shape;
        let uploads = EvaluationPlan::new(network, state, *loss, self.device.profile(), batch, *losses)?.uploads;
        for (view, values) in &uploads {
            program.write(self.device, *view, bytemuck::cast_slice(values));
        }
        let counts = vec![0u32; padded_channels(network.head().attributes) as usize];
        program.write(self.device, plan.correct, bytemuck::cast_slice(&counts));
        Ok(())
    }

    /// Creates the program that evaluates batches of `batch` samples, if there is none yet. Returns its index.
    ///
    /// # Errors
    /// The same as [`NetworkSession::new`].
    pub fn prepare_evaluation(&mut self, state: &NetworkState, batch: u32) -> Result<usize, ModelError> {
        if let Some(place) = self.evaluation.iter().position(|ready| ready.batch == batch) {
            return Ok(place);
        }
        let SessionShape { network, loss, losses, .. } = &self.shape;
        let plan = EvaluationPlan::new(network, state, *loss, self.device.profile(), batch, *losses)?;
        let shared = match self.evaluation.first() {
            Some(first) => shared_buffers(plan.shared(), first.plan.shared(), &first.program),
            None => Vec::new(),
        };
        let program = Program::new_beside(self.device, &plan.plan, &shared, &self.training[0].program)?;
        let feed = feed(self.device, &self.shape, batch, &program, plan.input)?;
        self.evaluation.push(Ready { batch, plan, program, feed });
        Ok(self.evaluation.len() - 1)
    }

    /// Returns the mean losses of the evaluated batches, and the number of correct predictions of each attribute. Waits for the
    /// GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn evaluated(&self, batches: usize) -> Result<(Vec<f32>, Vec<u32>), DeviceError> {
        let Some(Ready { plan, program, .. }) = self.evaluation.first() else { return Ok(Default::default()) };
        let losses = program.read(self.device, View { bytes: 4 * batches as u64, ..plan.losses })?;
        Ok((losses, counts(&program.read(self.device, plan.correct)?, self.shape.network.head().attributes)))
    }

    /// Returns the predictions for the last evaluated batch of `batch` samples, shape \[batch, attributes\]. Waits for the GPU.
    ///
    /// # Errors
    /// The device fails.
    pub fn evaluated_predictions(&self, batch: u32) -> Result<Vec<f32>, DeviceError> {
        let Some(Ready { plan, program, .. }) = self.evaluation.iter().find(|ready| ready.batch == batch) else {
            return Ok(Vec::new());
        };
        let values = program.read(self.device, plan.predictions)?;
        Ok(unpadded(&values, [batch, self.shape.network.head().attributes]))
    }
}
