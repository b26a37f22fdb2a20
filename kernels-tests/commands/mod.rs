//! The commands of the `kernels` program, one file each.

pub mod arguments;
mod backbone;
mod baseline;
pub mod browser;
pub mod emit;
pub mod isa;
pub mod model;
pub mod mutants;
pub mod perf;
pub mod support;
pub mod tables;
pub mod test;
mod training_step;
