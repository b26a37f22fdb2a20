//! Training: the head on features of a frozen backbone, with its checkpoints and history.
//!
//! Every random number is a function of the seed and of what it is for ([`random`]), so a run gives the same bytes each time
//! on one adapter, and one that was stopped and resumed gives the bytes of an unbroken one.

mod augmentation;
mod checkpoint;
mod error;
mod extract;
pub mod features;
mod head;
mod history;
mod plan;
mod predict;
pub mod random;
mod session;
mod variants;

pub use augmentation::{Augmentation, AugmentationRanges, DRAWS};
pub use checkpoint::{BEST, HISTORY, LAST};
pub use error::TrainError;
pub use extract::{ExtractError, FeatureSource, extract_features};
pub use features::{FeatureCache, FeatureError, FeatureIdentity, FeatureTable};
pub use head::{HeadRun, Progress, TrainedHead, TrainingData, train_head};
pub use history::EpochRecord;
pub use plan::{HeadPlan, HeadShape, HeadTensors, HeadTraining, Masks};
pub use predict::predict_rows;
pub use session::{HeadSession, HeadState, Position};
pub use variants::{augmented_variants, sheet_of};

#[cfg(test)]
mod tests;
