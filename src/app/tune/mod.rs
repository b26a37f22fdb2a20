//! Autotuning: chooses variants by measurement.
//!
//! The candidates for a shape are the variants that compute it and that some device class ships. A candidate must first agree with
//! its f64 reference on this adapter. The fastest of the others wins.
//!
//! The winners are a table of their own for one adapter and driver, with provenance, which is kept in a file of the user's cache
//! folder ([`Store`]). They take precedence over the table of the device class. Where a winner's shader was edited since, the
//! shipped variant is used until the shape is tuned again.

mod measure;
mod reference;
mod store;
mod tuner;

pub use measure::{Candidate, Comparison, Verdict, compare_candidates};
pub use store::{Entry, Store, StoreError, cache_folder, content};
pub use tuner::{Tuned, TunerOptions, tune};
