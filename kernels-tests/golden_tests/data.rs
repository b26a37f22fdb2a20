//! Reads golden fixtures: the manifest of a group, and arrays with their layouts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// Why a folder or a fixture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// A file cannot be read, or its content is not what its name says.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds no fixtures.
    #[error("{}: neither a group of fixtures (no manifest.json) nor a folder of such groups", path.display())]
    NoGroups {
        /// The folder.
        path: PathBuf,
    },
    /// A value of the manifest, or of another JSON file of the group, is missing or of another kind.
    #[error("{fixture} or its entry in manifest.json has no usable `{key}`")]
    Manifest {
        /// The fixture.
        fixture: String,
        /// What is missing.
        key: String,
    },
    /// A tensor is missing, or differs from the manifest.
    #[error("tensor {tensor}: {reason}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// The device fails.
    #[error(transparent)]
    Gpu(#[from] lineament::device::DeviceError),
    /// The model cannot be built.
    #[error(transparent)]
    Model(#[from] lineament::nn::ModelError),
}

impl GoldenError {
    /// Returns the error for a value of a JSON file that is missing or of another kind.
    pub fn unusable(fixture: &str, key: &str) -> GoldenError {
        GoldenError::Manifest { fixture: fixture.to_string(), key: key.to_string() }
    }
}

/// The manifest of a group.
#[derive(Debug)]
pub struct Manifest {
    /// The group's name.
    pub group: String,
    /// The entry of each file, by name.
    pub files: BTreeMap<String, Value>,
}

/// Reads a JSON file.
///
/// # Errors
/// Returns [`GoldenError::File`] if it cannot be read or parsed.
pub fn json(path: &Path) -> Result<Value, GoldenError> {
    let failure = |reason: String| GoldenError::File { path: path.to_path_buf(), reason };
    let text = std::fs::read(path).map_err(|error| failure(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failure(error.to_string()))
}

/// Returns the numbers of a JSON list, nested or not, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

impl Manifest {
    /// Reads the manifest of a group's folder.
    ///
    /// # Errors
    /// It cannot be read, or lacks `group` or `files`.
    pub fn read(folder: &Path) -> Result<Manifest, GoldenError> {
        let path = folder.join("manifest.json");
        let value = json(&path)?;
        let missing = |key: &str| GoldenError::File { path: path.clone(), reason: format!("no usable `{key}`") };
        let group = value["group"].as_str().ok_or_else(|| missing("group"))?.to_string();
        let files = value["files"].as_object().ok_or_else(|| missing("files"))?.clone().into_iter().collect();
        Ok(Manifest { group, files })
    }
}

/// An array of a fixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of every axis.
    pub shape: Vec<usize>,
    /// One letter for each axis, as in the manifest: `NHWC`, `OIHW`, `C`.
    pub layout: String,
    /// The elements in C order.
    pub values: Vec<f64>,
}

impl Array {
    /// Returns the array with its axes in the order of `layout`.
    ///
    /// # Errors
    /// The layouts do not have the same axes.
    pub fn arranged(&self, layout: &str) -> Result<Array, GoldenError> {
        let axes: Option<Vec<usize>> = layout.chars().map(|axis| self.layout.find(axis)).collect();
        let fits = layout.len() == self.layout.len() && self.shape.len() == layout.len();
        let axes = axes.filter(|_| fits).ok_or_else(|| GoldenError::Tensor {
            tensor: layout.to_string(),
            reason: format!("cannot be made of layout {} with shape {:?}", self.layout, self.shape),
        })?;
        let shape: Vec<usize> = axes.iter().map(|axis| self.shape[*axis]).collect();
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let strides: Vec<usize> = axes.iter().map(|axis| stride(*axis)).collect();
        let values = positions(&shape).map(|position| self.values[dot(&position, &strides)]).collect();
        Ok(Array { shape, layout: layout.to_string(), values })
    }

    /// Returns the elements with every axis padded with zeros to `shape`.
    pub fn padded(&self, shape: &[usize]) -> Vec<f64> {
        let mut padded = vec![0.0; shape.iter().product()];
        let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        for (position, value) in positions(&self.shape).zip(&self.values) {
            padded[dot(&position, &strides)] = *value;
        }
        padded
    }
}

/// Returns every position of an array of this shape, in C order.
fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..shape.iter().product::<usize>()).map(|index| {
        let mut rest = index;
        let mut position: Vec<usize> = shape.iter().rev().map(|length| (rest % length, rest /= length).0).collect();
        position.reverse();
        position
    })
}

