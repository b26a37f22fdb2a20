//! Lineament: facial-attribute prediction and clustering on any GPU.
//!
//! The crate reproduces "Transfer Learning for Facial Attributes Prediction and Clustering" (Anzalone et al., 2019)
//! directly on wgpu with hand-written WGSL kernels. Modules form layers, and imports point downwards only: [`app`], [`report`],
//! [`evaluation`], [`cluster`], [`nn`], [`data`], [`ops`], [`profiles`], [`scheduler`], [`device`], [`wgsl`], [`plan`].

pub mod app;
pub mod cluster;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod nn;
pub mod ops;
pub mod plan;
pub mod profiles;
pub mod report;
pub mod scheduler;
pub mod wgsl;

#[cfg(test)]
mod layers;
