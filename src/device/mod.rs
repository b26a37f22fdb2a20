//! Everything that uses wgpu: adapters, the open GPU, buffers, pipelines, recording and timing.

mod adapter;
mod buffer;
mod compile;
#[expect(clippy::module_inception, reason = "the open device is what this module is about")]
mod device;
mod kept_pipelines;
mod pass;
mod pipeline;
mod timing;

pub use adapter::{AdapterReport, AdapterRequest, list_adapters};
pub use buffer::{Buffer, PendingRead};
pub use device::{Gpu, WorkgroupLimits};
pub use pass::{Bindings, Pass};
pub use pipeline::Pipeline;
pub use timing::{Clock, PassTime};

use crate::plan::PlanError;
use crate::wgsl::ShaderError;

/// What can go wrong between us and a GPU.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No adapter at all.
    #[error("no GPU adapter was found; install a driver, or a software one: `apt-get install mesa-vulkan-drivers`")]
    NoAdapter,
    /// The adapter asked for is not there.
    #[error("no adapter matches `{wanted}`; there are: {}", found.join(", "))]
    NoSuchAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The adapter cannot do what every run needs.
    #[error("adapter {adapter}: {what} is {found}, at least {needed} is needed; choose another with --adapter")]
    TooSmall {
        /// The adapter's name.
        adapter: String,
        /// The limit's name.
        what: &'static str,
        /// What it has.
        found: u64,
        /// What is needed.
        needed: u64,
    },
    /// The driver refuses to open the device.
    #[error("adapter {adapter} does not open: {reason}")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// Shaders of the adapter do not compute in 16-bit floats.
    #[error("adapter {adapter}: its shaders have no 16-bit floats; use --precision f32, or choose another with --adapter")]
    NoHalf {
        /// The adapter's name.
        adapter: String,
    },
    /// The device went away.
    #[error("the GPU was lost ({reason}); what was saved before is intact, start the command again or choose another adapter")]
    Lost {
        /// The driver's words.
        reason: String,
    },
    /// A request for memory failed.
    #[error("the GPU has not enough memory for {what} ({bytes} bytes); use a smaller batch")]
    OutOfMemory {
        /// What it was for.
        what: String,
        /// How much.
        bytes: u64,
    },
    /// wgpu refuses what we asked: a defect of ours or of the driver.
    #[error("the GPU refuses a command: {reason}")]
    Validation {
        /// wgpu's words.
        reason: String,
    },
    /// A shader does not expand.
    #[error(transparent)]
    Shader(#[from] ShaderError),
    /// A plan does not fit the adapter.
    #[error(transparent)]
    Plan(#[from] PlanError),
}
