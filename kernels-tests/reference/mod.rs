//! Plain f64 loops, one file a kernel: the formula as one would write it on paper, with no thought of speed.

pub mod depthwise;
pub mod fused_multiply_add;
pub mod global_average_pool;
pub mod pointwise;
pub mod resize_normalise;
pub mod stem;
pub mod stream;
