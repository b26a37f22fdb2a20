//! Verdicts, how they are counted, and the results of comparing with golden data.

use std::fmt;

/// Whether a fixture held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// Why not.
    Failed(String),
    /// Why it was not run.
    Skipped(String),
}

impl Verdict {
    /// The word for it, and the reason where there is one.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Verdict::Passed => ("passed", ""),
            Verdict::Failed(reason) => ("failed", reason),
            Verdict::Skipped(reason) => ("skipped", reason),
        }
    }
}

/// How many passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// As they should be.
    pub passed: usize,
    /// Not as they should be.
    pub failed: usize,
    /// Not run.
    pub skipped: usize,
}

impl Tally {
    /// Adds one verdict.
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

/// One line of the report: one tensor (or one behaviour) of one fixture.
#[derive(Debug, Clone)]
pub struct FixtureResult {
    /// The fixture's file, from the golden folder.
    pub fixture: String,
    /// The tensor compared, or `behaviour` where a file must be refused.
    pub tensor: String,
    /// Σ(actual - expected)² / Σ expected²; 0 where nothing is compared by number.
    pub nmse: f64,
    /// The largest |actual - expected|; 0 where nothing is compared by number.
    pub max_abs: f64,
    /// What was asked for.
    pub bound: String,
    pub verdict: Verdict,
}

impl FixtureResult {
    /// A result without numbers.
    pub fn behaviour(fixture: &str, bound: &str, verdict: Verdict) -> Self {
        let (fixture, tensor, bound) = (fixture.to_owned(), "behaviour".to_owned(), bound.to_owned());
        Self { fixture, tensor, nmse: 0.0, max_abs: 0.0, bound, verdict }
    }

    /// Compares element by element, allowing `largest` between any two. Lengths that differ fail, and so does any NaN.
    pub fn within(fixture: &str, tensor: &str, actual: &[f64], expected: &[f64], largest: f64) -> Self {
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
        Self {
            fixture: fixture.to_owned(),
            tensor: tensor.to_owned(),
            nmse: if error == 0.0 { 0.0 } else { error / size },
            max_abs,
            bound: format!("max abs ≤ {largest}"),
            verdict,
        }
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
            let result = FixtureResult::within("f", "t", actual, &[1.0, 2.0], largest);
            assert_eq!(result.verdict == Verdict::Passed, passes, "{result:?}");
        }
        assert_eq!(FixtureResult::within("f", "t", &[1.0, 2.5], &[1.0, 2.0], 1.0).nmse, 0.05);
    }
}
