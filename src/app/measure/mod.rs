//! Measures where time goes: the plans of a prediction or a training step, timed step by step and compared with the adapter's
//! limits.

mod bench;
mod ceilings;
mod profile;
mod roofline;
mod search;
mod table;
mod timing;
mod trace;
mod traffic;
mod workload;

pub use bench::{BenchError, RowKind, Schedule, Task, Timings, peak_resident_bytes};
pub use ceilings::{Bound, Ceilings};
pub use profile::{Group, Profile, StepProfile};
pub use roofline::{roofline_page, roofline_svg};
pub use table::{to_csv, to_text};
pub use timing::{Spread, repeat, runs, step_seconds, wall_seconds};
pub use trace::to_trace;
pub use traffic::Traffic;
pub use workload::{Extent, SharedTensor, Workload, WorkloadDocument, WorkloadOptions, refuse_f16};
