//! CelebA: its lists, and where they and the images lie in what one downloads.

mod layout;
mod lists;

pub use layout::{is_celeba, open_celeba};
pub(super) use lists::attributes_of;
pub use lists::{AttributeList, PartitionList, join_partition, read_attributes, read_partition};
