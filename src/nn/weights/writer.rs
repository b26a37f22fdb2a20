//! Writes weights in the safetensors format. The same tensors always give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use half::f16;

use super::checksum;
use super::error::WeightsError;
use crate::data::write_atomically;

/// A tensor to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredTensor<'a> {
    /// The tensor's name, unique in the file.
    pub name: &'a str,
    /// The tensor's shape.
    pub shape: &'a [usize],
    /// The tensor's values in row-major order. They must be finite.
    pub values: &'a [f32],
}

/// The type in which the values of a weights file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredPrecision {
    /// 32-bit floats, which hold the values exactly.
    F32,
    /// 16-bit floats, which halve the size. Values are rounded to the nearest, ties to even.
    F16,
}

impl StoredPrecision {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    fn write(self, value: f32, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Self::F32 => writer.write_all(&value.to_le_bytes()),
            Self::F16 => writer.write_all(&f16::from_f32(value).to_le_bytes()),
        }
    }

    fn holds(self, value: f32) -> bool {
        match self {
            Self::F32 => value.is_finite(),
            Self::F16 => f16::from_f32(value).is_finite(),
        }
    }
}

/// Writes a weights file atomically, with tensors sorted by name and metadata by key, and with a checksum. After an error the
/// file is unchanged.
///
/// The writer of the `safetensors` crate is not used because its order of metadata differs from run to run.
///
/// # Errors
/// Returns [`WeightsError::Unwritable`] if two tensors have the same name, a shape contradicts the number of values, or a value
/// is NaN, infinite or too large for `precision`. Returns [`WeightsError::Write`] if the file cannot be written.
pub fn write_weights(
    path: &Path,
    tensors: &[StoredTensor],
    metadata: &BTreeMap<String, String>,
    precision: StoredPrecision,
) -> Result<(), WeightsError> {
    let unwritable = |problem: String| WeightsError::Unwritable { path: path.to_path_buf(), problem };
    let mut sorted: Vec<&StoredTensor> = tensors.iter().collect();
    sorted.sort_by_key(|tensor| tensor.name);
    for tensor in &sorted {
        check(tensor, precision).map_err(unwritable)?;
    }
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(unwritable(format!("two tensors are called '{}'", pair[0].name)));
    }
    let mut metadata = metadata.clone();
    metadata.insert(checksum::KEY.to_string(), checksum::BLANK.to_string());
    let mut header = header(&sorted, &metadata, precision);
    let stored = |tensor: &&StoredTensor| {
        let mut bytes = Vec::with_capacity(tensor.values.len() * precision.bytes());
        // Writing to memory cannot fail.
        let _ = tensor.values.iter().try_for_each(|value| precision.write(*value, &mut bytes));
        bytes
    };
    let all = sorted.iter().map(stored);
    let found = checksum::of(header.as_bytes(), all);
    if let Some(at) = checksum::position(header.as_bytes()) {
        header.replace_range(at..at + found.len(), &found);
    }
    write_atomically(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(header.as_bytes())?;
        sorted.iter().flat_map(|tensor| tensor.values).try_for_each(|&value| precision.write(value, writer))
    })?;
    Ok(())
}

/// Checks one tensor. The error says what is wrong.
fn check(tensor: &StoredTensor, precision: StoredPrecision) -> Result<(), String> {
    let StoredTensor { name, shape, values } = tensor;
    if *name == "__metadata__" {
        return Err("a tensor cannot be called '__metadata__'".to_owned());
    }
    if shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length)) != Some(values.len()) {
        return Err(format!("the tensor '{name}' has {} values for the shape {shape:?}", values.len()));
    }
    match values.iter().find(|&&value| !precision.holds(value)) {
        None => Ok(()),
        Some(value) => Err(format!("the tensor '{name}' holds {value}, which {} does not", precision.name())),
    }
}

/// Returns the JSON header, padded with spaces so that the tensors start at a multiple of eight bytes.
fn header(tensors: &[&StoredTensor], metadata: &BTreeMap<String, String>, precision: StoredPrecision) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let pairs: Vec<String> = metadata.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    let mut entries = vec![format!("\"__metadata__\":{{{}}}", pairs.join(","))];
    let mut start = 0;
    for tensor in tensors {
        let end = start + tensor.values.len() * precision.bytes();
        let lengths: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        entries.push(format!(
            "{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{start},{end}]}}",
            quoted(tensor.name),
            precision.name(),
            lengths.join(",")
        ));
        start = end;
    }
    let mut text = format!("{{{}}}", entries.join(","));
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    text
}
