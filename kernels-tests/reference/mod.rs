//! Plain f64 loops, one file a kernel: the formula as one would write it on paper, with no thought of speed.

pub mod pointwise;
