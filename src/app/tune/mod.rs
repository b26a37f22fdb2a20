//! Autotuning: chooses variants by measurement.
//!
//! The candidates for a shape are the variants that compute it and that the profile of some device class ships. A candidate must
//! agree with its f64 reference on this adapter; the fastest of those that do wins.
//!
//! The winners are a table for one adapter and driver, with provenance. It is kept in a file in the user's cache folder
//! ([`Store`]) and takes precedence over the table of the device class. If a winner's shader has been edited since, the shipped
//! variant is used until the shape is tuned again.

mod measure;
mod reference;
mod store;
mod tuner;

pub use measure::{Candidate, Comparison, Verdict, candidate_plan, compare_candidates};
pub use store::{Entry, Store, StoreError, cache_folder, content};
pub use tuner::{Tuned, TunerOptions, model_shapes, tune};
