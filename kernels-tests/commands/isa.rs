//! `kernels isa`: what the compilers of GPUs make of the kernels.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Args;
use lineament::ops::ALL;
use lineament::plan::{Kernel, Variant};
use lineament::profiles::DeviceClass;
use lineament::wgsl::reflect;

use crate::harness::outcome::{Tally, Verdict};
use crate::isa::gpus::{GPUS, Gpu};
use crate::isa::report::{KernelCode, Outcome, Report, regressions};
use crate::isa::{Driver, IsaError, measure};

/// Arguments of `isa`.
#[derive(Debug, Args)]
pub struct IsaArguments {
    /// Compile for GPUs that need not be in this machine, set up by `tools/gpu-compilers setup`: navi31, navi21, gfx1201, turing,
    /// ampere, apple, adreno, or `all`; several are separated by commas
    #[arg(long, value_delimiter = ',', conflicts_with = "adapter")]
    pub gpu: Vec<String>,
    /// Compile with the driver of the adapter of this machine whose name contains this [default: the first GPU]
    #[arg(long)]
    pub adapter: Option<String>,
    /// Select variants by a part of "KERNEL VARIANT"
    #[arg(long, default_value = "")]
    pub filter: String,
    /// Select the variants that some device profile of GPUs uses
    #[arg(long)]
    pub shipped: bool,
    /// Print JSON, which a later run takes as --baseline
    #[arg(long)]
    pub json: bool,
    /// Name what became worse since an earlier run; a new spill is a failure
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Print everything that the driver reports on the variants with this part in "KERNEL VARIANT", with the assembly
    #[arg(long, value_name = "KERNEL")]
    pub disassemble: Option<String>,
    #[command(flatten)]
    inside: Inside,
}

/// Arguments with which this program starts itself on the driver of a GPU.
#[derive(Debug, Args)]
pub struct Inside {
    /// The GPU on which `tools/gpu-compilers` runs this process
    #[arg(long = "inside", hide = true, requires = "out")]
    name: Option<String>,
    /// The file for the result of this process, because some drivers print to stdout
    #[arg(long, hide = true, requires = "name")]
    out: Option<PathBuf>,
}

impl Inside {
    /// Returns the GPU and the file of this process, if it was started on the driver of a GPU.
    ///
    /// # Errors
    /// There is no such GPU.
    pub fn get(&self) -> Result<Option<(&'static Gpu, &Path)>, Error> {
        let Inside { name: Some(name), out: Some(out) } = self else { return Ok(None) };
        Ok(Some((find(name)?, out)))
    }
}

/// Writes the result of a process that was started on the driver of a GPU.
///
/// # Errors
/// The file cannot be written.
pub fn write_result(out: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(out, text).map_err(|error| Error::File { path: out.to_path_buf(), reason: error.to_string() })
}

