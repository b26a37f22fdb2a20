//! Exporting models for other programs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::error::Error;
use super::run_folder::{ensure_writable, refuse_overwriting, write_file};
use crate::nn::Model;
use crate::nn::onnx::{OPSET, Part, export};

/// What was exported to ONNX.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OnnxExport {
    /// The version of ONNX' operators.
    pub opset: i64,
    /// Name of the input.
    pub input: &'static str,
    /// Shape of the input.
    pub input_shape: String,
    /// Name of the output.
    pub output: &'static str,
    /// Shape of the output.
    pub output_shape: String,
    /// Number of operations.
    pub nodes: usize,
    /// Size of the file in bytes.
    pub bytes: usize,
    /// The metadata in the file.
    pub metadata: BTreeMap<String, String>,
}

/// Writes a part of a model as an ONNX file, completely or not at all.
///
/// # Errors
/// The model has no layers after its pool but these were asked for, `out` is one of the model's files, or the file cannot be
/// written.
pub fn export_onnx(model: &Model, part: Part, out: &Path) -> Result<OnnxExport, Error> {
    refuse_overwriting([out.to_path_buf()], model.files.iter().map(|(path, _)| path.as_path()))?;
    ensure_writable(out)?;
    let exported = export(model, part)
        .ok_or_else(|| Error::Misuse("the model has no layers after its features; use --part backbone".to_owned()))?;
    write_file(out, &exported.bytes)?;
    let ((input, input_shape), (output, output_shape)) = (exported.input, exported.output);
    let (nodes, bytes, metadata) = (exported.nodes, exported.bytes.len(), exported.metadata);
    Ok(OnnxExport { opset: OPSET, input, input_shape, output, output_shape, nodes, bytes, metadata })
}
