//! `kernels mutants`: broken shaders, each of which the test cases must reject. A comparator that cannot fail is a defect.
//!
//! A mutant is a small text file: `kernel: NAME`, `why: WORDS`, then pairs of lines, `- ` a line of the kernel's unexpanded
//! shader and `+ ` what takes its place. Blanks around a line do not count; a line found several times is replaced everywhere.

use lineament::device::DeviceError;
use lineament::ops;
use lineament::plan::Kernel;
use lineament::profiles::Device;

use crate::cases;
use crate::commands::arguments::{CommonArguments, context};
use crate::commands::test::missing;
use crate::harness::case::Purpose;
use crate::harness::outcome::Tally;
use crate::harness::outcome::Verdict;
use crate::harness::run_case::run_case;

/// Name and text of every file in `kernels-tests/mutants`, in order.
const ALL: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// Why a mutant cannot be put to the test.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum MutantError {
    /// The file does not follow the format.
    #[error("mutant {mutant}, line {line}: {reason}; a mutant is `kernel: NAME`, `why: WORDS`, then `- line` and `+ line` pairs")]
    Malformed {
        /// Name of the file.
        mutant: String,
        /// Line in it, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is no such kernel.
    #[error("mutant {mutant}: there is no kernel `{kernel}`")]
    NoSuchKernel {
        /// Name of the file.
        mutant: String,
        /// What it names.
        kernel: String,
    },
    /// The line to replace is not in the shader.
    #[error("mutant {mutant}: kernel {kernel} has no line `{line}`; the shader has changed, so change the mutant")]
    NoSuchLine {
        /// Name of the file.
        mutant: String,
        /// The kernel.
        kernel: String,
        /// The line.
        line: String,
    },
}

/// A broken shader.
#[derive(Debug)]
struct Mutant {
    kernel: &'static Kernel,
    why: String,
    source: String,
}

/// Reads a mutant and breaks its kernel's shader.
fn parse(name: &'static str, text: &str) -> Result<Mutant, MutantError> {
    let malformed =
        |line: usize, reason: &str| MutantError::Malformed { mutant: name.to_string(), line, reason: reason.to_string() };
    let (mut kernel, mut why, mut pairs, mut removed) = (None, None, Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(rest) = line.strip_prefix("kernel:") {
            kernel = Some(rest.trim());
        } else if let Some(rest) = line.strip_prefix("why:") {
            why = Some(rest.trim().to_string());
        } else if let Some(rest) = line.strip_prefix('-') {
            if removed.replace(rest.trim()).is_some() {
                return Err(malformed(number, "two `-` lines in a row"));
            }
        } else if let Some(rest) = line.strip_prefix('+') {
            let from = removed.take().ok_or_else(|| malformed(number, "a `+` line without its `-` line"))?;
            pairs.push((from, rest.trim()));
        } else {
            return Err(malformed(number, "a line of no known kind"));
        }
    }
    let last = text.lines().count();
    let kernel = kernel.ok_or_else(|| malformed(last, "no `kernel:` line"))?;
    let why = why.ok_or_else(|| malformed(last, "no `why:` line"))?;
    if removed.is_some() || pairs.is_empty() {
        return Err(malformed(last, "a `-` line without its `+` line, or no pair at all"));
    }
    let no_kernel = || MutantError::NoSuchKernel { mutant: name.to_string(), kernel: kernel.to_string() };
    let kernel = ops::ALL.iter().find(|known| known.name == kernel).ok_or_else(no_kernel)?;
    let source = replace(name, kernel, &pairs)?;
    Ok(Mutant { kernel, why, source })
}