/// Why nothing was reported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No GPU of that name.
    #[error("there is no GPU '{name}'; there are: {known}, all")]
    Gpu {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The compilers cannot be run.
    #[error("{}: {reason}; `tools/gpu-compilers setup` sets the compilers up", path.display())]
    Compilers {
        /// The script that runs them.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The model cannot be planned.
    #[error("the model cannot be planned: {reason}")]
    Plan {
        /// What is wrong.
        reason: String,
    },
    /// The driver does not work.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// A report cannot be read or written.
    #[error("{}: {reason}; `kernels isa --json` writes such a file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Compiles the selected variants and prints what became of them.
///
/// # Errors
/// A compiler cannot be run, or a file cannot be read.
pub fn run(arguments: &IsaArguments) -> Result<Tally, Error> {
    let baseline = arguments.baseline.as_deref().map(read_reports).transpose()?;
    let mut tally = Tally::default();
    if let Some((gpu, out)) = arguments.inside.get()? {
        write_result(out, &to_json(&[compile(arguments, Some(gpu))?]))?;
        // The process that started this one judges the report.
        return Ok(Tally { passed: 1, ..Tally::default() });
    }
    let reports = if arguments.gpu.is_empty() { vec![compile(arguments, None)?] } else { compile_elsewhere(arguments)? };
    finish(arguments, &reports, baseline.as_deref(), &mut tally);
    Ok(tally)
}

/// Prints reports, and what became worse.
fn finish(arguments: &IsaArguments, reports: &[Report], baseline: Option<&[Report]>, tally: &mut Tally) {
    if arguments.disassemble.is_none() {
        let text = if arguments.json { to_json(reports) } else { reports.iter().map(|report| format!("{report}\n")).collect() };
        // A closed pipe means that the reader has enough.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
    for report in reports {
        for kernel in &report.kernels {
            tally.add(&match &kernel.result {
                Outcome::Code(_) => Verdict::Passed,
                Outcome::Skipped(reason) => Verdict::Skipped(reason.clone()),
                Outcome::Failed(reason) => Verdict::Failed(reason.clone()),
            });
        }
        let Some(before) = baseline.and_then(|reports| reports.iter().find(|before| before.gpu == report.gpu)) else { continue };
        if before.driver != report.driver {
            eprintln!("{}: compiled by {}, before by {}", report.gpu, report.driver, before.driver);
        }
        let of_selection = |kernel: &KernelCode| format!("{} {}", kernel.kernel, kernel.variant).contains(&arguments.filter);
        let kernels = before.kernels.iter().filter(|kernel| of_selection(kernel)).cloned().collect();
        for regression in regressions(&Report { kernels, ..before.clone() }, report) {
            eprintln!("{} {}", if regression.is_serious { "FAILED" } else { "worse:" }, regression.text);
            if regression.is_serious {
                tally.add(&Verdict::Failed(regression.text));
            }
        }
    }
}

/// Compiles with a driver of this process.
fn compile(arguments: &IsaArguments, gpu: Option<&Gpu>) -> Result<Report, Error> {
    let driver = Driver::open(arguments.adapter.as_deref())?;
    let name = gpu.map_or(driver.name.clone(), |gpu| gpu.name.to_string());
    let mut report = Report { gpu: name, driver: format!("{}, {}", driver.name.trim(), driver.version), kernels: Vec::new() };
    let selection = arguments.disassemble.as_deref().unwrap_or(&arguments.filter);
    for kernel in ALL {
        for variant in kernel.variants {
            let is_selected = format!("{} {}", kernel.name, variant.name).contains(selection);
            if is_selected && (!arguments.shipped || ships_on_gpus(kernel, variant)) {
                let result = outcome(arguments, &driver, gpu, kernel, variant);
                report.kernels.push(KernelCode { kernel: kernel.name.into(), variant: variant.name.into(), result });
            }
        }
    }
    report.kernels.sort_by(|one, other| (&one.kernel, &one.variant).cmp(&(&other.kernel, &other.variant)));
    Ok(report)
}

/// Returns whether some class of GPUs uses a variant: a table names it, or no table names any variant of its kernel. Variants
/// that need a known subgroup size or 64-bit integers are for software adapters, unless a table of GPUs names them.
fn ships_on_gpus(kernel: &Kernel, variant: &Variant) -> bool {
    let rows = |class: DeviceClass| class.rows().map(|row| &row.variant).filter(|id| id.kernel == kernel.name);
    let gpus = || DeviceClass::ALL.into_iter().filter(|class| *class != DeviceClass::Software);
    let in_a_table = DeviceClass::ALL.into_iter().any(|class| rows(class).next().is_some());
    let is_named = gpus().any(|class| rows(class).any(|id| id.variant == variant.name));
    is_named || (!in_a_table && !variant.subgroup && !variant.is_native_only())
}

fn outcome(arguments: &IsaArguments, driver: &Driver, gpu: Option<&Gpu>, kernel: &Kernel, variant: &Variant) -> Outcome {
    if let Some(reason) = driver.lacks(variant) {
        return Outcome::Skipped(reason.into());
    }
    let lanes = driver.known_subgroup_size().unwrap_or(1);
    let measured = reflect::source(kernel, variant, lanes)
        .map_err(IsaError::from)
        .and_then(|source| measure(driver, gpu, kernel.name, &source, &[]));
    match measured {
        Ok((code, compiled)) => {
            if arguments.disassemble.is_some() {
                println!("== {} {}", kernel.name, variant.name);
                compiled.statistics.iter().for_each(|(name, value)| println!("{name}: {value}"));
                compiled.texts.iter().for_each(|(name, text)| println!("-- {name}\n{text}"));
            }
            Outcome::Code(code)
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Compiles for GPUs that are not there, each in a process of its own on its driver.
fn compile_elsewhere(arguments: &IsaArguments) -> Result<Vec<Report>, Error> {
    let outputs = on_each_gpu(&arguments.gpu, || {
        let mut words = ["isa", "--filter", &arguments.filter].map(String::from).to_vec();
        words.extend(arguments.shipped.then(|| "--shipped".to_string()));
        words.extend(arguments.disassemble.iter().flat_map(|part| ["--disassemble".to_string(), part.clone()]));
        words
    })?;
    let mut reports = Vec::new();
    for OfGpu { gpu, result, printed } in outputs {
        if arguments.disassemble.is_some() {
            let _ = std::io::stdout().lock().write_all(printed.as_bytes());
        }
        reports.extend(parse_reports(Path::new(gpu.name), result.as_bytes())?);
    }
    Ok(reports)
}

/// Returns the script that runs programs on the compilers of GPUs.
fn compilers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/gpu-compilers")
}

/// What a process on the driver of a GPU left.
pub struct OfGpu {
    /// The GPU.
    pub gpu: &'static Gpu,
    /// The result that the process wrote.
    pub result: String,
    /// What the process and the driver printed to stdout.
    pub printed: String,
}

/// Runs this program on the drivers of GPUs, at the same time. `arguments` returns its arguments without those of [`Inside`].
///
/// # Errors
/// A name is unknown, the compilers are not set up, or a process failed.
pub fn on_each_gpu(names: &[String], arguments: impl Fn() -> Vec<String>) -> Result<Vec<OfGpu>, Error> {
    let gpus: Vec<&Gpu> = match names.iter().any(|name| name == "all") {
        true => GPUS.iter().collect(),
        false => names.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
    };
    let script = compilers();
    let broken = |reason: String| Error::Compilers { path: script.clone(), reason };
    let folder = tempfile::tempdir().map_err(|error| broken(error.to_string()))?;
    let start = |gpu: &Gpu| -> std::io::Result<Child> {
        // `--shaders` comes before the command.
        let shaders = std::env::args_os().skip_while(|argument| argument != "--shaders").take(2);
        let mut command = Command::new(&script);
        command.args(["run", gpu.name]).arg(std::env::current_exe()?).args(shaders).args(arguments());
        command.args(["--inside", gpu.name, "--out"]).arg(folder.path().join(gpu.name));
        // The drivers complain about what their pretended hardware lacks, so their messages are shown only after a failure.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let running: Vec<Child> =
        gpus.iter().map(|gpu| start(gpu)).collect::<Result<_, _>>().map_err(|error| broken(error.to_string()))?;
    let mut outputs = Vec::new();
    for (gpu, child) in gpus.into_iter().zip(running) {
        let output = child.wait_with_output().map_err(|error| broken(error.to_string()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(broken(format!("{}: {}", gpu.name, text.lines().last().unwrap_or("it ended without a message"))));
        }
        let path = folder.path().join(gpu.name);
        let result = std::fs::read_to_string(&path).map_err(|error| Error::File { path, reason: error.to_string() })?;
        outputs.push(OfGpu { gpu, result, printed: String::from_utf8_lossy(&output.stdout).into_owned() });
    }
    Ok(outputs)
}

/// Returns the GPU of a name.
fn find(name: &str) -> Result<&'static Gpu, Error> {
    let known = || GPUS.iter().map(|gpu| gpu.name).collect::<Vec<_>>().join(", ");
    GPUS.iter().find(|gpu| gpu.name == name).ok_or_else(|| Error::Gpu { name: name.into(), known: known() })
}

fn read_reports(path: &Path) -> Result<Vec<Report>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::File { path: path.to_path_buf(), reason: error.to_string() })?;
    parse_reports(path, &bytes)
}

fn parse_reports(path: &Path, bytes: &[u8]) -> Result<Vec<Report>, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::File { path: path.to_path_buf(), reason: error.to_string() })
}

/// Returns reports as JSON with a line for each variant, so that a version-control system shows which ones differ.
fn to_json(reports: &[Report]) -> String {
    let report = |report: &Report| {
        let kernels: Vec<String> = report.kernels.iter().map(|kernel| format!("  {}", serde_json::json!(kernel))).collect();
        let (gpu, driver) = (serde_json::json!(report.gpu), serde_json::json!(report.driver));
        format!("{{\"gpu\":{gpu},\"driver\":{driver},\"kernels\":[\n{}\n]}}", kernels.join(",\n"))
    };
    format!("[{}]\n", reports.iter().map(report).collect::<Vec<_>>().join(",\n"))
}
