//! Lineament: facial-attribute prediction and clustering on any GPU.
//!
//! The crate reproduces "Transfer Learning for Facial Attributes Prediction and Clustering" (Anzalone et al., 2019)
//! directly on wgpu with hand-written WGSL kernels. The flow is one way: the command line asks [`model`], [`train`] or
//! [`cluster`] for a [`scheduler::Plan`], the scheduler records it, and kernels run.

pub mod cluster;
pub mod data;
pub mod evaluation;
pub mod gpu;
pub mod kernels;
pub mod model;
pub mod profile;
pub mod report;
pub mod scheduler;
pub mod shader;
pub mod train;
pub mod tune;

// The f64 references are shared with the test program, where this crate has that name.
extern crate self as lineament;
