//! Writing weights as safetensors, the same bytes for the same tensors.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use half::f16;

use super::error::WeightsError;
use crate::data::write_atomically;

/// A tensor to store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredTensor<'a> {
    /// Its name, unlike every other's in the file.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, finite, in row-major order.
    pub values: &'a [f32],
}

/// The type in which values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredPrecision {
    /// As they are.
    F32,
    /// Rounded to nearest, ties to even; half the size.
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

/// Writes a file that is either whole or absent. Tensors are sorted by name and metadata by key (the `safetensors` crate's own
/// writer keeps metadata in a hash map, whose order differs from run to run).
///
/// # Errors
/// [`WeightsError::Unwritable`] when two tensors share a name, a shape does not fit its values, or a value is NaN, infinite
/// or beyond what `precision` holds; [`WeightsError::Write`] when the file cannot be written.
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
    let header = header(&sorted, metadata, precision);
    write_atomically(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(header.as_bytes())?;
        sorted.iter().flat_map(|tensor| tensor.values).try_for_each(|&value| precision.write(value, writer))
    })?;
    Ok(())
}

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

/// The JSON header, padded with blanks so that the tensors start at a multiple of eight bytes.
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
