//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lineament::gpu::{AdapterRequest, Gpu, GpuError};

use crate::case::{Context, Purpose};

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
    Perf(CommonArguments),
    /// Check that the test cases reject every broken shader of kernels-tests/mutants
    Mutants(CommonArguments),
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

impl CommonArguments {
    /// Opens the adapter asked for and says on stderr which it is.
    ///
    /// # Errors
    /// There is none, or it does not open.
    pub fn open(&self) -> Result<Gpu, GpuError> {
        let gpu = Gpu::open(&AdapterRequest { adapter: self.adapter.clone(), backend: self.backend.clone() })?;
        let report = gpu.report();
        eprintln!("adapter: {} ({}, {})", report.name, report.backend, report.kind);
        Ok(gpu)
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
pub fn context(gpu: &Gpu, purpose: Purpose) -> Context {
    Context { lanes: gpu.lanes(), purpose }
}
