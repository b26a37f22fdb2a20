//! Choosing variants by measurement: each must first agree with its f64 reference on this adapter, and the fastest wins.
//!
//! Winners are kept in a file of the user's cache folder for each adapter and driver. An entry says which source its winner was
//! expanded to, so that a shader that was edited since is chosen as shipped until it is tuned again.

mod measure;
mod reference;
mod store;
mod tuner;

pub use measure::{Candidate, Comparison, Verdict, compare_candidates};
pub use store::{Entry, Store, StoreError, cache_folder, content};
pub use tuner::{Tuned, TunerOptions, tune};
