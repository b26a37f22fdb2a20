//! What a golden fixture's check says of one tensor.

/// The outcome for one tensor of one fixture.
#[derive(Debug, Clone)]
pub struct FixtureResult {
    /// The fixture's file name.
    pub fixture: String,
    /// The tensor's name in the file.
    pub tensor: String,
    /// Normalised mean squared error.
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
    /// The bound, in words.
    pub bound: String,
    /// Passed, failed or skipped, and why.
    pub verdict: Verdict,
}

/// Passed, failed or skipped.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Within the bound.
    Passed,
    /// Outside it, or something went wrong.
    Failed(String),
    /// Not built yet, by name.
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
