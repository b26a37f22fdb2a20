//! The command line of `kernels`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lineament::device::{AdapterRequest, DeviceError};
use lineament::profiles::Device;

use super::isa::IsaArguments;
use super::model::ModelArguments;
use super::tables::TablesArguments;
use crate::harness::case::{Context, Purpose};

/// Tests and times every kernel on the adapter of this machine.
#[derive(Debug, Parser)]
#[command(name = "kernels", version, about)]
pub struct CommandLine {
    /// Read the shaders from this copy of the folder `shaders` instead of the program, to test a change without building
    #[arg(long, global = true, value_name = "DIR")]
    pub shaders: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare every kernel and variant with its f64 reference, or with golden data from other software
    Test(TestArguments),
    /// Time every kernel and variant on the shapes of the model, against the adapter's measured ceilings
    Perf(PerfArguments),
    /// Check that the test cases reject the broken shaders of kernels-tests/mutants in every variant
    Mutants(CommonArguments),
    /// Print the WGSL of a variant after expansion, or its translation to another language
    Emit(EmitArguments),
    /// Show what the compilers of GPUs make of every kernel: registers, occupancy, spills, and the instructions of the hot loop
    Isa(IsaArguments),
    /// Predict by a simple model where GPUs would spend the time of a prediction or a training step
    Model(ModelArguments),
    /// Make the table of variants of a class of GPUs from the model of time
    Tables(TablesArguments),
    /// Compile every variant on this adapter and list those that do not run, with the reason
    Support(CommonArguments),
    /// Compile every standard variant in Chromium, whose compiler is stricter, and run some cases there
    Browser(BrowserArguments),
}

/// Arguments that most commands take.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// Select by a part of the name: "KERNEL VARIANT SHAPE", "GROUP/FILE TENSOR" of golden data, or a mutant
    #[arg(long, default_value = "")]
    pub filter: String,
    /// Choose the adapter by a part of its name, or by its index in `lineament devices`
    #[arg(long)]
    pub adapter: Option<String>,
    /// Choose the graphics interface: vulkan, metal, dx12 or gl
    #[arg(long)]
    pub backend: Option<String>,
    /// Open the adapter with the limits that every implementation of WebGPU grants
    #[arg(long)]
    pub webgpu_limits: bool,
    /// Open the adapter with cooperative matrices, which wgpu calls experimental
    #[arg(long)]
    pub tensor_cores: bool,
    /// Use cooperative matrices of this side, 8 or 16, although the adapter lists others. Mesa's lavapipe lists 8 and multiplies
    /// both
    #[arg(long, value_name = "SIDE", requires = "tensor_cores", value_parser = clap::value_parser!(u32).range(8..=16))]
    pub matrix_side: Option<u32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Print a line for every case, and for every variant of a mutant
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Compare with golden data: a group with its manifest.json, or a folder of such groups
    #[arg(long, value_name = "DIR")]
    pub golden: Option<PathBuf>,
}

/// Arguments of `perf`.
#[derive(Debug, Args)]
pub struct PerfArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Number of timed runs of each case with warm caches, and with cold caches
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Compare with an earlier run (`kernels perf --json > FILE`) and mark differences beyond the noise
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
}

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub struct EmitArguments {
    /// Name of the kernel
    pub kernel: String,
    /// Name of the variant [default: the kernel's first]
    #[arg(long)]
    pub variant: Option<String>,
    /// The language to print
    #[arg(long = "as", value_enum, default_value = "wgsl")]
    pub language: Language,
    /// The subgroup size, for variants that need one [default: 32]
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..=128))]
    pub lanes: u32,
    /// Set an override constant; others keep the shader's default
    #[arg(long = "override", value_name = "NAME=VALUE")]
    pub overrides: Vec<String>,
    /// Write to this file instead of stdout
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Arguments of `browser`.
#[derive(Debug, Args)]
pub struct BrowserArguments {
    /// Select by a part of the name: "KERNEL VARIANT" or "KERNEL VARIANT SHAPE"
    #[arg(long, default_value = "")]
    pub filter: String,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
    /// Print a line for every shader and every case
    #[arg(short, long)]
    pub verbose: bool,
}

impl BrowserArguments {
    /// Returns whether the filter selects `label`.
    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }
}

/// Languages that a kernel can be printed in.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Language {
    /// The source that runs
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
    /// Opens the adapter that the arguments name and prints its name on stderr.
    ///
    /// # Errors
    /// There is no such adapter, or it does not open.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let device = Device::open(&AdapterRequest {
            adapter: self.adapter.clone(),
            backend: self.backend.clone(),
            webgpu_limits: self.webgpu_limits,
            cooperative_matrices: self.tensor_cores,
            matrix_side: self.matrix_side,
        })?;
        let report = device.report();
        eprintln!("adapter: {} ({}, {})", report.name, report.backend, report.kind);
        Ok(device)
    }

    /// Returns whether the filter selects `label`.
    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }

    /// Returns the arguments that choose the same adapter, for the command that repeats a failure.
    pub fn adapter_arguments(&self) -> String {
        let argument = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!(" --{name} '{value}'"));
        let flag = |name: &str, is_set: bool| is_set.then(|| format!(" --{name}"));
        let arguments = [
            argument("adapter", &self.adapter),
            argument("backend", &self.backend),
            flag("webgpu-limits", self.webgpu_limits),
            flag("tensor-cores", self.tensor_cores),
            self.matrix_side.map(|side| format!(" --matrix-side {side}")),
        ];
        arguments.into_iter().flatten().collect()
    }
}

/// Returns what the cases depend on.
pub fn context(device: &Device, purpose: Purpose) -> Context {
    Context { capabilities: *device.capabilities(), purpose }
}
