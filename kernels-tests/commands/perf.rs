//! `kernels perf`: times every variant on the shapes of the model, and compares with the measured ceilings of the adapter.

use std::error::Error;

use lineament::app::measure::Ceilings;
use lineament::nn::ModelError;
use lineament::profiles::Device;

use crate::cases;
use crate::commands::arguments::{PerfArguments, context};
use crate::commands::backbone;
use crate::commands::baseline::{Baseline, Change, Moved};
use crate::commands::training_step;
use crate::harness::case::{Case, Purpose};
use crate::harness::outcome::{Tally, Verdict};
use crate::harness::timing::{ColdCaches, Timing, time_case};

/// One line of the table.
struct Row {
    kernel: String,
    variant: String,
    shape: String,
    timing: Timing,
    /// Its time divided by that of the fastest variant on the same shape.
    by_best: f64,
    change: Option<Change>,
}

/// Kernel, variant and time of a case.
type Timed = (&'static str, &'static str, Timing);

/// The state of a measurement.
struct Measuring<'a> {
    device: Device,
    arguments: &'a PerfArguments,
    ceilings: Ceilings,
    cold: ColdCaches,
    baseline: Option<Baseline>,
    rows: Vec<Row>,
    tally: Tally,
}

/// Measures the ceilings, then every benchmark that the filter selects.
///
/// # Errors
/// The adapter does not open, a ceiling cannot be measured, or the baseline cannot be used.
pub fn run(arguments: &PerfArguments) -> Result<Tally, Box<dyn Error>> {
    let device = arguments.common.open()?;
    let baseline = arguments.baseline.as_deref().map(|path| Baseline::read(path, &device.report().name)).transpose()?;
    let (ceilings, cold) = (Ceilings::measure(&device)?, ColdCaches::new(&device)?);
    let mut measuring = Measuring { device, arguments, ceilings, cold, baseline, rows: Vec::new(), tally: Tally::default() };
    if !arguments.common.json {
        measuring.print_head();
    }
    for cases in cases::ALL {
        measuring.kernel(cases(context(&measuring.device, Purpose::Benchmark)));
    }
    measuring.whole();
    measuring.finish();
    Ok(measuring.tally)
}

