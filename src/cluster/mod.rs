//! Grouping faces by their attributes, and the result of it as a file.

mod result;

pub use result::{ClusterResult, ClusterResultError};
