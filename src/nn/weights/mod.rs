//! Weights in safetensors: strict reading, the convention they were trained under, and writing.

pub mod convention;
pub mod error;
mod header;
pub mod reader;
pub mod writer;

pub use convention::{Convention, InputScaling};
pub use error::WeightsError;
pub use reader::{ExpectedTensor, WeightsFile};
pub use writer::{StoredPrecision, StoredTensor, write_weights};

#[cfg(test)]
mod tests;