fn dot(position: &[usize], strides: &[usize]) -> usize {
    position.iter().zip(strides).map(|(at, stride)| at * stride).sum()
}

/// The arrays of a `.safetensors` fixture, with the layouts of its manifest entry.
#[derive(Debug)]
pub struct Arrays(BTreeMap<String, Array>);

impl Arrays {
    /// Reads every array of a fixture.
    ///
    /// # Errors
    /// The file cannot be read, holds a type that fixtures do not have, or another shape than the manifest says.
    pub fn read(path: &Path, entry: &Value) -> Result<Arrays, GoldenError> {
        let failure = |reason: String| GoldenError::File { path: path.to_path_buf(), reason };
        let bytes = std::fs::read(path).map_err(|error| failure(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| failure(error.to_string()))?;
        let mut arrays = BTreeMap::new();
        for (name, view) in tensors.tensors() {
            let declared = &entry["tensors"][&name];
            let shape: Vec<u64> = view.shape().iter().map(|length| *length as u64).collect();
            if declared["shape"] != Value::from(shape) {
                let reason = format!("has shape {:?}, the manifest says {}", view.shape(), declared["shape"]);
                return Err(GoldenError::Tensor { tensor: name, reason });
            }
            let layout = declared["layout"].as_str().unwrap_or_default();
            // Of a layout such as "HWC1 (TensorFlow depthwise: …)", only the first word names the axes.
            let layout = layout.split_whitespace().next().unwrap_or_default().to_string();
            let values = decoded(view.dtype(), view.data())
                .ok_or_else(|| GoldenError::Tensor { tensor: name.clone(), reason: format!("is {:?}", view.dtype()) })?;
            arrays.insert(name, Array { shape: view.shape().to_vec(), layout, values });
        }
        Ok(Arrays(arrays))
    }

    /// Returns an array by name.
    ///
    /// # Errors
    /// There is no array with this name.
    pub fn get(&self, name: &str) -> Result<&Array, GoldenError> {
        let missing = || GoldenError::Tensor { tensor: name.to_string(), reason: "is missing".to_string() };
        self.0.get(name).ok_or_else(missing)
    }

    /// Returns the names of all arrays, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the names of the gradients: an array `dx` is a gradient if there is an array `x`.
    pub fn gradients(&self) -> impl Iterator<Item = &str> {
        let is_gradient = |name: &&String| name.strip_prefix('d').is_some_and(|rest| self.0.contains_key(rest));
        self.0.keys().filter(is_gradient).map(String::as_str)
    }
}

/// Returns the elements of a tensor, or `None` if fixtures do not have its type.
pub fn decoded(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    match dtype {
        Dtype::F64 => Some(bytemuck::pod_collect_to_vec::<u8, f64>(bytes)),
        Dtype::F32 => Some(bytemuck::pod_collect_to_vec::<u8, f32>(bytes).into_iter().map(f64::from).collect()),
        Dtype::I32 => Some(bytemuck::pod_collect_to_vec::<u8, i32>(bytes).into_iter().map(f64::from).collect()),
        Dtype::U8 | Dtype::BOOL => Some(bytes.iter().map(|byte| f64::from(*byte)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_permuted_and_padded() {
        let array = Array { shape: vec![1, 2, 1, 3], layout: "NCHW".into(), values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let arranged = array.arranged("NHWC").unwrap();
        assert_eq!(
            (arranged.shape.as_slice(), arranged.values.as_slice()),
            (&[1, 1, 3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..])
        );
        let padded = arranged.padded(&[1, 1, 3, 4]);
        assert_eq!(padded, [1.0, 4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 3.0, 6.0, 0.0, 0.0]);
        assert_eq!(arranged.arranged("NCHW").unwrap(), array);
        assert!(array.arranged("OIHW").is_err() && array.arranged("NC").is_err());
    }
}
