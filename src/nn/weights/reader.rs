//! Strict reading of weights over the `safetensors` crate.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use sha2::{Digest, Sha256};

use super::convention::Convention;
use super::error::WeightsError;
use super::header::{self, LENGTH_FIELD};

/// How many faults a message lists before it counts the rest.
const LISTED: usize = 4;

/// The suffix of PyTorch's batch counters, which no forward pass reads; the only tensors that may be left over.
const BATCH_COUNTER: &str = "num_batches_tracked";

/// A tensor that a model wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTensor {
    /// Its name.
    pub name: String,
    /// Its shape, in the order of the file's layout.
    pub shape: Vec<usize>,
}

/// A safetensors file, read once and kept in memory, with a header known to be sound.
#[derive(Debug)]
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
    data_start: usize,
    header: Metadata,
}

impl WeightsFile {
    /// Reads a file. Nothing is allocated for it before its length field and header have been checked against its length.
    ///
    /// # Errors
    /// [`WeightsError::Read`], or [`WeightsError::Format`] when the file is cut off, its header is not sound (a key twice,
    /// an unknown type, a shape that does not fit its bytes), or its tensors overlap, leave a gap, or do not end with it.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let read = |source| WeightsError::Read { path: path.to_path_buf(), source };
        let malformed = |problem: String| WeightsError::format(path, problem);
        let mut file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        if length < LENGTH_FIELD {
            return Err(malformed(format!("it has {length} bytes, fewer than its length field")));
        }
        let mut field = [0; LENGTH_FIELD as usize];
        file.read_exact(&mut field).map_err(read)?;
        let header_length = header::header_length(field, length).map_err(malformed)?;
        let data_start = field.len() + header_length;
        let mut bytes = field.to_vec();
        bytes.resize(data_start, 0);
        file.read_exact(&mut bytes[field.len()..]).map_err(read)?;
        let header = header::parse(&bytes[field.len()..], length - data_start as u64).map_err(malformed)?;

        let data_length = length - data_start as u64;
        let reserved = usize::try_from(data_length).ok().and_then(|more| bytes.try_reserve_exact(more).ok());
        reserved.ok_or_else(|| malformed(format!("there is no memory for its {length} bytes")))?;
        let found = file.take(data_length).read_to_end(&mut bytes).map_err(read)?;
        if found as u64 != data_length {
            return Err(malformed("it became shorter while it was read".to_owned()));
        }
        Ok(Self { path: path.to_path_buf(), bytes, data_start, header })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the header's `__metadata__` says, by key.
    pub fn metadata(&self) -> BTreeMap<&str, &str> {
        let pairs = self.header.metadata().iter().flatten();
        pairs.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// The tensors' names, in the order of their bytes in the file.
    pub fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// The shape of a tensor, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.header.info(name).map(|info| info.shape.as_slice())
    }

    /// The convention under which the weights were trained.
    ///
    /// # Errors
    /// [`WeightsError::Convention`] when the header does not say, or says something unknown.
    pub fn convention(&self) -> Result<Convention, WeightsError> {
        Convention::parse(&self.path, &self.metadata())
    }

    /// The SHA-256 of the whole file, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A tensor's values in row-major order; F16 is widened exactly.
    ///
    /// # Errors
    /// When the tensor is missing, of another type than F32 and F16, of another shape than `expected`, or holds NaN or infinity.
    pub fn f32(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let (path, name) = (self.path.clone(), name.to_owned());
        let Some(info) = self.header.info(&name) else {
            let remedy = "this is another model's file or an incomplete one".to_owned();
            return Err(WeightsError::Missing { path, name, remedy });
        };
        if info.shape != expected {
            return Err(WeightsError::Shape { path, name, expected: expected.to_vec(), found: info.shape.clone() });
        }
        let values = self.values(info).ok_or_else(|| WeightsError::Dtype {
            path: path.clone(),
            name: name.clone(),
            found: info.dtype.to_string(),
        })?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(WeightsError::NotFinite { path, name, value: values[at], index: unravel(at, &info.shape) }),
        }
    }

    /// Whether the file holds the model's tensors and nothing else, apart from batch counters (`…num_batches_tracked`).
    ///
    /// # Errors
    /// The fault itself when there is one, [`WeightsError::Unfit`] listing the first few when there are several. Faults are
    /// what [`f32`](Self::f32) refuses, and tensors that the model does not have.
    pub fn check(&self, model: &[ExpectedTensor]) -> Result<(), WeightsError> {
        let mut faults: Vec<WeightsError> =
            model.iter().filter_map(|tensor| self.f32(&tensor.name, &tensor.shape).err()).collect();
        let nothing_fits = faults.len() == model.len() && !model.is_empty();
        let wanted: std::collections::HashSet<&str> = model.iter().map(|tensor| tensor.name.as_str()).collect();
        let mut surplus = self.names();
        surplus.retain(|name| !wanted.contains(name.as_str()) && !name.ends_with(BATCH_COUNTER));
        if faults.len() == 1 && surplus.is_empty() && !nothing_fits {
            return faults.pop().map_or(Ok(()), Err);
        }
        let mut described: Vec<String> = faults.iter().map(|fault| fault_alone(fault, &self.path)).collect();
        described.extend(surplus.iter().map(|name| format!("the model has no tensor '{name}'")));
        if described.is_empty() {
            return Ok(());
        }
        let count = described.len();
        let (problem, remedy) = if nothing_fits {
            ("this looks like a weights file of another model".to_owned(), "name one of this model")
        } else {
            let plural = if count == 1 { "" } else { "s" };
            (format!("{count} tensor{plural} do not fit the model"), "name a weights file of this model")
        };
        described.truncate(LISTED);
        Err(WeightsError::Unfit {
            path: self.path.clone(),
            problem,
            left_out: count - described.len(),
            first: described.join("; "),
            remedy,
        })
    }

    fn values(&self, info: &TensorInfo) -> Option<Vec<f32>> {
        let (start, end) = info.data_offsets;
        let bytes = &self.bytes[self.data_start + start..self.data_start + end];
        match info.dtype {
            Dtype::F32 => Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
            Dtype::F16 => Some(bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
            _ => None,
        }
    }
}

/// A fault without the file and the advice, which a list of faults states once.
fn fault_alone(fault: &WeightsError, path: &Path) -> String {
    let text = fault.to_string();
    let text = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text);
    text.split("; ").next().unwrap_or(text).to_owned()
}

/// The index in each dimension of element `at` of a row-major tensor.
fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &length) in index.iter_mut().zip(shape).rev() {
        *place = at % length;
        at /= length;
    }
    index
}
