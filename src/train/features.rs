//! The backbone's features of every image, computed once and kept beside the run.
//!
//! Two files: `features.json` says what they are features of, `features.f32` holds the rows, little-endian, in the order
//! of the data. Rows are appended batch by batch, so an interrupted extraction goes on where it stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::prefetch::decoding_threads;
use crate::data::{DataError, DecodeError, decode_ahead, write_atomically};
use crate::gpu::Gpu;
use crate::kernels::Interpolation;
use crate::model::{Model, ModelError, Top};

/// Why features could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The cache is of other weights or data.
    #[error("{}: holds features of {what}; remove it and features.f32 beside it, or train into another folder", path.display())]
    Stale {
        /// `features.json`.
        path: PathBuf,
        /// What differs: expected and found.
        what: String,
    },
    /// The cache cannot be read or written.
    #[error("{}: {source}; check the path, its permissions and the free space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `features.json` is not ours.
    #[error("{}: not a description of features: {source}; remove it and start again", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// An image of the data cannot be decoded.
    #[error("{0}; or take it out of the label list")]
    Image(#[from] DecodeError),
    /// The description cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The user stopped it.
    #[error("stopped after {done} of {total} images; the same command goes on from there")]
    Interrupted {
        /// Rows on disk.
        done: usize,
        /// Rows wanted.
        total: usize,
    },
}

/// What features are of: whatever differs here makes a cache useless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Description {
    format: String,
    weights_sha256: String,
    data_sha256: String,
    images: usize,
    features: u32,
    size: u32,
    interpolation: Interpolation,
}

/// Name of the format, with its version.
const FORMAT: &str = "lineament features 1";

/// Where features come from.
pub struct FeatureSource<'a> {
    /// The model whose backbone is run; what follows it does not matter.
    pub model: &'a Model,
    /// The images in the order of the data.
    pub images: &'a [PathBuf],
    /// Images a batch; it does not change a bit of the result.
    pub batch: u32,
    /// How images are resized.
    pub interpolation: Interpolation,
}

/// Features of all images.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Values an image.
    pub width: usize,
    /// \[images, width\], row-major.
    pub values: Vec<f32>,
}

impl FeatureSource<'_> {
    fn describe(&self) -> Result<Description, FeatureError> {
        let mut data = Sha256::new();
        for path in self.images {
            let length = fs::metadata(path).map_err(|source| FeatureError::File { path: path.clone(), source })?.len();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            data.update(format!("{name}\n{length}\n"));
        }
        let weights = self.model.files.first().map_or(String::new(), |(_, hash)| hash.clone());
        Ok(Description {
            format: FORMAT.to_string(),
            weights_sha256: weights,
            data_sha256: data.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            images: self.images.len(),
            features: self.model.backbone.features(),
            size: self.model.size,
            interpolation: self.interpolation,
        })
    }
}

/// Reads the features kept in `folder`, computing what is missing; `progress` hears how many rows are done.
///
/// # Errors
/// [`FeatureError`]: a cache of other weights or data, an image that does not decode, a full disk, or `stop` was set. What
/// was computed stays on disk.
pub fn extract_features(
    gpu: &Gpu,
    source: &FeatureSource,
    folder: &Path,
    stop: &AtomicBool,
    mut progress: impl FnMut(usize),
) -> Result<Features, FeatureError> {
    let description = source.describe()?;
    let width = description.features as usize;
    let cache = Cache { description: folder.join("features.json"), rows: folder.join("features.f32") };
    let (mut file, mut done) = cache.open(&description)?;
    let failed = |source| FeatureError::File { path: cache.rows.clone(), source };

    let mut backbone = source.model.clone();
    backbone.top = Top::None;
    let mut runner = backbone.runner(gpu, source.batch, source.interpolation);
    let mut decoded = decode_ahead(source.images[done..].to_vec(), decoding_threads(), 4 * source.batch as usize);
    progress(done);
    while done < source.images.len() {
        if stop.load(Ordering::SeqCst) {
            return Err(FeatureError::Interrupted { done, total: source.images.len() });
        }
        let batch: Vec<_> = decoded.by_ref().take(source.batch as usize).map(|(_, image)| image).collect::<Result<_, _>>()?;
        let rows = runner.run(gpu, &batch.iter().collect::<Vec<_>>())?;
        file.write_all(bytemuck::cast_slice(&rows)).map_err(failed)?;
        done += batch.len();
        progress(done);
    }
    file.sync_all().map_err(failed)?;
    let bytes = fs::read(&cache.rows).map_err(failed)?;
    Ok(Features { width, values: bytemuck::pod_collect_to_vec(&bytes) })
}

