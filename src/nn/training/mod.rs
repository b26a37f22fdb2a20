//! Training a network: convolutions with batch norm, and a head, forward and backward, in one plan.

mod backward;
mod builder;
mod evaluation;
mod forward;
mod head;
mod objective;
mod parameters;
mod schedule;
mod shape;
mod state;
mod step;

pub use builder::NetworkBuffers;
pub use evaluation::EvaluationPlan;
pub use objective::{Loss, Objective};
pub use parameters::{HiddenSlots, LayerSlots, NamedShape, ParameterTable, Slot};
pub use schedule::Schedule;
pub use shape::{FrozenNorm, HeadShape, NetworkShape, RunningStatistics, UpdatePart, first_of_last_blocks};
pub use state::NetworkState;
pub use step::{StepPlan, StepShape, UpdatePlan};

#[cfg(test)]
mod tests;
