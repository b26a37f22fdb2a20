//! Metrics of predictions, compared with the published results and with guessing.
//!
//! Everything in this module is plain f64 arithmetic on probabilities and labels in memory. The definitions are those of
//! scikit-learn, including the edge cases in which only one class occurs or nothing is predicted.

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
mod text_table;

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
