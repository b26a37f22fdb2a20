//! `kernels browser`: the shaders in Chromium, whose compiler checks rules of WGSL that naga does not, such as uniform control flow.

use lineament::ops::ALL;
use lineament::plan::{Capabilities, Kernel, Variant};
use lineament::wgsl::{reflect, standard};

use crate::cases;
use crate::commands::arguments::BrowserArguments;
use crate::harness::browser::{self, BrowserError, Jobs, Message, Replay, Replayed};
use crate::harness::case::{Case, Context, Purpose};
use crate::harness::outcome::{CheckResult, Tally, Verdict};
use crate::harness::run_case::OutputResult;

/// Subgroup sizes for which subgroup variants are compiled.
const LANES: [u32; 2] = [4, 32];

/// The kernels that also run in the browser: one of each kind, few enough for the browser's software adapter.
const REPLAYED: &[&str] = &[
    "resize_normalise",
    "depthwise",
    "pointwise_registers",
    "batch_norm",
    "adadelta",
    "cosine_proximity",
    "kmeans_assign",
    "silhouette",
];

/// The largest number of floating-point operations of a case that runs in the browser.
const MOST_FLOPS: u64 = 4_000_000;

/// Compiles every standard variant that the filter selects, runs some cases, and counts the results.
///
/// # Errors
/// The browser does not start.
pub fn run(arguments: &BrowserArguments) -> Result<Tally, BrowserError> {
    let mut results = Vec::new();
    let (mut jobs, mut compiled) = (Jobs::default(), Vec::new());
    for (kernel, variant) in ALL.iter().flat_map(|kernel| kernel.variants.iter().map(move |variant| (*kernel, variant))) {
        let subject = format!("{} {}", kernel.name, variant.name);
        if !arguments.wants(&subject) {
            continue;
        }
        if variant.is_native_only() {
            let reason = "native only: no browser has 64-bit integers";
            results.push(CheckResult::new(&subject, "compiles", Verdict::Skipped(reason.to_string())));
            continue;
        }
        for lanes in lanes_of(variant) {
            let part = if variant.subgroup { format!("compiles for subgroups of {lanes}") } else { "compiles".into() };
            match reflect::source(kernel, variant, *lanes) {
                Ok(source) => {
                    jobs.compile.push(standard(source));
                    compiled.push((subject.clone(), part));
                }
                Err(error) => results.push(CheckResult::new(&subject, &part, Verdict::Failed(error.to_string()))),
            }
        }
    }
    let mut replayed = Vec::new();
    for case in replayed_cases().into_iter().filter(|case| arguments.wants(&case.label())) {
        match Replay::of(&case) {
            Ok(job) => {
                jobs.replay.push(job);
                replayed.push(case);
            }
            Err(error) => results.push(result_of(&case, Err(error.to_string()))),
        }
    }
    let answers = browser::run(&jobs)?;
    eprintln!("adapter: {}, with {}", answers.adapter, answers.features.join(", "));
    let answered = compiled.iter().zip(&answers.compile);
    results.extend(answered.map(|((subject, part), messages)| CheckResult::new(subject, part, verdict(messages))));
    let compared = |(case, replayed): (&Case, &Replayed)| result_of(case, replayed.compare(case));
    results.extend(replayed.iter().zip(&answers.replay).map(compared));
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.add(&result.verdict));
    for result in &results {
        print(result, arguments);
    }
    if arguments.json {
        let rows: Vec<_> = results.iter().map(row).collect();
        println!("{}", serde_json::json!({ "adapter": answers.adapter, "results": rows, "summary": tally }));
    }
    Ok(tally)
}

/// Returns the subgroup sizes for which a variant is compiled. Only subgroup variants depend on it.
fn lanes_of(variant: &Variant) -> &'static [u32] {
    if variant.subgroup { &LANES } else { &LANES[..1] }
}

/// Returns the cases that run in the browser: for the first standard variant of each kernel, the largest case within the bound, and
/// the largest one with a folded grid.
pub fn replayed_cases() -> Vec<Case> {
    // The browser's limits are those that WebGPU guarantees.
    let context = Context { capabilities: Capabilities::webgpu(true, None), purpose: Purpose::Test };
    let first = |kernel: &&Kernel| kernel.variants.iter().find(|variant| context.runs(variant));
    let chosen: Vec<(&str, &str)> = ALL
        .iter()
        .filter(|kernel| REPLAYED.contains(&kernel.name))
        .filter_map(|kernel| Some((kernel.name, first(kernel)?.name)))
        .collect();
    let suits = |case: &Case| chosen.contains(&(case.kernel, case.variant)) && (1..=MOST_FLOPS).contains(&case.plan.cost().flops);
    let mut best: Vec<Case> = Vec::new();
    for case in cases::ALL.iter().flat_map(|cases| cases(context)).filter(suits) {
        let kind = |case: &Case| (case.kernel, case.name.ends_with(", folded"));
        match best.iter_mut().find(|known| kind(known) == kind(&case)) {
            Some(known) if known.plan.cost().flops >= case.plan.cost().flops => {}
            Some(known) => *known = case,
            None => best.push(case),
        }
    }
    best
}

/// Returns whether the compiler takes a shader, and all that it says if it does not.
fn verdict(messages: &[Message]) -> Verdict {
    if messages.iter().all(|message| message.kind != "error") {
        return Verdict::Passed;
    }
    let words = messages.iter().map(|Message { kind, line, message }| format!("line {line}: {kind}: {message}"));
    Verdict::Failed(words.collect::<Vec<_>>().join("; "))
}

/// Returns the result of a case that ran in the browser, or the reason why it did not run.
fn result_of(case: &Case, outputs: Result<Vec<OutputResult>, String>) -> CheckResult {
    let subject = format!("{} {}", case.kernel, case.variant);
    let part = format!("runs {}", case.name);
    match outputs {
        Err(reason) => CheckResult::new(&subject, &part, Verdict::Failed(reason)),
        Ok(outputs) => {
            let fault =
                outputs.iter().find_map(|output| Some(format!("{}: {}", output.tensor, output.comparison.fault.as_ref()?)));
            let verdict = fault.map_or(Verdict::Passed, Verdict::Failed);
            let nmse = outputs.iter().map(|output| output.comparison.nmse).fold(0.0, f64::max);
            let max_abs = outputs.iter().map(|output| output.comparison.max_abs).fold(0.0, f64::max);
            CheckResult { nmse, max_abs, outputs, ..CheckResult::new(&subject, &part, verdict) }
        }
    }
}

/// Prints a failure on stderr, and with `--verbose` anything else on stdout.
fn print(result: &CheckResult, arguments: &BrowserArguments) {
    let label = result.label();
    match &result.verdict {
        Verdict::Failed(reason) => {
            eprintln!("FAILED {label}: {reason}\n  replay: kernels browser --filter '{}'", result.subject);
        }
        Verdict::Passed if arguments.verbose && !arguments.json && !result.outputs.is_empty() => {
            println!("{label}: NMSE {:.2e}, error {:.2e}, ok", result.nmse, result.max_abs);
        }
        Verdict::Passed if arguments.verbose && !arguments.json => println!("{label}: ok"),
        Verdict::Skipped(reason) if arguments.verbose && !arguments.json => println!("{label}: skipped, {reason}"),
        _ => {}
    }
}

fn row(result: &CheckResult) -> serde_json::Value {
    let (verdict, reason) = result.verdict.words();
    serde_json::json!({
        "subject": result.subject, "part": result.part, "verdict": verdict, "reason": reason,
        "nmse": result.nmse, "max_abs": result.max_abs,
    })
}