impl Measuring<'_> {
    /// Times the cases of a kernel and prints its variants side by side on each shape, the fastest first.
    fn kernel(&mut self, cases: Vec<Case>) {
        let wanted = |case: &Case| case.purpose == Purpose::Benchmark && self.arguments.common.wants(&case.label());
        let mut of_shapes: Vec<(String, Vec<Timed>)> = Vec::new();
        for case in cases.into_iter().filter(wanted) {
            match time_case(&self.device, &case, self.arguments.runs.into(), &self.cold) {
                Ok(timing) => {
                    self.tally.add(&Verdict::Passed);
                    let timed = (case.kernel, case.variant, timing);
                    // Variants of the same work: a shape's name leaves out what a variant's has.
                    let alike = |(shape, others): &&mut (String, Vec<Timed>)| {
                        *shape == case.name && (others[0].0, others[0].2.cost) == (timed.0, timed.2.cost)
                    };
                    match of_shapes.iter_mut().find(alike) {
                        Some((_, variants)) => variants.push(timed),
                        None => of_shapes.push((case.name.clone(), vec![timed])),
                    }
                }
                Err(error) => {
                    eprintln!("FAILED {}: {error}", case.label());
                    self.tally.add(&Verdict::Failed(error.to_string()));
                }
            }
        }
        for (shape, mut variants) in of_shapes {
            variants.sort_by(|a, b| a.2.warm.median().total_cmp(&b.2.warm.median()));
            let best = variants[0].2.warm.median();
            for (kernel, variant, timing) in variants {
                let by_best = timing.warm.median() / best;
                self.add([kernel, variant, &shape], timing, by_best);
            }
        }
    }

    /// Times the whole backbone and whole training steps.
    fn whole(&mut self) {
        let runs = self.arguments.runs.into();
        for batch in backbone::BATCHES {
            let shape = format!("224x224, batch {batch}");
            if self.arguments.common.wants(&format!("backbone whole {shape}")) {
                let timed = backbone::time(&self.device, batch, runs);
                self.report(["backbone", "whole", &shape], timed);
            }
        }
        for (batch, size) in training_step::SHAPES {
            let shape = format!("{size}x{size}, batch {batch}");
            for (extent, name) in training_step::EXTENTS {
                if self.arguments.common.wants(&format!("training {name} {shape}")) {
                    let timed = training_step::time(&self.device, (batch, size), extent, runs);
                    self.report(["training", name, &shape], timed);
                }
            }
        }
    }

    fn report(&mut self, name: [&str; 3], timed: Result<Timing, ModelError>) {
        match timed {
            Ok(timing) => {
                self.add(name, timing, 1.0);
                self.tally.add(&Verdict::Passed);
            }
            Err(error) => {
                eprintln!("skipped {}: {error}", name.join(" "));
                self.tally.add(&Verdict::Skipped(error.to_string()));
            }
        }
    }

    fn add(&mut self, name: [&str; 3], timing: Timing, by_best: f64) {
        let change = self.baseline.as_ref().and_then(|baseline| baseline.change(name, &timing.warm));
        let [kernel, variant, shape] = name.map(String::from);
        let row = Row { kernel, variant, shape, timing, by_best, change };
        if !self.arguments.common.json {
            self.print(&row);
        }
        self.rows.push(row);
    }

    fn print_head(&self) {
        let Ceilings { flops_a_second, bytes_a_second } = self.ceilings;
        let clock = if self.device.report().timestamps { "GPU timestamps" } else { "the wall clock" };
        println!(
            "ceilings: {:.1} GFLOP/s multiply-add, {:.1} GB/s stream; times are medians of {} by {clock}, ± half the distance of \
             their quartiles; cold: after a stream through the caches",
            flops_a_second / 1e9,
            bytes_a_second / 1e9,
            self.arguments.runs
        );
        let baseline = if self.baseline.is_some() { "  baseline" } else { "" };
        println!(
            "{:20} {:15} {:46} {:>10} {:>5} {:>10} {:>8} {:>7} {:>6} {:>8} {:>7}{baseline}",
            "kernel", "variant", "shape", "ms", "± %", "cold ms", "GFLOP/s", "GB/s", "% FMA", "% stream", "by best"
        );
    }

    fn print(&self, Row { kernel, variant, shape, timing, by_best, change }: &Row) {
        let change = match (change, &self.baseline) {
            (Some(change), _) => format!("  {change}"),
            (None, Some(_)) => "  new".to_string(),
            (None, None) => String::new(),
        };
        println!(
            "{:20} {:15} {:46} {:10.3} {:5.1} {:>10} {:8.1} {:7.2} {:6.1} {:8.1} {:7.2}{change}",
            kernel,
            variant,
            shape,
            1e3 * timing.warm.median(),
            100.0 * timing.warm.relative(),
            timing.cold.as_ref().map_or("–".to_string(), |cold| format!("{:.3}", 1e3 * cold.median())),
            timing.flops_a_second() / 1e9,
            timing.bytes_a_second() / 1e9,
            100.0 * timing.flops_a_second() / self.ceilings.flops_a_second,
            100.0 * timing.bytes_a_second() / self.ceilings.bytes_a_second,
            by_best,
        );
    }

    /// Prints the JSON object, and the number of cases that became faster or slower.
    fn finish(&self) {
        if self.arguments.common.json {
            let cases: Vec<_> = self.rows.iter().map(|row| json(row, self.ceilings)).collect();
            println!(
                "{}",
                serde_json::json!({
                    "adapter": self.device.report(), "ceilings": self.ceilings, "cases": cases, "summary": self.tally,
                })
            );
        }
        if self.baseline.is_some() {
            let moved =
                |verdict| self.rows.iter().filter(|row| row.change.is_some_and(|change| change.verdict == verdict)).count();
            let known = self.rows.iter().filter(|row| row.change.is_some()).count();
            eprintln!(
                "{} faster, {} slower beyond the noise, of {known} cases that the baseline has",
                moved(Moved::Faster),
                moved(Moved::Slower)
            );
        }
    }
}

fn json(Row { kernel, variant, shape, timing, by_best, change }: &Row, ceilings: Ceilings) -> serde_json::Value {
    serde_json::json!({
        "kernel": kernel, "variant": variant, "case": shape,
        "seconds": timing.warm.median(), "quartiles": timing.warm.quartiles(), "range": timing.warm.range(),
        "cold_seconds": timing.cold.as_ref().map(|cold| cold.median()),
        "flops": timing.cost.flops, "bytes": timing.cost.bytes,
        "flops_a_second": timing.flops_a_second(), "bytes_a_second": timing.bytes_a_second(),
        "share_of_multiply_add_ceiling": timing.flops_a_second() / ceilings.flops_a_second,
        "share_of_stream_ceiling": timing.bytes_a_second() / ceilings.bytes_a_second,
        "by_best_variant": by_best, "change": change,
    })
}