fn replace(mutant: &str, kernel: &Kernel, pairs: &[(&str, &str)]) -> Result<String, MutantError> {
    let mut lines: Vec<&str> = kernel.source.lines().collect();
    for (from, to) in pairs {
        let mut found = false;
        for line in lines.iter_mut().filter(|line| line.trim() == *from) {
            (*line, found) = (to, true);
        }
        if !found {
            let line = from.to_string();
            return Err(MutantError::NoSuchLine { mutant: mutant.to_string(), kernel: kernel.name.to_string(), line });
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Runs the cases of every mutant's kernel with the broken shader; a mutant that no case rejects is a failure.
///
/// # Errors
/// The adapter does not open.
pub fn run(arguments: &CommonArguments) -> Result<Tally, DeviceError> {
    let device = arguments.open()?;
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for (name, text) in ALL.iter().filter(|(name, _)| arguments.wants(name)) {
        let (why, verdict, caught) = match parse(name, text) {
            Err(error) => (String::new(), Verdict::Failed(error.to_string()), String::new()),
            Ok(mutant) => match check(&device, &mutant) {
                Ok(caught) => (mutant.why, Verdict::Passed, caught),
                Err(verdict) => (mutant.why, verdict, String::new()),
            },
        };
        tally.add(&verdict);
        let (word, reason) = verdict.words();
        if arguments.json {
            lines.push(serde_json::json!({ "mutant": name, "why": why, "verdict": word, "reason": reason, "caught_by": caught }));
        } else {
            let word = if verdict == Verdict::Passed { "rejected" } else { word };
            println!("{name:46} {word:8} {why}\n{:55} {caught}{reason}", "");
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

/// The case that rejects a mutant and its reason, or why none does.
fn check(device: &Device, mutant: &Mutant) -> Result<String, Verdict> {
    let lacking = mutant.kernel.variants.iter().map(|variant| missing(device, variant));
    if let Some(Some(reason)) = lacking.reduce(|one, other| one.and(other)) {
        return Err(Verdict::Skipped(reason.to_string()));
    }
    let mut tried = 0;
    for cases in cases::ALL {
        for mut case in cases(context(device, Purpose::Test)) {
            if case.purpose != Purpose::Test || case.kernel != mutant.kernel.name {
                continue;
            }
            tried += 1;
            case.plan.replace_source(mutant.kernel.name, mutant.source.clone().into());
            // A shader that does not compile shows nothing about the cases.
            let outputs = run_case(device, &case).map_err(|error| Verdict::Failed(error.to_string()))?;
            let fault = outputs.iter().find_map(|output| output.comparison.fault.as_ref());
            if let Some(fault) = fault {
                return Ok(format!("{}: {fault}", case.label()));
            }
        }
    }
    Err(Verdict::Failed(format!("survived {tried} cases: {}", mutant.why)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineament::wgsl::reflect;

    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/mutants");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".mutant")?.to_string()))
            .collect();
        files.sort();
        assert_eq!(ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), files);
    }

    #[test]
    fn every_mutant_differs_from_its_kernel_and_is_valid() {
        for (name, text) in ALL {
            let mutant = parse(name, text).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(mutant.source, mutant.kernel.source, "{name} changes nothing");
            for variant in mutant.kernel.variants {
                let source =
                    reflect::source(&Kernel { source: mutant.source.clone().leak(), ..mutant.kernel.clone() }, variant, 8);
                let source = source.unwrap_or_else(|error| panic!("{name}: {error}"));
                reflect::validate(mutant.kernel.name, &source).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn mistakes_in_a_mutant_are_named() {
        let line = "var sum = vec4<f32>();";
        for (text, message) in [
            (format!("kernel: pool\nwhy: x\n- {line}\n+ y\n"), "no kernel `pool`"),
            (format!("kernel: global_average_pool\n- {line}\n+ y\n"), "no `why:` line"),
            ("kernel: global_average_pool\nwhy: x\n- nowhere\n+ y\n".into(), "no line `nowhere`"),
            (format!("kernel: global_average_pool\nwhy: x\n- {line}\n"), "without its `+` line"),
            ("kernel: global_average_pool\nwhy: x\n+ y\n".into(), "line 3: a `+` line without its `-` line"),
            ("kernel: global_average_pool\nwhy: x\n".into(), "no pair at all"),
            ("cernel: x\n".into(), "line 1: a line of no known kind"),
        ] {
            let error = parse("example", &text).unwrap_err().to_string();
            assert!(error.contains(message), "`{error}` does not say `{message}`");
        }
    }
}
