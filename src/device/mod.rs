//! Access to the GPU: adapters, the open device, buffers, pipelines, recording and timing. Only this module uses wgpu.

mod adapter;
mod buffer;
mod compile;
#[expect(clippy::module_inception, reason = "the open device is what this module is about")]
mod device;
mod pass;
mod pipeline;
mod pipeline_cache;
mod timing;

pub use adapter::{AdapterReport, AdapterRequest, list_adapters};
pub use buffer::{Buffer, PendingRead};
pub use device::{Gpu, Throughput, WorkgroupLimits};
pub use pass::{Bindings, Pass};
pub use pipeline::Pipeline;
pub use timing::{Clock, PassTime};

use crate::plan::PlanError;
use crate::wgsl::ShaderError;

/// An error of an adapter, a device or a driver.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The machine has no adapter.
    #[error("no GPU adapter was found; install the GPU's driver or a software adapter: `apt-get install mesa-vulkan-drivers`")]
    NoAdapter,
    /// No adapter matches the request.
    #[error("no adapter matches `{wanted}`; there are: {}", found.join(", "))]
    NoSuchAdapter {
        /// The requested adapter or backend.
        wanted: String,
        /// The adapters or backends that can be chosen.
        found: Vec<String>,
    },
    /// A limit of the adapter is lower than every run needs.
    #[error("adapter {adapter}: the limit of {what} is {found}, but at least {needed} is needed; choose another with --adapter")]
    TooSmall {
        /// The adapter's name.
        adapter: String,
        /// The limit's name.
        what: &'static str,
        /// The adapter's limit.
        found: u64,
        /// The lowest limit that suffices.
        needed: u64,
    },
    /// The driver cannot open the device.
    #[error("adapter {adapter} cannot be opened: {reason}; choose another with --adapter")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// The adapter's shaders do not support 16-bit floats.
    #[error("adapter {adapter}: its shaders have no 16-bit floats; use --precision f32, or choose another with --adapter")]
    NoHalf {
        /// The adapter's name.
        adapter: String,
    },
    /// The adapter has no cooperative matrices.
    #[error(
        "adapter {adapter}: it does not multiply cooperative matrices of 16-bit floats with sums in 32-bit floats; leave \
         --tensor-cores and --precision mixed out, or choose another with --adapter (`lineament devices` lists what each has)"
    )]
    NoCooperativeMatrices {
        /// The adapter's name.
        adapter: String,
    },
    /// The device was lost, for example because it was reset or removed.
    #[error(
        "the GPU was lost ({reason}); files that were saved are intact: run the command again or choose another with --adapter"
    )]
    Lost {
        /// The driver's message.
        reason: String,
    },
    /// An allocation failed.
    #[error("the GPU has not enough memory for {what} ({bytes} bytes); use a smaller batch")]
    OutOfMemory {
        /// The label of the buffer.
        what: String,
        /// The size of the buffer in bytes.
        bytes: u64,
    },
    /// wgpu rejected a command. This is a bug of Lineament or of the driver.
    #[error("the GPU rejected a command, which is a bug of Lineament or of the driver: {reason}")]
    Validation {
        /// wgpu's message.
        reason: String,
    },
    /// A shader cannot be expanded.
    #[error(transparent)]
    Shader(#[from] ShaderError),
    /// A plan does not fit the adapter's limits.
    #[error(transparent)]
    Plan(#[from] PlanError),
}
