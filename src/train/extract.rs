//! Running the backbone over all images of a data set, into the cache.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::features::{FeatureCache, FeatureError, FeatureIdentity, FeatureTable};
use crate::data::prefetch::decoding_threads;
use crate::data::{DecodeError, decode_ahead};
use crate::gpu::Gpu;
use crate::kernels::Interpolation;
use crate::model::{Model, ModelError, Top};

/// Why features could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] FeatureError),
    /// An image of the data cannot be decoded.
    #[error("{0}; or take it out of the label list")]
    Image(#[from] DecodeError),
    /// The network cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The user stopped it.
    #[error("stopped after {done} of {total} images; the same command goes on from there")]
    Interrupted {
        /// Rows on disk.
        done: u64,
        /// Rows wanted.
        total: usize,
    },
}

/// Where features come from.
pub struct FeatureSource<'a> {
    /// The model whose backbone is run; what follows it does not matter.
    pub model: &'a Model,
    /// The images in the order of the data.
    pub images: &'a [PathBuf],
    /// Their names in the same order.
    pub names: &'a [String],
    /// Images a batch; it does not change a bit of the result.
    pub batch: u32,
    /// How images are resized.
    pub interpolation: Interpolation,
}

/// Reads the features kept in `folder`, computing what is missing; `progress` hears how many rows are done.
///
/// # Errors
/// [`ExtractError`]: a cache of other weights or images, an image that does not decode, a full disk, or `stop` was set.
/// What was computed stays on disk.
pub fn extract_features(
    gpu: &Gpu,
    source: &FeatureSource,
    folder: &Path,
    stop: &AtomicBool,
    mut progress: impl FnMut(u64),
) -> Result<FeatureTable, ExtractError> {
    let total = source.images.len();
    // With its length, a picture that was replaced under its old name is noticed too; a missing one fails when it is decoded.
    let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
    let files: Vec<String> =
        source.names.iter().zip(source.images).map(|(name, path)| format!("{name} {}", length(path))).collect();
    let identity = FeatureIdentity {
        weights_sha256: source.model.files.first().map_or(String::new(), |(_, hash)| hash.clone()),
        data_sha256: FeatureIdentity::of_names(files.iter().map(String::as_str)),
        images: total as u64,
        features: source.model.backbone.features(),
        size: source.model.size,
        interpolation: format!("{:?}", source.interpolation).to_lowercase(),
    };
    let mut cache = FeatureCache::open(folder, &identity)?;
    let mut backbone = source.model.clone();
    backbone.top = Top::None;
    let mut runner = backbone.runner(gpu, source.batch, source.interpolation);
    let remaining = source.images[cache.done() as usize..].to_vec();
    let mut decoded = decode_ahead(remaining, decoding_threads(), 2 * source.batch as usize);
    progress(cache.done());
    while !cache.is_complete() {
        if stop.load(Ordering::SeqCst) {
            return Err(ExtractError::Interrupted { done: cache.done(), total });
        }
        let batch: Vec<_> = decoded.by_ref().take(source.batch as usize).map(|(_, image)| image).collect::<Result<_, _>>()?;
        cache.append(&runner.run(gpu, &batch.iter().collect::<Vec<_>>())?)?;
        progress(cache.done());
    }
    Ok(cache.read()?)
}
