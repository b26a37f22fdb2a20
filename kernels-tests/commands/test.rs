//! `kernels test`: every case of every kernel and variant against its f64 reference.

use lineament::device::DeviceError;
use lineament::ops;
use lineament::plan::Variant;
use lineament::profiles::Device;

use crate::cases;
use crate::commands::arguments::{CommonArguments, context};
use crate::harness::case::{Case, Purpose};
use crate::harness::outcome::{CheckResult, Tally, Verdict};
use crate::harness::run_case::{OutputResult, run_case};

/// Runs the cases that the filter selects, prints a line for each variant and counts them.
///
/// # Errors
/// The adapter does not open.
pub fn run(arguments: &CommonArguments) -> Result<Tally, DeviceError> {
    let device = arguments.open()?;
    let mut results = skipped(&device, arguments);
    for cases in cases::ALL {
        for case in cases(context(&device, Purpose::Test)) {
            if case.purpose == Purpose::Test && arguments.wants(&case.label()) {
                results.push(check(&device, &case, arguments));
            }
        }
    }
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.add(&result.verdict));
    if arguments.json {
        println!("{}", json(&device, &results, tally));
    } else {
        print_table(&results, arguments.verbose);
    }
    Ok(tally)
}

/// Returns a skipped result for each variant that this adapter cannot run.
fn skipped(device: &Device, arguments: &CommonArguments) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for kernel in ops::ALL {
        for variant in kernel.variants {
            let label = format!("{} {}", kernel.name, variant.name);
            if let (Some(reason), true) = (missing(device, variant), arguments.wants(&label)) {
                results.push(CheckResult::new(&label, "", Verdict::Skipped(reason.to_string())));
            }
        }
    }
    results
}

/// Returns what the adapter lacks to run a variant, if anything.
pub fn missing(device: &Device, variant: &Variant) -> Option<&'static str> {
    variant.lacks(device.capabilities())
}

/// Runs one case.
fn check(device: &Device, case: &Case, arguments: &CommonArguments) -> CheckResult {
    let (outputs, failure) = match run_case(device, &case.plan, case) {
        Ok(outputs) => {
            let fault = |output: &OutputResult| Some(format!("{}: {}", output.tensor, output.comparison.fault.as_ref()?));
            let failure = outputs.iter().find_map(fault);
            (outputs, failure)
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let verdict = failure.map_or(Verdict::Passed, Verdict::Failed);
    let worst = |number: fn(&OutputResult) -> f64| outputs.iter().map(number).fold(0.0, f64::max);
    let (nmse, max_abs) = (worst(|output| output.comparison.nmse), worst(|output| output.comparison.max_abs));
    let subject = format!("{} {}", case.kernel, case.variant);
    let result = CheckResult { nmse, max_abs, outputs, ..CheckResult::new(&subject, &case.name, verdict) };
    if let Verdict::Failed(reason) = &result.verdict {
        let label = result.label();
        eprintln!("FAILED {label}: {reason}\n  replay: kernels test --filter '{label}'{}", arguments.adapter_arguments());
    }
    result
}

fn print_table(results: &[CheckResult], verbose: bool) {
    println!(
        "{:24} {:20} {:>5} {:>11} {:>8} {:>11} {:>8}",
        "kernel", "variant", "cases", "worst NMSE", "bound", "worst error", "bound"
    );
    for group in results.chunk_by(|a, b| a.subject == b.subject) {
        if verbose {
            group.iter().for_each(print_case);
        }
        let (kernel, variant) = kernel_and_variant(&group[0]);
        let name = format!("{kernel:24} {variant:20}");
        if let Verdict::Skipped(reason) = &group[0].verdict {
            println!("{name} skipped: {reason}");
            continue;
        }
        let outputs = || group.iter().flat_map(|result| &result.outputs);
        let worst = |number: fn(&OutputResult) -> f64| outputs().map(number).fold(0.0, f64::max);
        let failed = group.iter().filter(|result| matches!(result.verdict, Verdict::Failed(_))).count();
        println!(
            "{name} {:5} {:11.2e} {:8.0e} {:11.2e} {:8.0e}{}",
            group.len(),
            worst(|output| output.comparison.nmse),
            worst(|output| output.nmse_bound),
            worst(|output| output.comparison.max_abs),
            worst(|output| output.max_abs_bound),
            if failed > 0 { format!("  {failed} FAILED") } else { String::new() }
        );
    }
}

/// Splits the subject of a case. Names of kernels hold no blanks.
fn kernel_and_variant(result: &CheckResult) -> (&str, &str) {
    result.subject.split_once(' ').unwrap_or((&result.subject, ""))
}

fn print_case(result: &CheckResult) {
    for output in &result.outputs {
        let comparison = &output.comparison;
        let word = if comparison.fault.is_none() { "ok" } else { "FAILED" };
        println!(
            "  {}, {}: NMSE {:.2e}, error {:.2e}, {word}",
            result.label(),
            output.tensor,
            comparison.nmse,
            comparison.max_abs
        );
    }
}

fn json(device: &Device, results: &[CheckResult], tally: Tally) -> serde_json::Value {
    let cases = results.iter().map(|result| {
        let outputs = result.outputs.iter().map(|output| {
            let comparison = &output.comparison;
            serde_json::json!({
                "tensor": output.tensor,
                "nmse": comparison.nmse, "nmse_bound": output.nmse_bound,
                "max_abs": comparison.max_abs, "max_abs_bound": output.max_abs_bound,
            })
        });
        let (verdict, reason) = result.verdict.words();
        let (kernel, variant) = kernel_and_variant(result);
        serde_json::json!({
            "kernel": kernel, "variant": variant, "case": result.label(),
            "verdict": verdict, "reason": reason, "outputs": outputs.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({ "adapter": device.report(), "cases": cases.collect::<Vec<_>>(), "summary": tally })
}
