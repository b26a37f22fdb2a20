//! Training a network: convolutions with batch norm, and a head, forward and backward, in one plan.

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
