//! Lineament: facial-attribute prediction and clustering on any GPU.
//!
//! The crate reproduces "Transfer Learning for Facial Attributes Prediction and Clustering" (Anzalone et al., 2019)
//! directly on wgpu with hand-written WGSL kernels (GPU programs). This page lists what most programs need. Every use case takes
//! options with defaults, tells what it does as [events](app::Event), can be [cancelled](app::Cancellation), and returns its
//! result as a value.
//!
//! ```no_run
//! use lineament::app::{ClusterRows, Context, PredictionOptions, RowOptions, model_path};
//! use lineament::{AdapterRequest, Clusterer, Device, KMeans, Method, Model, Predictor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::open(&AdapterRequest::default())?;
//! let model = Model::open(&model_path(None, "mobilenet_v2_celeba.safetensors")?, None)?;
//! let images = lineament::data::find_images(&["photographs".into()])?.images;
//! let predictions = Predictor::new(&device, &model, PredictionOptions::default())?.predict(&images)?;
//! predictions.table.write("attributes.csv".as_ref())?;
//! let rows = ClusterRows::new(predictions.table, &RowOptions::default(), &Context::default())?;
//! let kmeans = KMeans { k: 8, n_init: 10, seed: 0, tolerance: 1e-4, iterations: 300, initial: None };
//! let clusters = Clusterer::new(&device, Method::Kmeans(kmeans), 8).cluster(rows)?;
//! println!("silhouette {:?} of clusters of {:?} images", clusters.silhouette, clusters.sizes);
//! # Ok(())
//! # }
//! ```
//!
//! Three longer examples lie in `tools/examples`: `predict_folder`, `train_head` and `cluster_rows`.
//!
//! # Layers
//!
//! Modules form layers, and each imports only from layers to its right: `cli` (the program), [`app`], [`report`], [`evaluation`],
//! [`cluster`], [`nn`], [`data`], [`ops`], [`profiles`], [`scheduler`], [`device`], [`wgsl`], [`plan`]. What this page
//! re-exports, and what [`app`], [`data`], [`cluster`], [`evaluation`] and [`report`] offer, is meant to stay as it is. [`nn`],
//! [`ops`] and what stands to the right of [`ops`] are for kernel authors and may change with any version.
//!
//! # Features
//!
//! `cli`, on by default, builds the program `lineament` and brings its dependencies. A library takes `default-features = false`.

#![warn(missing_docs)]

pub mod app;
pub mod cluster;
// The documentation of each error variant explains its fields.
#[allow(missing_docs)]
pub mod data;
pub mod device;
pub mod evaluation;
pub mod nn;
// The 64-bit references take the same operands as their kernels, where these are documented.
#[allow(missing_docs)]
pub mod ops;
pub mod plan;
pub mod profiles;
pub mod report;
pub mod scheduler;
pub mod wgsl;

#[cfg(test)]
mod layers;
#[cfg(test)]
mod testing;

#[doc(inline)]
pub use app::{
    Cancellation, Clusterer, Context, Error, Evaluator, Event, FaceFinder, Observer, Predictor, Report, Reproduction, Trainer,
};
#[doc(inline)]
pub use cluster::{CountedRows, KMeans, Method, silhouette};
#[doc(inline)]
pub use device::AdapterRequest;
#[doc(inline)]
pub use nn::Model;
#[doc(inline)]
pub use profiles::Device;
