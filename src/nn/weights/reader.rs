//! Reads weights files strictly, on top of the `safetensors` crate.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use sha2::{Digest, Sha256};

use super::checksum;
use super::convention::Convention;
use super::error::WeightsError;
use super::format::ForeignFormat;
use super::header::{self, LENGTH_FIELD};
use crate::data::source::open_file;
use crate::plan::hexadecimal;

/// Number of faults that a message lists. It counts the others.
pub(in crate::nn) const LISTED: usize = 4;

/// Suffix of PyTorch's batch counters. No forward pass reads them, so a file may hold them although no model expects them.
pub(crate) const BATCH_COUNTER: &str = "num_batches_tracked";

/// A tensor that a model needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTensor {
    /// The tensor's name.
    pub name: String,
    /// The tensor's shape in the file.
    pub shape: Vec<usize>,
}

/// A safetensors file in memory, with a valid header.
#[derive(Debug)]
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
    data_start: usize,
    header: Metadata,
}

impl WeightsFile {
    /// Reads a file. The length field and the header are checked against the file's length before memory is allocated for the
    /// tensors, so a malformed header cannot exhaust memory.
    ///
    /// # Errors
    /// Returns [`WeightsError::Read`] if the file cannot be read, and [`WeightsError::ForeignFormat`] if it has the format of
    /// another program. Returns [`WeightsError::Format`] if the file is truncated; if
    /// its header is invalid (a duplicate key, an unknown type, a shape that contradicts its number of bytes); or if its tensors
    /// overlap, leave a gap, or do not reach exactly to the end of the file; or if its content does not have the checksum that it
    /// states.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let read = |source| WeightsError::Read { path: path.to_path_buf(), source };
        let malformed = |problem: String| WeightsError::format(path, problem);
        let mut file = open_file(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        if let Some(format) = ForeignFormat::of(path).map_err(read)? {
            return Err(WeightsError::ForeignFormat { path: path.to_path_buf(), format });
        }
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
        checksum::check(&bytes[LENGTH_FIELD as usize..data_start], &bytes[data_start..]).map_err(malformed)?;
        Ok(Self { path: path.to_path_buf(), bytes, data_start, header })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the header's `__metadata__`, by key.
    pub fn metadata(&self) -> BTreeMap<&str, &str> {
        let pairs = self.header.metadata().iter().flatten();
        pairs.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// Returns the names of the tensors, in the order of their data in the file.
    pub fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// Returns the shape of the tensor `name`, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.header.info(name).map(|info| info.shape.as_slice())
    }

    /// Returns the convention under which the weights were trained.
    ///
    /// # Errors
    /// Returns [`WeightsError::Convention`] if a key is missing from the header or has an unknown value.
    pub fn convention(&self) -> Result<Convention, WeightsError> {
        Convention::parse(&self.path, &self.metadata())
    }

    /// Returns the SHA-256 of the whole file in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(Sha256::digest(&self.bytes))
    }

    /// Returns the values of the tensor `name` in row-major order. Values stored as F16 or BF16 are widened exactly, and F64 is
    /// rounded to the nearest 32-bit float.
    ///
    /// # Errors
    /// Returns [`WeightsError::Missing`], [`WeightsError::Shape`] if the shape is not `expected`, [`WeightsError::Dtype`] if the
    /// type is not one of F32, F16, BF16 and F64, or [`WeightsError::NotFinite`].
    pub fn f32(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let (path, name) = (self.path.clone(), name.to_owned());
        let Some(info) = self.header.info(&name) else {
            let remedy = "the file is incomplete or holds another model; name a weights file of this model".to_owned();
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

    /// Checks that the file holds the model's tensors and no others, apart from batch counters (`…num_batches_tracked`).
    ///
    /// # Errors
    /// Faults are the errors of [`f32`](Self::f32) for the model's tensors, and tensors that the model does not have. Returns the
    /// error of [`f32`](Self::f32) if it is the only fault, and otherwise [`WeightsError::Unfit`], which lists the first faults.
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
        let problem = match count {
            _ if nothing_fits => "this looks like a weights file of another model".to_owned(),
            1 => "1 tensor does not fit the model".to_owned(),
            _ => format!("{count} tensors do not fit the model"),
        };
        described.truncate(LISTED);
        Err(WeightsError::Unfit {
            path: self.path.clone(),
            problem,
            left_out: count - described.len(),
            first: described.join("; "),
            remedy: "name a weights file of this model",
        })
    }

    /// Returns the values of a tensor, or nothing if its type is not one of F32, F16, BF16 and F64.
    fn values(&self, info: &TensorInfo) -> Option<Vec<f32>> {
        let (start, end) = info.data_offsets;
        let bytes = &self.bytes[self.data_start + start..self.data_start + end];
        match info.dtype {
            Dtype::F32 => Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
            Dtype::F16 => Some(bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
            Dtype::BF16 => Some(bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
            Dtype::F64 => {
                let number = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32;
                Some(bytes.chunks_exact(8).map(number).collect())
            }
            _ => None,
        }
    }
}

/// Returns the message of a fault without the path and the remedy, because a list of faults states these once.
fn fault_alone(fault: &WeightsError, path: &Path) -> String {
    let text = fault.to_string();
    let text = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text);
    text.split("; ").next().unwrap_or(text).to_owned()
}

/// Returns the index in each dimension of element `at` of a row-major tensor.
fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &length) in index.iter_mut().zip(shape).rev() {
        *place = at % length;
        at /= length;
    }
    index
}
