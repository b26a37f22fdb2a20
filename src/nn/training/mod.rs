//! Training: the layout of parameters, the state of a network, and the plans of a training step, an update and an evaluation.

mod buffers;
mod evaluation;
mod parameters;
mod schedule;
mod shape;
mod state;
mod step;

pub use super::lowering::Loss;
pub use super::network::first_of_last_blocks;
pub use buffers::NetworkBuffers;
pub use evaluation::EvaluationPlan;
pub use parameters::{LayerSlots, NamedShape, ParameterTable, Slot};
pub use schedule::Schedule;
pub use shape::{FrozenNorm, HeadShape, NetworkShape, RunningStatistics, UpdatePart};
pub use state::NetworkState;
pub use step::{StepPlan, StepShape, UpdatePlan};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_reference;
