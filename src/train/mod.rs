//! Training: the backbone's features kept on disk, the head fitted to them, and the figures it reaches.

mod features;
mod metrics;

pub use features::{FeatureError, FeatureSource, Features, extract_features};
pub use metrics::{AttributeMetrics, Metrics};
