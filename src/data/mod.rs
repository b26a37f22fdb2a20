//! Reads and writes the user's data: images, label lists, attribute tables and zip archives.

pub mod archive;
pub mod atomic;
pub mod attributes;
pub mod celeba;
mod crop;
pub mod dataset;
pub mod decode;
pub mod error;
mod face_mark;
pub mod folder;
pub(crate) mod json;
pub mod labels;
pub mod prefetch;
pub mod source;
pub mod table;
pub(crate) mod text;
pub mod unreadable;
mod whole_png;

pub use atomic::write_atomically;
pub use celeba::open_celeba;
pub use crop::Crop;
pub use dataset::{Dataset, Partition};
pub use decode::{DecodeError, Rgb8Image, decode};
pub use error::DataError;
pub use face_mark::{FaceMark, write_face_marks};
pub use prefetch::{Prefetch, decode_ahead};
pub use source::ImageSource;
pub use table::AttributeTable;
pub use unreadable::{Unreadable, UnreadableImage};
