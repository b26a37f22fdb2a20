//! Training of a network or only its head, with checkpoints and history.
//!
//! Every random number is a function of the seed and of its purpose ([`random`](crate::nn::random)). So a run gives the same
//! bytes each time on the same adapter, and a run that was stopped and resumed gives the bytes of an uninterrupted one.

mod augmentation;
mod batches;
mod checkpoint;
mod error;
mod extract;
pub mod features;
mod feed;
mod fingerprint;
mod footprint;
mod history;
mod part;
mod predict;
mod row_marks;
mod run;
mod samples;
mod session;
mod session_evaluation;
mod settings;
mod variants;

pub use augmentation::{Augmentation, AugmentationRanges, DRAWS};
pub(super) use checkpoint::checkpoint_in;
pub use checkpoint::{BEST, HISTORY, LAST, write_model};
pub use error::TrainError;
pub use extract::{ExtractError, FeatureSource, extract_features};
pub use features::{FeatureCache, FeatureError, FeatureIdentity, FeatureTable};
pub use history::EpochRecord;
pub use part::{Part, Samples};
pub use predict::predict_rows;
pub use run::{Progress, Run, TrainedNetwork, train_network};
pub use samples::{SampleSource, TrainingData};
pub use session::{Masks, NetworkSession, SessionShape};
pub use settings::{ClassWeights, TrainingSettings};
pub use variants::{augmented_variants, sheet_of};

#[cfg(test)]
mod tests;
