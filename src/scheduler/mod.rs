//! The scheduler: memory for a plan, and its submission. It knows no kernel by kind.

mod arena;
mod document;
mod program;

pub use arena::{Arena, Slot};
pub use document::document;
pub use program::{Footprint, Program, StepTime, TimedRun};

#[cfg(test)]
mod tests;
