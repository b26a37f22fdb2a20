//! The network: its layers, its weights and how they are read from safetensors.

mod dense;
pub mod mobilenet_v2;
mod runner;
pub mod weights;

pub use dense::{Dense, Upload};
pub use runner::{BatchShape, BuildNetwork, ImageRunner, Normalisation};

/// Why a model cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The device reports something.
    #[error(transparent)]
    Gpu(#[from] crate::gpu::GpuError),
    /// A batch's pixels do not fit a binding.
    #[error("the images of a batch hold {bytes} bytes of pixels, the adapter binds {limit} at once; use a smaller batch or smaller images")]
    TooManyPixels {
        /// What they need.
        bytes: u64,
        /// What the adapter takes.
        limit: u64,
    },
}
