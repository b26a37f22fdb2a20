//! The result of a check, and how results are counted. Every command reports with these types.

use std::fmt;

use super::run_case::OutputResult;

/// Whether a check held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not hold, and why.
    Failed(String),
    /// It was not run, and why.
    Skipped(String),
}

impl Verdict {
    /// Returns the word for it, and the reason, which is empty where the check passed.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Verdict::Passed => ("passed", ""),
            Verdict::Failed(reason) => ("failed", reason),
            Verdict::Skipped(reason) => ("skipped", reason),
        }
    }
}

/// How many checks passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Checks that held.
    pub passed: usize,
    /// Checks that did not hold.
    pub failed: usize,
    /// Checks that were not run.
    pub skipped: usize,
}

impl Tally {
    /// Counts one verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(_) => self.skipped += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The result of one check: a case, a tensor of golden data, a variant, or a mutant in a variant.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// What was checked: kernel and variant, a file of golden data, or a mutant.
    pub subject: String,
    /// The part of it: a case, a tensor, or a variant.
    pub part: String,
    /// Σ(actual − expected)² / Σ expected², the largest of the outputs; 0 where no numbers are compared.
    pub nmse: f64,
    /// The largest |actual − expected|; 0 where no numbers are compared.
    pub max_abs: f64,
    /// The bound in words, or the case that rejected a mutant.
    pub note: String,
    /// Whether the check held.
    pub verdict: Verdict,
    /// The outputs of a case; empty for other checks.
    pub outputs: Vec<OutputResult>,
}

impl CheckResult {
    /// Returns a result without numbers.
    pub fn new(subject: &str, part: &str, verdict: Verdict) -> CheckResult {
        let (subject, part) = (subject.to_string(), part.to_string());
        CheckResult { subject, part, nmse: 0.0, max_abs: 0.0, note: String::new(), verdict, outputs: Vec::new() }
    }

    /// Returns the result of how a file of golden data was read or refused.
    pub fn behaviour(subject: &str, note: &str, verdict: Verdict) -> CheckResult {
        CheckResult { note: note.to_string(), ..CheckResult::new(subject, "behaviour", verdict) }
    }

    /// Returns what `--filter` selects by and what replays a failure: subject and part.
    pub fn label(&self) -> String {
        format!("{} {}", self.subject, self.part).trim_end().to_string()
    }

    /// Compares element by element and allows a difference of `largest`. Different lengths and NaN fail.
    pub fn within(subject: &str, part: &str, actual: &[f64], expected: &[f64], largest: f64) -> CheckResult {
        let differences = actual.iter().zip(expected).map(|(actual, expected)| actual - expected);
        let error: f64 = differences.clone().map(|difference| difference * difference).sum();
        let size: f64 = expected.iter().map(|value| value * value).sum();
        // `f64::max` would drop a NaN.
        let max_abs = differences.map(f64::abs).fold(0.0, |most, next| if next > most || next.is_nan() { next } else { most });
        let verdict = if actual.len() != expected.len() {
            Verdict::Failed(format!("{} values where {} are expected", actual.len(), expected.len()))
        } else if max_abs <= largest {
            Verdict::Passed
        } else {
            Verdict::Failed(format!("differs by {max_abs}"))
        };
        let nmse = if error == 0.0 { 0.0 } else { error / size };
        CheckResult { nmse, max_abs, note: format!("max abs ≤ {largest}"), ..CheckResult::new(subject, part, verdict) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_fails_on_length_difference_and_nan() {
        let cases: [(&[f64], f64, bool); 5] = [
            (&[1.0, 2.0], 0.0, true),
            (&[1.0, 2.5], 0.5, true),
            (&[1.0, 2.5], 0.4, false),
            (&[1.0], 1.0, false),
            (&[f64::NAN, 2.0], 9.0, false),
        ];
        for (actual, largest, passes) in cases {
            let result = CheckResult::within("f", "t", actual, &[1.0, 2.0], largest);
            assert_eq!(result.verdict == Verdict::Passed, passes, "{result:?}");
        }
        assert_eq!(CheckResult::within("f", "t", &[1.0, 2.5], &[1.0, 2.0], 1.0).nmse, 0.05);
    }
}