struct Cache {
    description: PathBuf,
    rows: PathBuf,
}

impl Cache {
    /// The file of rows, ready to be appended to, and how many it holds; a row cut short by a crash is dropped.
    fn open(&self, wanted: &Description) -> Result<(File, usize), FeatureError> {
        match fs::read(&self.description) {
            Ok(bytes) => {
                let found: Description = serde_json::from_slice(&bytes)
                    .map_err(|source| FeatureError::Description { path: self.description.clone(), source })?;
                if let Some(what) = difference(&found, wanted) {
                    return Err(FeatureError::Stale { path: self.description.clone(), what });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let failed = |source| FeatureError::File { path: self.rows.clone(), source };
                File::create(&self.rows).map_err(failed)?;
                let text = serde_json::to_vec_pretty(wanted)
                    .map_err(|source| FeatureError::Description { path: self.description.clone(), source })?;
                write_atomically(&self.description, |writer| writer.write_all(&text))?;
            }
            Err(source) => return Err(FeatureError::File { path: self.description.clone(), source }),
        }
        let failed = |source| FeatureError::File { path: self.rows.clone(), source };
        let file = OpenOptions::new().create(true).append(true).open(&self.rows).map_err(failed)?;
        let row = 4 * u64::from(wanted.features);
        let done = (file.metadata().map_err(failed)?.len() / row).min(wanted.images as u64);
        file.set_len(done * row).map_err(failed)?;
        Ok((file, done as usize))
    }
}

/// What a cache is of instead of what is wanted.
fn difference(found: &Description, wanted: &Description) -> Option<String> {
    if found == wanted {
        return None;
    }
    let fields = [
        ("format", found.format.clone(), wanted.format.clone()),
        ("weights with SHA-256", found.weights_sha256.clone(), wanted.weights_sha256.clone()),
        ("images", found.images.to_string(), wanted.images.to_string()),
        ("images with the digest", found.data_sha256.clone(), wanted.data_sha256.clone()),
        ("features", found.features.to_string(), wanted.features.to_string()),
        ("image size", found.size.to_string(), wanted.size.to_string()),
        ("interpolation", format!("{:?}", found.interpolation), format!("{:?}", wanted.interpolation)),
    ];
    let different = fields.iter().find(|(_, found, wanted)| found != wanted);
    different.map(|(name, found, wanted)| format!("{name} {found}, not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            format: FORMAT.into(),
            weights_sha256: "aa".into(),
            data_sha256: "bb".into(),
            images: 3,
            features: 2,
            size: 224,
            interpolation: Interpolation::Nearest,
        }
    }

    #[test]
    fn a_cut_row_is_dropped_and_another_cache_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { description: folder.path().join("features.json"), rows: folder.path().join("features.f32") };
        let (mut file, done) = cache.open(&description()).unwrap();
        assert_eq!(done, 0);
        // One row of two values and half of the next.
        file.write_all(&[1; 13]).unwrap();
        assert_eq!(cache.open(&description()).unwrap().1, 1);
        assert_eq!(fs::metadata(&cache.rows).unwrap().len(), 8);

        let other = Description { weights_sha256: "cc".into(), ..description() };
        let message = cache.open(&other).unwrap_err().to_string();
        assert!(message.contains("weights with SHA-256 aa, not cc") && message.contains("another folder"), "{message}");
        fs::write(&cache.description, "{").unwrap();
        assert!(cache.open(&description()).unwrap_err().to_string().contains("not a description"));
    }
}
