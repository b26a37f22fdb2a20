//! The use cases, as a library: training, measuring, autotuning.

pub mod measure;
pub mod train;
pub mod tune;
