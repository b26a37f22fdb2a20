//! Where time goes: the plans of a prediction or a training step, timed step by step beside what the adapter can do at best.

mod bench;
mod ceilings;
mod measure;
mod roofline;
mod table;
mod trace;
mod traffic;
mod workload;

pub use bench::{BenchError, RowKind, Schedule, Task, Timings, peak_resident_bytes};
pub use ceilings::{Bound, Ceilings};
pub use measure::{Group, Profile, StepProfile};
pub use roofline::{roofline_page, roofline_svg};
pub use table::{to_csv, to_text};
pub use trace::to_trace;
pub use traffic::Traffic;
pub use workload::{Extent, Workload};
