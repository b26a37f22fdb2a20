//! What is planned and profiled: a batch of predictions, or a training step.

use crate::data::Rgb8Image;
use crate::gpu::{Gpu, GpuError};
use crate::kernels::{Interpolation, Target};
use crate::model::{Model, ModelError, pack};
use crate::scheduler::{Plan, Program, View};
use crate::train::network::{Loss, NetworkShape, NetworkState, Optimizer, StepPlan, StepShape, UpdatePlan};

/// How much of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The forward pass in training mode, to the loss.
    Forward,
    /// Forward, backward, and the optimizer's update.
    Step,
}

/// Plans that run one after the other, and what they must be given to do the work that a user's run does.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What tables call it.
    pub name: String,
    /// Images at once.
    pub batch: u32,
    /// In the order in which they run.
    pub plans: Vec<Plan>,
    /// What to write to tensors of the first plan.
    uploads: Vec<(View, Vec<u8>)>,
    /// Tensors of the second plan that are tensors of the first.
    shared: Vec<(View, View)>,
}

impl Workload {
    /// Predictions of a batch of images of CelebA's size, whose pixels are made up: they decide nothing about the time.
    pub fn prediction(gpu: &Gpu, model: &Model, batch: u32) -> Workload {
        let image = Rgb8Image { width: 178, height: 218, pixels: (0..178 * 218 * 3).map(|at| (at * 31 % 251) as u8).collect() };
        let (records, pixels) = pack(&vec![&image; batch as usize], batch as usize);
        let runner = model.runner(gpu, batch, Interpolation::Nearest);
        let (plan, [pixel_view, record_view, _], weights) = runner.plan(pixels.len() as u64);
        let mut uploads = vec![(pixel_view, pixels), (record_view, bytemuck::cast_slice(&records).to_vec())];
        uploads.extend(weights.into_iter().map(|(view, values)| (view, bytemuck::cast_slice(&values).to_vec())));
        let size = model.size;
        let name = format!("prediction, {size} × {size}, batch {batch}");
        Workload { name, batch, plans: vec![plan], uploads, shared: Vec::new() }
    }

    /// A training step of `network` with every layer trained, cosine proximity and AdaDelta; the weights are made up.
    ///
    /// # Errors
    /// None in practice: every tensor is there.
    pub fn training(target: Target, network: &NetworkShape, batch: u32, extent: Extent) -> Result<Workload, ModelError> {
        // Of both signs, so that ReLU6 closes for some: denormal or infinite numbers would tell nothing.
        let tensor = |_: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            Ok((0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.4).collect())
        };
        let state = NetworkState::read(network, &tensor)?;
        let frozen = state.backbone(network, 0)?;
        let table = &state.table;
        let shape = StepShape {
            network,
            table,
            frozen: &frozen,
            loss: Loss::Cosine,
            losses: 1,
            seed: Some(0),
            accumulates: false,
            weighted: false,
        };
        let step = StepPlan::new(&shape, target, batch);
        let size = network.size;
        let uploads = vec![(step.buffers.weights, bytemuck::cast_slice(&state.weights).to_vec())];
        if extent == Extent::Forward {
            let name = format!("forward pass in training mode, {size} × {size}, batch {batch}");
            return Ok(Workload { name, batch, plans: vec![step.forward()], uploads, shared: Vec::new() });
        }
        let update = UpdatePlan::new(table, Optimizer::KERAS_ADADELTA);
        let shared = vec![(update.weights, step.buffers.weights), (update.gradients, step.buffers.gradients)];
        let name = format!("training step, {size} × {size}, batch {batch}");
        Ok(Workload { name, batch, plans: vec![step.plan, update.plan], uploads, shared })
    }

    /// The programs of the plans, given what they need.
    ///
    /// # Errors
    /// The plans do not fit the adapter, or the device fails.
    pub fn programs(&self, gpu: &Gpu) -> Result<Vec<Program>, GpuError> {
        let mut programs: Vec<Program> = Vec::with_capacity(self.plans.len());
        for plan in &self.plans {
            let of_first = |(view, first): &(View, View)| Some((*view, programs.first()?.buffer(first.tensor)?));
            let shared: Vec<_> = self.shared.iter().filter_map(of_first).collect();
            let program = Program::new(gpu, plan, &shared)?;
            programs.push(program);
        }
        if let Some(first) = programs.first() {
            self.uploads.iter().for_each(|(view, bytes)| first.write(gpu, *view, bytes));
        }
        Ok(programs)
    }
}
