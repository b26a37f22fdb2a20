//! The scheduler: allocates memory for plans and submits them. It treats all kernels alike.

mod arena;
mod document;
mod program;

pub use arena::{Arena, Slot};
pub use document::document;
pub use program::{Footprint, Program, StepTime, TimedRun};

#[cfg(test)]
mod tests;
