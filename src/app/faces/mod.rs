//! Faces in photographs: finding them, and choosing and cutting out those that a use case works on.

mod aligned;
mod cut;
mod dataset;
mod finder;
mod levels;
mod sheet;

pub(super) use aligned::look_at_pictures;
pub(super) use cut::Cut;
pub use cut::{FaceCutter, FaceSelection};
pub use dataset::align_dataset;
pub(super) use dataset::largest_faces;
pub use finder::{FaceFinder, FaceOptions, FoundFace};
pub use sheet::FaceSheet;
