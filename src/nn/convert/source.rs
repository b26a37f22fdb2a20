//! The tensors of a weights file, whatever its format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ConvertError;
use super::keras::{self, Architecture};
use crate::nn::weights::{ForeignFormat, WeightsError, WeightsFile};
use crate::plan::hexadecimal;

/// A tensor as its file holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTensor {
    /// The tensor's name; in an HDF5 file its path.
    pub name: String,
    /// The tensor's shape.
    pub shape: Vec<usize>,
    /// The tensor's values in row-major order.
    pub values: Vec<f32>,
}

/// A weights file that is to be converted.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file in lower-case hexadecimal.
    pub sha256: String,
    /// The tensors; those of an HDF5 file in the order of their layers.
    pub tensors: Vec<SourceTensor>,
    /// The metadata in the header of a safetensors file.
    pub metadata: BTreeMap<String, String>,
    /// What an HDF5 file says of the network.
    pub architecture: Architecture,
}

impl Source {
    /// Reads a safetensors or HDF5 file. The content decides which it is.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, has another format, or holds numbers that are not supported.
    pub fn read(path: &Path) -> Result<Source, ConvertError> {
        let unreadable = |source| WeightsError::Read { path: path.to_path_buf(), source };
        if ForeignFormat::of(path).map_err(unreadable)? == Some(ForeignFormat::Hdf5) {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            let sha256 = hexadecimal(Sha256::digest(&bytes));
            let (tensors, architecture) = keras::read(path, bytes)?;
            return Ok(Source { path: path.to_path_buf(), sha256, tensors, metadata: BTreeMap::new(), architecture });
        }
        let file = WeightsFile::open(path)?;
        let mut tensors = Vec::new();
        for name in file.names() {
            // The counters are integers, and no forward pass reads them.
            if !name.ends_with(crate::nn::weights::BATCH_COUNTER) {
                let shape = file.shape(&name).unwrap_or_default().to_vec();
                tensors.push(SourceTensor { values: file.f32(&name, &shape)?, name, shape });
            }
        }
        let metadata = file.metadata().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let architecture = Architecture::default();
        Ok(Source { path: path.to_path_buf(), sha256: file.sha256(), tensors, metadata, architecture })
    }
}
