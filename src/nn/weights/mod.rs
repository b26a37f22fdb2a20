//! Weights files in the safetensors format: finding, reading, checking and writing them.

pub mod checksum;
mod convention;
pub mod error;
pub mod format;
mod header;
pub mod locate;
pub mod reader;
pub mod writer;

pub use convention::{Convention, InputScaling, PartialConvention};
pub use error::WeightsError;
pub use format::ForeignFormat;
pub use locate::{CELEBA_MODEL, FACE_DETECTOR, IMAGENET_MODEL, WEIGHTS_VARIABLE, find_backbone, find_weights};
pub(super) use reader::{BATCH_COUNTER, LISTED};
pub use reader::{ExpectedTensor, WeightsFile};
pub use writer::{StoredPrecision, StoredTensor, write_weights};

#[cfg(test)]
mod tests;
