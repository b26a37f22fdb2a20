//! What predictions are worth: their metrics, beside the published figures and beside what guessing would reach.
//!
//! Everything here is plain arithmetic in f64 on probabilities and labels that lie in memory; definitions and their edge
//! cases (one class only, nothing predicted) are scikit-learn's.

mod aligned;
mod error;
mod findings;
mod half_precision;
mod loss_issue;
mod metrics;
mod mistakes;
pub mod published;
mod ranking;
mod reproduction;
mod result;
mod table_one;

pub use aligned::{Alignment, align};
pub use error::EvaluationError;
pub use findings::Found;
pub use half_precision::HalfPrecision;
pub use loss_issue::{AttributeOccurrence, AttributeOutcome, LossIssue, LossOutcome, RARE, RareOutcome};
pub use metrics::{AttributeMetrics, Means, Metrics};
pub use mistakes::{Mistake, confident_mistakes};
pub use ranking::{average_precision, roc_auc};
pub use reproduction::{Choice, Finding, Reproduction};
pub use result::Evaluation;
pub use table_one::{TableOne, TableOneRow};
