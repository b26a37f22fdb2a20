//! The scheduler: a plan of steps as pure data, memory for it, and its submission. It knows no kernel by kind.

mod arena;
mod head_start;
mod plan;
mod submit;

pub use arena::{ALIGNMENT, Arena, Slot};
pub use plan::{Dispatch, Plan, PlanError, Residence, Step, Tensor, TensorId, View};
pub use submit::{Footprint, Program, StepTime, TimedRun};

#[cfg(test)]
mod tests;
