//! `kernels perf`: the time of every kernel and variant on the shapes of the model, beside what the adapter can do at best.

use lineament::gpu::{Gpu, GpuError};
use lineament::kernels::Cost;
use lineament::model::ModelError;
use lineament::profile::Ceilings;
use lineament::scheduler::Program;

use crate::backbone;
use crate::case::{Case, Purpose};
use crate::cases;

use crate::command::{CommonArguments, context};
use crate::fixture::Verdict;
use crate::tally::Tally;
use crate::training_step;

/// Timed runs after the one that warms up; their median counts.
const RUNS: usize = 5;

/// The time of one case.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Median over the runs.
    pub seconds: f64,
    /// Work by formula.
    pub cost: Cost,
}

impl Timing {
    /// Floating-point operations a second.
    pub fn flops_a_second(self) -> f64 {
        self.cost.flops as f64 / self.seconds
    }

    /// Bytes a second.
    pub fn bytes_a_second(self) -> f64 {
        self.cost.bytes as f64 / self.seconds
    }
}

/// Runs a case once to warm up and then several times.
///
/// # Errors
/// The plan does not fit the adapter, a shader does not compile, or the device fails.
pub fn time(gpu: &Gpu, case: &Case) -> Result<Timing, GpuError> {
    let program = Program::new(gpu, &case.plan, &[])?;
    for (view, bytes) in &case.inputs {
        program.write(gpu, *view, bytes);
    }
    program.run(gpu)?;
    gpu.wait()?;
    let mut seconds = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        seconds.push(program.run_timed(gpu)?.steps.iter().map(|step| step.seconds).sum::<f64>());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timing { seconds: seconds[RUNS / 2], cost: case.plan.cost() })
}

/// Measures the ceilings, then every benchmark case that the filter asks for.
///
/// # Errors
/// The adapter does not open, or a ceiling cannot be measured.
pub fn run(arguments: &CommonArguments) -> Result<Tally, GpuError> {
    let gpu = arguments.open()?;
    let ceilings = Ceilings::measure(&gpu)?;
    let (flops, bytes) = (ceilings.flops_a_second / 1e9, ceilings.bytes_a_second / 1e9);
    let clock = if gpu.report().timestamps { "GPU timestamps" } else { "the wall clock" };
    let mut rows = Vec::new();
    let mut tally = Tally::default();
    if !arguments.json {
        println!("ceilings: {flops:.1} GFLOP/s multiply-add, {bytes:.1} GB/s stream; times are medians of {RUNS} by {clock}");
        println!(
            "{:20} {:15} {:46} {:>10} {:>8} {:>7} {:>6} {:>8}",
            "kernel", "variant", "shape", "ms", "GFLOP/s", "GB/s", "% FMA", "% stream"
        );
    }
    for cases in cases::ALL {
        let wanted = |case: &Case| case.purpose == Purpose::Benchmark && arguments.wants(&case.label());
        for case in cases(context(&gpu, Purpose::Benchmark)).into_iter().filter(wanted) {
            match time(&gpu, &case) {
                Ok(timing) if arguments.json => rows.push(json([case.kernel, case.variant, &case.name], timing, ceilings)),
                Ok(timing) => print_row([case.kernel, case.variant, &case.name], timing, ceilings),
                Err(error) => {
                    eprintln!("FAILED {}: {error}", case.label());
                    tally.add(&Verdict::Failed(error.to_string()));
                    continue;
                }
            }
            tally.add(&Verdict::Passed);
        }
    }
    let mut report = |name: [&str; 3], timed: Result<Timing, ModelError>| {
        match timed {
            Ok(timing) if arguments.json => rows.push(json(name, timing, ceilings)),
            Ok(timing) => print_row(name, timing, ceilings),
            Err(error) => {
                eprintln!("skipped {}: {error}", name.join(" "));
                return tally.add(&Verdict::Skipped(error.to_string()));
            }
        }
        tally.add(&Verdict::Passed);
    };
    for batch in backbone::BATCHES {
        let shape = format!("224x224, batch {batch}");
        if arguments.wants(&format!("backbone whole {shape}")) {
            report(["backbone", "whole", &shape], backbone::time(&gpu, batch));
        }
    }
    for (batch, size) in training_step::SHAPES {
        let shape = format!("{size}x{size}, batch {batch}");
        for (extent, name) in training_step::EXTENTS {
            if arguments.wants(&format!("training {name} {shape}")) {
                report(["training", name, &shape], training_step::time(&gpu, (batch, size), extent));
            }
        }
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "adapter": gpu.report(), "ceilings": ceilings, "cases": rows, "summary": tally }));
    }
    Ok(tally)
}

fn print_row([kernel, variant, shape]: [&str; 3], timing: Timing, ceilings: Ceilings) {
    println!(
        "{:20} {:15} {:46} {:10.3} {:8.1} {:7.2} {:6.1} {:8.1}",
        kernel,
        variant,
        shape,
        1e3 * timing.seconds,
        timing.flops_a_second() / 1e9,
        timing.bytes_a_second() / 1e9,
        100.0 * timing.flops_a_second() / ceilings.flops_a_second,
        100.0 * timing.bytes_a_second() / ceilings.bytes_a_second,
    );
}

fn json([kernel, variant, shape]: [&str; 3], timing: Timing, ceilings: Ceilings) -> serde_json::Value {
    serde_json::json!({
        "kernel": kernel, "variant": variant, "case": shape,
        "seconds": timing.seconds, "flops": timing.cost.flops, "bytes": timing.cost.bytes,
        "flops_a_second": timing.flops_a_second(), "bytes_a_second": timing.bytes_a_second(),
        "share_of_multiply_add_ceiling": timing.flops_a_second() / ceilings.flops_a_second,
        "share_of_stream_ceiling": timing.bytes_a_second() / ceilings.bytes_a_second,
    })
}
