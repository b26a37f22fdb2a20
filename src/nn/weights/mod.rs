//! Weights files in the safetensors format: finding, reading, checking and writing them.

pub mod convention;
pub mod error;
mod header;
pub mod locate;
pub mod reader;
pub mod writer;

pub use convention::{Convention, InputScaling};
pub use error::WeightsError;
pub use locate::{CELEBA_MODEL, FACE_DETECTOR, IMAGENET_MODEL, WEIGHTS_VARIABLE, find_backbone, find_weights};
pub use reader::{ExpectedTensor, WeightsFile};
pub use writer::{StoredPrecision, StoredTensor, write_weights};

#[cfg(test)]
mod tests;
