//! `kernels mutants`: broken shaders, which the test cases must reject. A comparison that cannot fail proves nothing.
//!
//! `kernels-tests/mutants` holds one file for each mutant; `kernels-tests/README.md` describes the format. A mutant changes lines
//! of a kernel, or of a snippet of `shaders/lib` that several kernels import. It occurs in every variant whose expanded source it
//! changes, and in each of them at least one test case must fail.

use std::collections::BTreeMap;

use lineament::device::DeviceError;
use lineament::profiles::Device;

use crate::cases;
use crate::commands::arguments::{CommonArguments, context};
use crate::commands::test::missing;
use crate::harness::case::{Case, Purpose};
use crate::harness::mutant::{ALL, Broken, Mutant, MutantError};
use crate::harness::outcome::{CheckResult, Tally, Verdict};
use crate::harness::run_case::run_case;

/// Runs the cases of every variant that a mutant changes with the broken source. A mutant fails where no case of a variant
/// rejects it.
///
/// # Errors
/// The adapter does not open.
pub fn run(arguments: &CommonArguments) -> Result<Tally, DeviceError> {
    let device = arguments.open()?;
    let subgroup_size = device.capabilities().subgroup_size;
    let wanted =
        || ALL.iter().filter(|(name, text)| arguments.wants(name) || target_of(text).is_some_and(|of| arguments.wants(of)));
    let mutants: Vec<Result<(Mutant, Vec<Broken>), MutantError>> = wanted()
        .map(|(name, text)| {
            let mutant = Mutant::parse(name, text)?;
            let broken = mutant.broken_variants(subgroup_size)?;
            Ok((mutant, broken))
        })
        .collect();
    let mut trials: Vec<Vec<CheckResult>> = mutants.iter().map(|_| Vec::new()).collect();
    for cases in cases::ALL {
        let mut of_variants: BTreeMap<String, Vec<Case>> = BTreeMap::new();
        for case in cases(context(&device, Purpose::Test)).into_iter().filter(|case| case.purpose == Purpose::Test) {
            of_variants.entry(format!("{} {}", case.kernel, case.variant)).or_default().push(case);
        }
        for (mutant, trials) in mutants.iter().zip(&mut trials) {
            let Ok((mutant, broken)) = mutant else { continue };
            for broken in broken {
                if let (Some(cases), false) = (of_variants.get(&broken.label()), mutant.excepts(broken)) {
                    record(trials, test_variant(&device, mutant.name, broken, cases));
                }
            }
        }
    }
    report(&device, arguments, wanted().map(|(name, _)| *name).zip(mutants.into_iter().zip(trials)))
}

/// Returns the kernel or snippet that a mutant changes, as its text names it.
fn target_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("kernel: ").or_else(|| line.strip_prefix("snippet: "))).map(str::trim)
}

/// Adds a trial. Where several files have cases of one variant, it is enough that the cases of one of them reject the mutant.
fn record(trials: &mut Vec<CheckResult>, trial: CheckResult) {
    match trials.iter_mut().find(|earlier| earlier.part == trial.part) {
        Some(earlier) if earlier.verdict == Verdict::Passed => {}
        Some(earlier) => *earlier = trial,
        None => trials.push(trial),
    }
}

/// Runs the cases of one variant with its broken source until one fails.
fn test_variant(device: &Device, mutant: &str, broken: &Broken, cases: &[Case]) -> CheckResult {
    let label = broken.label();
    for case in cases {
        let mut plan = case.plan.clone();
        plan.replace_source(broken.kernel.name, broken.source.clone().into());
        match run_case(device, &plan, case) {
            // A shader that does not compile shows nothing about the cases.
            Err(error) => return CheckResult::new(mutant, &label, Verdict::Failed(error.to_string())),
            Ok(outputs) => {
                if let Some(fault) = outputs.iter().find_map(|output| output.comparison.fault.as_ref()) {
                    let note = format!("{}: {fault}", case.label());
                    return CheckResult { note, ..CheckResult::new(mutant, &label, Verdict::Passed) };
                }
            }
        }
    }
    CheckResult::new(mutant, &label, Verdict::Failed(format!("survives {} cases", cases.len())))
}

/// A mutant with the variants that it changes, or why it cannot be tested, and what became of it.
type Tested = (Result<(Mutant, Vec<Broken>), MutantError>, Vec<CheckResult>);

/// Prints a line for each mutant and counts them.
fn report(
    device: &Device,
    arguments: &CommonArguments,
    tested: impl Iterator<Item = (&'static str, Tested)>,
) -> Result<Tally, DeviceError> {
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for (name, (mutant, trials)) in tested {
        let (why, verdict) = match &mutant {
            Err(error) => ("", Verdict::Failed(error.to_string())),
            Ok((mutant, broken)) => (mutant.why, verdict(device, mutant, broken, &trials)),
        };
        tally.add(&verdict);
        let (word, reason) = verdict.words();
        if arguments.json {
            let variants = trials.iter().map(|trial| {
                let (word, reason) = trial.verdict.words();
                serde_json::json!({ "variant": trial.part, "verdict": word, "reason": reason, "caught_by": trial.note })
            });
            let variants: Vec<_> = variants.collect();
            lines
                .push(serde_json::json!({ "mutant": name, "why": why, "verdict": word, "reason": reason, "variants": variants }));
        } else {
            let word = if verdict == Verdict::Passed { "rejected" } else { word };
            println!("{name:46} {word:8} {why}");
            let shown = if arguments.verbose { trials.len() } else { 1 };
            for trial in trials.iter().take(shown).filter(|trial| trial.verdict == Verdict::Passed) {
                println!("{:55} {}", "", trial.note);
            }
        }
        if matches!(verdict, Verdict::Failed(_)) {
            eprintln!("FAILED {name}: {reason}\n  replay: kernels mutants --filter {name}{}", arguments.adapter_arguments());
        }
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "adapter": device.report(), "mutants": lines, "summary": tally }));
    }
    Ok(tally)
}

/// Returns what the trials of a mutant come to: it passes where every variant that this adapter runs rejects it.
fn verdict(device: &Device, mutant: &Mutant, broken: &[Broken], trials: &[CheckResult]) -> Verdict {
    let mut failures: Vec<String> = Vec::new();
    for trial in trials {
        if let Verdict::Failed(reason) = &trial.verdict {
            failures.push(format!("{}: {reason}", trial.part));
        }
    }
    let mut reason_to_skip = None;
    for broken in broken.iter().filter(|broken| !mutant.excepts(broken)) {
        let label = broken.label();
        match missing(device, broken.variant) {
            Some(reason) => reason_to_skip = Some(reason),
            None if !trials.iter().any(|trial| trial.part == label) => failures.push(format!("{label}: has no cases")),
            None => {}
        }
    }
    match (failures.is_empty(), trials.is_empty(), reason_to_skip) {
        (false, ..) => Verdict::Failed(failures.join("; ")),
        (true, true, reason) => Verdict::Skipped(reason.unwrap_or("every variant is an exception").to_string()),
        (true, false, _) => Verdict::Passed,
    }
}
