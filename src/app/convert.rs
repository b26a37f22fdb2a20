//! Converting weights files of other programs.

use std::path::Path;

use serde::Serialize;

use super::context::Context;
use super::error::Error;
use super::run_folder::{ensure_writable, refuse_overwriting};
use crate::data::attributes::named_set;
use crate::nn::convert::{ConvertOptions, Converted, ConvertedTop, Source, convert};
use crate::nn::weights::{StoredPrecision, StoredTensor, write_weights};

/// What was converted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Conversion {
    /// Whose names the tensors had: torchvision, timm or Keras.
    pub names: &'static str,
    /// The width multiplier of MobileNetV2.
    pub width: f32,
    /// Number of tensors in the new file.
    pub tensors: usize,
    /// Number of values in them.
    pub values: usize,
    /// The layers after the backbone: `features`, `classifier` or `attributes`.
    pub outputs: &'static str,
    /// Number of outputs.
    pub output_count: usize,
    /// What was concluded from the names of the tensors alone, with the option that overrides each.
    pub assumed: Vec<&'static str>,
    /// The metadata in the header of the new file.
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// Converts the weights file `source` and writes the result to `out`. In [`ConvertOptions::attributes`], the name of a set of
/// attributes stands for the attributes in it. What is concluded from the names of the tensors alone is reported.
///
/// # Errors
/// The source cannot be read or converted, or the result cannot be written. The file `out` is then unchanged.
pub fn convert_weights(
    source: &Path,
    out: &Path,
    options: &ConvertOptions,
    precision: StoredPrecision,
    context: &Context,
) -> Result<Conversion, Error> {
    refuse_overwriting([out.to_path_buf()], [source])?;
    ensure_writable(out)?;
    let names = options.attributes.iter();
    let attributes = names.flat_map(|name| match named_set(name) {
        Some(set) => set.into_iter().map(String::from).collect(),
        None => vec![name.clone()],
    });
    let options = ConvertOptions { attributes: attributes.collect(), ..options.clone() };
    let read = Source::read(source)?;
    let converted = convert(&read, &options)?;

    let mut metadata = converted.metadata();
    let file_name = source.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    metadata.insert("source_file".to_owned(), file_name);
    metadata.insert("source_names".to_owned(), converted.naming.name().to_owned());
    metadata.insert("source_sha256".to_owned(), read.sha256.clone());
    let tensors: Vec<StoredTensor> = converted
        .tensors
        .iter()
        .map(|tensor| StoredTensor { name: &tensor.name, shape: &tensor.shape, values: &tensor.values })
        .collect();
    write_weights(out, &tensors, &metadata, precision)?;
    if !converted.assumed.is_empty() {
        let (names, assumed) = (converted.naming.name(), converted.assumed.join(", "));
        context.note(format!("nothing says otherwise, so these are as in {names}'s network: {assumed}"));
    }
    let (outputs, output_count) = outputs(&converted);
    Ok(Conversion {
        names: converted.naming.name(),
        width: converted.width,
        tensors: tensors.len(),
        values: tensors.iter().map(|tensor| tensor.values.len()).sum(),
        outputs,
        output_count,
        assumed: converted.assumed,
        metadata,
    })
}

fn outputs(converted: &Converted) -> (&'static str, usize) {
    match converted.top {
        ConvertedTop::None => {
            let last = converted.tensors.iter().rfind(|tensor| tensor.name.starts_with("features."));
            ("features", last.map_or(0, |tensor| tensor.values.len()))
        }
        ConvertedTop::Classifier { classes } => ("classifier", classes),
        ConvertedTop::Head { outputs, .. } => ("attributes", outputs),
    }
}
