//! `kernels test`: every case of every kernel and variant against its f64 reference.

use lineament::device::DeviceError;
use lineament::ops;
use lineament::plan::Variant;
use lineament::profiles::Device;

use crate::cases;
use crate::commands::arguments::{CommonArguments, context};
use crate::harness::case::{Case, Purpose};
use crate::harness::outcome::Tally;
use crate::harness::outcome::Verdict;
use crate::harness::run_case::{OutputResult, run_case};

/// What one case came to.
struct CaseResult {
    kernel: &'static str,
    variant: &'static str,
    label: String,
    outputs: Vec<OutputResult>,
    verdict: Verdict,
}

/// Runs what the filter asks for, prints a line for each kernel and variant, and counts.
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

/// The variants that this adapter cannot run.
fn skipped(device: &Device, arguments: &CommonArguments) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for kernel in ops::ALL {
        for variant in kernel.variants {
            let label = format!("{} {}", kernel.name, variant.name);
            if let (Some(reason), true) = (missing(device, variant), arguments.wants(&label)) {
                let verdict = Verdict::Skipped(reason.to_string());
                results.push(CaseResult { kernel: kernel.name, variant: variant.name, label, outputs: Vec::new(), verdict });
            }
        }
    }
    results
}

/// What an adapter lacks for a variant, if it lacks anything.
pub fn missing(device: &Device, variant: &Variant) -> Option<&'static str> {
    variant.lacks(device.capabilities())
}

fn check(device: &Device, case: &Case, arguments: &CommonArguments) -> CaseResult {
    let label = case.label();
    let (outputs, failure) = match run_case(device, case) {
        Ok(outputs) => {
            let fault = |output: &OutputResult| Some(format!("{}: {}", output.tensor, output.comparison.fault.as_ref()?));
            let failure = outputs.iter().find_map(fault);
            (outputs, failure)
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let verdict = failure.map_or(Verdict::Passed, Verdict::Failed);
    if let Verdict::Failed(reason) = &verdict {
        eprintln!("FAILED {label}: {reason}\n  replay: kernels test --filter '{label}'{}", arguments.adapter_arguments());
    }
    CaseResult { kernel: case.kernel, variant: case.variant, label, outputs, verdict }
}

fn print_table(results: &[CaseResult], verbose: bool) {
    println!(
        "{:24} {:20} {:>5} {:>11} {:>8} {:>11} {:>8}",
        "kernel", "variant", "cases", "worst NMSE", "bound", "worst error", "bound"
    );
    for group in results.chunk_by(|a, b| (a.kernel, a.variant) == (b.kernel, b.variant)) {
        if verbose {
            group.iter().for_each(print_case);
        }
        let name = format!("{:24} {:20}", group[0].kernel, group[0].variant);
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

fn print_case(result: &CaseResult) {
    for output in &result.outputs {
        let comparison = &output.comparison;
        let word = if comparison.fault.is_none() { "ok" } else { "FAILED" };
        println!("  {}, {}: NMSE {:.2e}, error {:.2e}, {word}", result.label, output.tensor, comparison.nmse, comparison.max_abs);
    }
}

fn json(device: &Device, results: &[CaseResult], tally: Tally) -> serde_json::Value {
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
        serde_json::json!({
            "kernel": result.kernel, "variant": result.variant, "case": result.label,
            "verdict": verdict, "reason": reason, "outputs": outputs.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({ "adapter": device.report(), "cases": cases.collect::<Vec<_>>(), "summary": tally })
}
