//! The shapes each kernel is tested and timed on, one file a kernel.

mod pointwise;

use crate::case::{Case, Context};

/// Every case of every kernel on an adapter.
pub fn all(context: Context) -> Vec<Case> {
    [pointwise::cases].into_iter().flat_map(|cases| cases(context)).collect()
}
