//! A part of a batch: the samples of one pass on the GPU.

use super::augmentation::Augmentation;
use super::features::FeatureTable;
use super::feed::Feed;
use crate::nn::training::NetworkShape;
use crate::nn::{ModelError, StoredImage};
use crate::ops::padded_channels;
use crate::plan::View;
use crate::profiles::Device;
use crate::scheduler::Program;

/// The samples of a part of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    /// Rows of features, or normalised pixels of three channels.
    Values(&'a [f32]),
    /// Rows of a table of features.
    Rows(&'a FeatureTable, &'a [u32]),
    /// Images, and the transform of each.
    Images(&'a [StoredImage<'a>], &'a [Augmentation]),
}

/// A part of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The samples.
    pub samples: Samples<'a>,
    /// Labels from 0 to 1, shape \[samples, attributes\].
    pub labels: &'a [f32],
    /// Weight of each label in the loss, shape \[samples, attributes\]. It is given if and only if the session is weighted.
    pub weights: Option<&'a [f32]>,
    /// Dropout mask with 1 for each hidden value that is kept, shape \[samples, hidden\], if masks are given.
    pub mask: Option<&'a [u8]>,
    /// The epoch, starting at 0: a key of the dropout masks.
    pub epoch: u32,
    /// Index in the epoch of the first sample: a key of the dropout masks.
    pub first_sample: u32,
    /// Index of this part's loss in the list of losses.
    pub position: u32,
    /// Whether this is the first part of its batch.
    pub first: bool,
    /// Share of this part in its batch.
    pub weight: f32,
}

/// Writes `samples` to the input of the program's network.
///
/// # Errors
/// Images are given to a program that takes values, or the device fails.
pub(super) fn write_samples(
    device: &Device,
    network: &NetworkShape,
    program: &Program,
    feed: &mut Option<Feed>,
    input: View,
    samples: Samples,
) -> Result<(), ModelError> {
    match (samples, feed) {
        (Samples::Images(images, augmentations), Some(feed)) => feed.run(device, images, augmentations),
        (Samples::Values(values), _) => {
            let width = if network.network.reads_images() { 3 } else { network.head().features };
            program.write(device, input, bytemuck::cast_slice(&padded(values, width)));
            Ok(())
        }
        (Samples::Rows(table, rows), _) => {
            program.write(device, input, bytemuck::cast_slice(&padded_rows(table, rows)));
            Ok(())
        }
        (Samples::Images(..), None) => Err(ModelError::NoNormalisation),
    }
}

/// Returns some rows of a table, each padded with zeros to a multiple of four values.
///
/// # Panics
/// If the table has no such row.
pub(super) fn padded_rows(table: &FeatureTable, rows: &[u32]) -> Vec<f32> {
    let values: Vec<f32> = rows.iter().flat_map(|row| table.row(*row as usize)).copied().collect();
    padded(&values, table.features() as u32)
}

/// Pads each row of `width` values with zeros to a multiple of four values.
pub(super) fn padded<T: Copy + Default>(rows: &[T], width: u32) -> Vec<T> {
    let (width, stride) = (width as usize, padded_channels(width) as usize);
    let mut padded = vec![T::default(); rows.len() / width.max(1) * stride];
    for (to, from) in padded.chunks_exact_mut(stride).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    padded
}

/// Returns the values of a \[rows, columns\] matrix whose rows are padded.
pub(super) fn unpadded(values: &[f32], [rows, columns]: [u32; 2]) -> Vec<f32> {
    let stride = padded_channels(columns) as usize;
    values.chunks_exact(stride).take(rows as usize).flat_map(|row| &row[..columns as usize]).copied().collect()
}
