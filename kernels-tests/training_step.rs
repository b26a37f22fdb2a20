//! A training step of the paper's whole model as `kernels perf` times it: the forward pass in training mode, and the step
//! with its backward pass and AdaDelta's update, by the wall clock.

use std::time::Instant;

use lineament::gpu::Gpu;
use lineament::model::ModelError;
use lineament::scheduler::Program;
use lineament::train::network::{Loss, NetworkShape, NetworkState, Optimizer, StepPlan, StepShape, UpdatePlan};

use crate::perf::Timing;

/// (batch, height and width) of the steps that are timed.
pub const SHAPES: [(u32, u32); 2] = [(8, 224), (32, 128)];
/// Timed runs after the one that warms up; their median counts.
const RUNS: usize = 5;

/// What is timed of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The forward pass in training mode, to the loss.
    Forward,
    /// Forward, backward, update.
    Step,
}

impl Extent {
    /// Both, and what tables call them.
    pub const ALL: [(Extent, &'static str); 2] = [(Extent::Forward, "forward"), (Extent::Step, "step")];
}

/// The time of a step of MobileNetV2 with the paper's head. Weights decide nothing about it, so they are made up.
///
/// # Errors
/// The batch does not fit the adapter, or the device fails.
pub fn time(gpu: &Gpu, (batch, size): (u32, u32), extent: Extent) -> Result<Timing, ModelError> {
    let network = NetworkShape::paper(1.0, size, 37);
    // Of both signs, so that ReLU6 closes for some: denormal or infinite numbers would tell nothing.
    let tensor = |_: &str, shape: &[usize]| {
        let count: usize = shape.iter().product();
        Ok((0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.4).collect())
    };
    let state = NetworkState::read(&network, &tensor)?;
    let frozen = state.backbone(&network, 0)?;
    let table = &state.table;
    let shape = StepShape {
        network: &network,
        table,
        frozen: &frozen,
        loss: Loss::Cosine,
        losses: 1,
        seed: Some(0),
        accumulates: false,
        weighted: false,
    };
    let step = StepPlan::new(&shape, gpu.target(), batch);
    let plan = if extent == Extent::Forward { step.forward() } else { step.plan.clone() };
    let program = Program::new(gpu, &plan, &[])?;
    program.write(gpu, step.buffers.weights, bytemuck::cast_slice(&state.weights));
    let mut cost = plan.cost();
    let update = UpdatePlan::new(table, Optimizer::KERAS_ADADELTA);
    let shared: Vec<_> = [(update.weights, step.buffers.weights), (update.gradients, step.buffers.gradients)]
        .into_iter()
        .filter_map(|(view, of_step)| Some((view, program.buffer(of_step.tensor)?)))
        .collect();
    let mut programs = Vec::new();
    if extent == Extent::Step {
        programs.push(Program::new(gpu, &update.plan, &shared)?);
        cost = cost + update.plan.cost();
    }
    programs.insert(0, program);
    let mut seconds = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let start = Instant::now();
        for program in &programs {
            program.run(gpu)?;
        }
        gpu.wait()?;
        if run > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timing { seconds: seconds[RUNS / 2], cost })
}
