//! `kernels model`: where a GPU would spend the time of a prediction or of a training step, by a simple model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use lineament::app::measure::{Workload, WorkloadOptions};
use lineament::device::AdapterRequest;
use lineament::nn::Model;
use lineament::plan::{Precision, Step};
use lineament::profiles::Device;

use super::isa::{Error, Inside, OfGpu, on_each_gpu, write_result};
use crate::isa::gpus::{Gpu, Rates};
use crate::isa::time::{Bound, predict_step};
use crate::isa::{Driver, StepCompiler};

/// Arguments of `model`.
#[derive(Debug, Args)]
pub struct ModelArguments {
    /// The GPUs, separated by commas: navi31, navi21, gfx1201, turing, ampere, apple, adreno, or `all`
    #[arg(long, value_delimiter = ',', default_value = "navi31,ampere")]
    pub gpu: Vec<String>,
    /// Numbers of images in a batch, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32], value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: Vec<u32>,
    /// Height and width of the images [default: the model's]
    #[arg(long)]
    pub size: Option<u32>,
    /// Model a training step of all layers instead of a prediction
    #[arg(long)]
    pub train: bool,
    /// Store activations and weights as 16-bit floats
    #[arg(long, conflicts_with = "train")]
    pub f16: bool,
    /// The model file [default: the shipped model of attributes]
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Print every step instead of a sum for each variant
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    inside: Inside,
}

/// Prints the prediction for every GPU and batch.
///
/// # Errors
/// A compiler cannot be run, or the model cannot be planned.
pub fn run(arguments: &ModelArguments) -> Result<(), Error> {
    if let Some((gpu, out)) = arguments.inside.get()? {
        return write_result(out, &inside(arguments, gpu)?);
    }
    let outputs = on_each_gpu(&arguments.gpu, || {
        let batches = arguments.batch.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut words = vec!["model".to_string(), "--batch".into(), batches];
        words.extend(arguments.size.iter().flat_map(|size| ["--size".to_string(), size.to_string()]));
        words.extend(arguments.model.iter().flat_map(|path| ["--model".to_string(), path.display().to_string()]));
        let flags = [("--train", arguments.train), ("--f16", arguments.f16), ("--verbose", arguments.verbose)];
        words.extend(flags.into_iter().filter(|(_, given)| *given).map(|(name, _)| name.to_string()));
        words
    })?;
    for OfGpu { result, .. } in outputs {
        // A closed pipe means that the reader has enough.
        let _ = std::io::stdout().lock().write_all(result.as_bytes());
    }
    Ok(())
}

/// Returns the prediction for a GPU, on whose driver this process runs.
fn inside(arguments: &ModelArguments, gpu: &Gpu) -> Result<String, Error> {
    let planned = |error: &dyn std::fmt::Display| Error::Plan { reason: error.to_string() };
    let driver = Driver::open(None)?;
    let device = Device::open(&AdapterRequest::default()).map_err(|error| planned(&error))?;
    let path = lineament::app::model_path(arguments.model.as_deref(), lineament::nn::weights::CELEBA_MODEL);
    let model = Model::open(&path.map_err(|error| planned(&error))?, None).map_err(|error| planned(&error))?;
    let precision = if arguments.f16 { Precision::F16 } else { Precision::F32 };
    let mut text = format!("{} ({}), compiled by {}\n{}\n", gpu.name, gpu.description, driver.version, assumptions(&gpu.rates));
    for batch in &arguments.batch {
        let options = WorkloadOptions { train: arguments.train, batch: Some(*batch), size: arguments.size, precision };
        let workload = Workload::new(&device, &model, &options).map_err(|error| planned(&error))?;
        let steps: Vec<&Step> = workload.plans.iter().flat_map(|plan| plan.steps()).collect();
        text += &prediction(arguments, &driver, gpu, &workload.name, &steps, *batch)?;
        text.push('\n');
    }
    Ok(text)
}

/// Says what is assumed about a GPU.
fn assumptions(rates: &Rates) -> String {
    format!(
        "assumed: {} units that start an instruction for {} lanes in each cycle of {:.2} GHz, {:.0} GB/s from memory, {:.0} GB/s from \
         {:.0} MB of cache, {:.0} cycles until a load arrives, {:.0} µs between dependent dispatches; no hardware was measured",
        rates.units,
        rates.lanes,
        rates.clock / 1e9,
        rates.memory / 1e9,
        rates.cache / 1e9,
        rates.cache_bytes / 1e6,
        rates.latency,
        rates.launch * 1e6
    )
}

/// The sum over the steps of a variant.
#[derive(Default)]
struct Sum {
    steps: u32,
    seconds: f64,
    of_bounds: BTreeMap<Bound, f64>,
}

fn prediction(
    arguments: &ModelArguments,
    driver: &Driver,
    gpu: &Gpu,
    name: &str,
    steps: &[&Step],
    batch: u32,
) -> Result<String, Error> {
    let mut compiler = StepCompiler::new(driver, gpu);
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut text = String::new();
    for step in steps {
        let predicted = predict_step(gpu, compiler.code(step)?, step);
        if arguments.verbose {
            let variant = format!("{} {}", step.kernel, step.variant);
            let (micro, bound) = (predicted.seconds * 1e6, predicted.bound.name());
            let _ = writeln!(text, "    {micro:9.1} µs {bound:8} {variant:44} {}", step.label);
        }
        let sum = sums.entry(format!("{} {}", step.kernel, step.variant)).or_default();
        sum.steps += 1;
        sum.seconds += predicted.seconds;
        *sum.of_bounds.entry(predicted.bound).or_default() += predicted.seconds;
    }
    let launches = steps.len() as f64 * gpu.rates.launch;
    let computing: f64 = sums.values().map(|sum| sum.seconds).sum();
    let total = launches + computing;
    let of =
        |bound: Bound| sums.values().filter_map(|sum| sum.of_bounds.get(&bound)).fold(0.0, |sum, seconds| sum + seconds * 1e3);
    let bounds = Bound::ALL.map(|bound| format!("{} {:.3}", bound.name(), of(bound))).join(", ");
    let megabytes = steps.iter().map(|step| step.cost.bytes).sum::<u64>() as f64 / 1e6;
    let mut head = format!(
        "{name}: {:.3} ms, {:.0} images/s; launches {:.3}, {bounds}; {} dispatches, {:.1} MB an image\n",
        total * 1e3,
        f64::from(batch) / total,
        launches * 1e3,
        steps.len(),
        megabytes / f64::from(batch)
    );
    let mut rows: Vec<_> = sums.into_iter().collect();
    rows.sort_by(|one, other| other.1.seconds.total_cmp(&one.1.seconds));
    for (variant, sum) in rows {
        let bound = sum.of_bounds.iter().max_by(|one, other| one.1.total_cmp(other.1)).map_or("", |(bound, _)| bound.name());
        let share = sum.seconds / total * 100.0;
        let _ = writeln!(head, "    {:9.3} ms {share:4.0} % {:3} × {variant:48} mostly {bound}", sum.seconds * 1e3, sum.steps);
    }
    Ok(head + &text)
}
