//! Reads the CelebA data set: its lists, and its images in the folders or archives in which it is distributed.

mod layout;
mod lists;

pub use layout::{is_celeba, open_celeba};
pub(super) use lists::attributes_of;
pub use lists::{AttributeList, PartitionList, join_partition, read_attributes, read_partition};
