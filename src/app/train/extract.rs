//! Runs the backbone over all images of a data set and caches the features.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::features::{FeatureCache, FeatureError, FeatureIdentity, FeatureTable, UNREADABLE};
use crate::data::prefetch::decoding_threads;
use crate::data::source::versions;
use crate::data::{ImageSource, Rgb8Image, StoredOrientation, Unreadable, UnreadableImage, decode_ahead};
use crate::nn::{ImageRunner, Model, ModelError, StoredImage, Top};
use crate::ops::Interpolation;
use crate::profiles::Device;

/// Why the features could not be computed or read.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] FeatureError),
    /// An image cannot be decoded, and unreadable images are not left out.
    #[error(transparent)]
    Image(#[from] UnreadableImage),
    /// The network cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The user stopped the extraction.
    #[error("stopped after {done} of {total} images; run the same command again to continue")]
    Interrupted {
        /// Number of rows on disk.
        done: u64,
        /// Number of rows in total.
        total: usize,
    },
}

/// The model and the images whose features are computed.
pub struct FeatureSource<'a> {
    /// The model whose backbone is run. Its head is ignored.
    pub model: &'a Model,
    /// The images, in the order of the data.
    pub images: &'a [ImageSource],
    /// The names of the images, in the same order.
    pub names: &'a [String],
    /// Number of images in a batch. It does not affect the result.
    pub batch: u32,
    /// How images are resized.
    pub interpolation: Interpolation,
    /// What to do with the orientation that a camera stored.
    pub orientation: StoredOrientation,
}

/// Reads the features in `folder` and computes those that are missing. `progress` receives the number of completed rows.
///
/// `unreadable` says what to do with images that cannot be decoded. If they are left out, [`FeatureTable::unreadable`] lists
/// their rows. Each run tries to decode them again, and computes the rows of those that can now be decoded. It also computes the
/// rows of images whose content has changed, and rows that are damaged.
///
/// # Errors
/// [`ExtractError`] if the cache belongs to other weights or images, an image cannot be decoded and is not to be left out, the
/// disk is full, or `stop` was set. The completed rows stay on disk.
pub fn extract_features(
    device: &Device,
    source: &FeatureSource,
    folder: &Path,
    unreadable: &mut Unreadable,
    stop: &AtomicBool,
    mut progress: impl FnMut(u64),
) -> Result<FeatureTable, ExtractError> {
    let total = source.images.len();
    let identity = FeatureIdentity {
        weights_sha256: source.model.files.first().map_or(String::new(), |(_, hash)| hash.clone()),
        data_sha256: FeatureIdentity::of_names(source.names.iter().map(String::as_str)),
        images: total as u64,
        features: source.model.backbone.features(),
        size: source.model.size,
        interpolation: format!("{:?}", source.interpolation).to_lowercase(),
        orientation: source.orientation,
    };
    let mut cache = FeatureCache::open(folder, &identity)?;
    // Reading all images takes a fraction of the time of computing their features, and reveals images that were replaced.
    let versions = versions(source.images, stop, |_| ()).ok_or(ExtractError::Interrupted { done: cache.done(), total })?;
    let outdated = cache.outdated(&versions)?;
    let mut backbone = source.model.clone();
    backbone.top = Top::None;
    let mut runner = backbone.runner(device, source.batch, source.interpolation);
    let first = cache.done() as usize;
    let mut decoded =
        decode_ahead(source.images[first..].to_vec(), decoding_threads(), 2 * source.batch as usize, source.orientation);
    progress(cache.done());
    while !cache.is_complete() {
        if stop.load(Ordering::SeqCst) {
            return Err(ExtractError::Interrupted { done: cache.done(), total });
        }
        let batch = decoded.by_ref().take(source.batch as usize).map(|(index, image)| unreadable.admit(first + index, image));
        let batch = batch.collect::<Result<Vec<_>, _>>()?;
        let (first, count) = (cache.done() as usize, batch.len());
        let values = rows(device, &mut runner, batch, identity.features as usize)?;
        cache.append(&values, &versions[first..first + count])?;
        progress(cache.done());
    }

    for row in outdated {
        let image = unreadable.admit(row as usize, source.images[row as usize].decode(source.orientation))?;
        let values = rows(device, &mut runner, vec![image], identity.features as usize)?;
        cache.replace(row, &values, &versions[row as usize])?;
    }
    let mut table = cache.read()?;
    let mut recovered = false;
    for row in table.unreadable() {
        if !unreadable.has_skipped(row)
            && let Some(image) = unreadable.admit(row, source.images[row].decode(source.orientation))?
        {
            let values = rows(device, &mut runner, vec![Some(image)], identity.features as usize)?;
            cache.replace(row as u64, &values, &versions[row])?;
            recovered = true;
        }
    }
    if recovered {
        table = cache.read()?;
    }
    Ok(table)
}

/// Returns a row for each image of a batch, in order. The row of a missing image is filled with [`UNREADABLE`].
fn rows(
    device: &Device,
    runner: &mut ImageRunner,
    batch: Vec<Option<Rgb8Image>>,
    features: usize,
) -> Result<Vec<f32>, ModelError> {
    let is_there: Vec<bool> = batch.iter().map(Option::is_some).collect();
    let images: Vec<StoredImage> = batch.into_iter().flatten().map(|image| runner.stored(image)).collect();
    let started = runner.start_stored(device, &images, &[])?;
    let computed = runner.finish(device, started)?;
    let mut computed = computed.chunks_exact(features);
    let blank = vec![f32::from_bits(UNREADABLE); features];
    let row = |is_there: bool| is_there.then(|| computed.next()).flatten().unwrap_or(&blank).to_vec();
    Ok(is_there.into_iter().flat_map(row).collect())
}
