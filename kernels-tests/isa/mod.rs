//! What the compiler of a GPU makes of a kernel: registers, occupancy, spills, and the instructions of the hot loop.
//!
//! A Vulkan driver with the extension `VK_KHR_pipeline_executable_properties` reports statistics and assembly of a pipeline. This
//! works with the driver of a GPU in this machine, and with Mesa's drivers on GPUs that are not there (`tools/gpu-compilers`).

pub mod assembly;
mod capture;
pub mod driver;
pub mod gpus;
mod hot_loop;
mod measure;
pub mod report;
mod spirv;
pub mod time;

pub use driver::{Driver, IsaError};
pub use measure::{StepCompiler, measure};
