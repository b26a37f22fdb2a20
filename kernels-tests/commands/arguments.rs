//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lineament::device::{AdapterRequest, DeviceError};
use lineament::profiles::Device;

use crate::harness::case::{Context, Purpose};

/// Tests and times every kernel on the adapter of this machine.
#[derive(Debug, Parser)]
#[command(name = "kernels", version, about)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare every kernel and variant with its f64 reference, or with golden data from other software
    Test(TestArguments),
    /// Time every kernel and variant on the shapes of the model, against the adapter's measured ceilings
    Perf(PerfArguments),
    /// Check that the test cases reject every broken shader of kernels-tests/mutants
    Mutants(CommonArguments),
    /// Print the source of a kernel as it runs after expansion, or what naga makes of it
    Emit(EmitArguments),
    /// Compile every kernel and variant on this adapter and say what runs, and why the rest does not
    Support(CommonArguments),
}

/// Arguments of every command.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// Only what has this text in its name: "KERNEL VARIANT SHAPE", or "GROUP/FILE TENSOR" of golden data
    #[arg(long, default_value = "")]
    pub filter: String,
    /// Part of the adapter's name, or its index in `lineament devices`
    #[arg(long)]
    pub adapter: Option<String>,
    /// vulkan, metal, dx12 or gl
    #[arg(long)]
    pub backend: Option<String>,
    /// Ask the adapter for no more than every implementation of WebGPU grants
    #[arg(long)]
    pub webgpu_limits: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Print a line for every case
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// A folder of golden fixtures: one group with its manifest.json, or a folder of such groups
    #[arg(long, value_name = "DIR")]
    pub golden: Option<PathBuf>,
}

/// Arguments of `perf`.
#[derive(Debug, Args)]
pub struct PerfArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Timed runs of each case, warm and as many cold
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Compare with an earlier run (`kernels perf --json > FILE`) and flag what moved beyond the noise
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
}

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub struct EmitArguments {
    /// The kernel, as tables name it
    pub kernel: String,
    /// Its variant, as tables name it [default: its first]
    #[arg(long)]
    pub variant: Option<String>,
    /// The language
    #[arg(long = "as", value_enum, default_value = "wgsl")]
    pub language: Language,
    /// The subgroup size, for variants that need one [default: 32]
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..=128))]
    pub lanes: u32,
    /// An override constant; without one it keeps the shader's default
    #[arg(long = "override", value_name = "NAME=VALUE")]
    pub overrides: Vec<String>,
    /// Write to this file instead of stdout
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// What a kernel can be printed as.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Language {
    /// The exact source that runs
    Wgsl,
    /// Vulkan's SPIR-V, binary
    Spirv,
    /// Metal's language
    Msl,
    /// Direct3D's language
    Hlsl,
    /// OpenGL's language
    Glsl,
}

impl CommonArguments {
    /// Opens the adapter asked for and says on stderr which it is.
    ///
    /// # Errors
    /// There is none, or it does not open.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let device = Device::open(&AdapterRequest {
            adapter: self.adapter.clone(),
            backend: self.backend.clone(),
            webgpu_limits: self.webgpu_limits,
        })?;
        let report = device.report();
        eprintln!("adapter: {} ({}, {})", report.name, report.backend, report.kind);
        Ok(device)
    }

    /// Whether `label` is asked for.
    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }

    /// The arguments that bring back the same adapter, for the line that replays a failure.
    pub fn adapter_arguments(&self) -> String {
        let argument = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!(" --{name} '{value}'"));
        [argument("adapter", &self.adapter), argument("backend", &self.backend)].into_iter().flatten().collect()
    }
}

/// What the cases need to know of an adapter.
pub fn context(device: &Device, purpose: Purpose) -> Context {
    Context { capabilities: *device.capabilities(), purpose }
}
