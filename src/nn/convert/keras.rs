//! Reads the HDF5 files that Keras writes with `save` and `save_weights`.

use std::collections::BTreeMap;
use std::path::Path;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Hdf5File};
use serde_json::Value;

use super::ConvertError;
use super::source::SourceTensor;

/// The group of the weights in a file with a whole model. A file with weights alone has its layers at the root.
const MODEL_WEIGHTS: &str = "model_weights";

/// The attribute that lists the layers in order. Keras splits it into `layer_names0`, `layer_names1`, … if it is long.
const LAYER_NAMES: &str = "layer_names";

/// The attribute with the network's description as JSON. Only files with a whole model have it.
const MODEL_CONFIG: &str = "model_config";

/// The deepest nesting of groups that is read. Keras nests a group for each model within a model and each part of a name.
const DEEPEST: usize = 32;

/// What a file says of the network besides its weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Architecture {
    /// Height and width of the input in pixels, if both are equal.
    pub size: Option<u32>,
    /// The ε of each batch norm, by the name of its layer.
    pub epsilons: BTreeMap<String, f32>,
}

/// Reads the tensors of an HDF5 file in the order of their layers, and what it says of the network.
///
/// # Errors
/// The file is damaged, was not written by Keras, or holds something other than floating-point numbers.
pub fn read(path: &Path, bytes: Vec<u8>) -> Result<(Vec<SourceTensor>, Architecture), ConvertError> {
    let malformed = |error: hdf5_reader::error::Error| damaged(path, error);
    let length = bytes.len() as u64;
    let file = Hdf5File::from_vec(bytes).map_err(malformed)?;
    // The reader would only notice if a data set that is read lies beyond the end.
    let stated = file.superblock().eof_address;
    if stated > length {
        let problem = format!("is HDF5 that states a length of {stated} bytes, and has {length}; fetch it again");
        return Err(ConvertError::Hdf5 { path: path.to_path_buf(), problem });
    }
    let root = file.root_group().map_err(malformed)?;
    let (groups, _) = root.member_names().map_err(malformed)?;
    let weights = match groups.iter().any(|name| name == MODEL_WEIGHTS) {
        true => root.group(MODEL_WEIGHTS).map_err(malformed)?,
        false => root.clone(),
    };
    let layers = strings(&weights, LAYER_NAMES).map_err(malformed)?;
    if layers.is_empty() {
        let problem = match groups.iter().any(|name| name == "layers" || name == "_layer_checkpoint_dependencies") {
            true => {
                "holds Keras 3's weights without the names of the layers; write the whole model with `model.save('weights.h5')`"
            }
            false => "has no list of layers (`layer_names`), so Keras did not write it; name a file that Keras wrote",
        };
        return Err(ConvertError::Hdf5 { path: path.to_path_buf(), problem: problem.to_owned() });
    }
    let mut tensors = Vec::new();
    for layer in &layers {
        let group = weights.group(layer).map_err(malformed)?;
        collect(path, &group, layer, DEEPEST, &mut tensors)?;
    }
    let architecture = match root.attribute(MODEL_CONFIG).and_then(|attribute| attribute.read_string()) {
        Ok(text) => described(&text).map_err(|problem| ConvertError::Hdf5 { path: path.to_path_buf(), problem })?,
        Err(_) => Architecture::default(),
    };
    Ok((tensors, architecture))
}

fn damaged(path: &Path, error: hdf5_reader::error::Error) -> ConvertError {
    ConvertError::Hdf5 { path: path.to_path_buf(), problem: format!("cannot be read as HDF5: {error}; fetch or export it again") }
}

/// Returns the strings of an attribute, or of its parts in order. There are none if the attribute is missing.
fn strings(group: &Group, name: &str) -> Result<Vec<String>, hdf5_reader::error::Error> {
    let attributes = group.attributes()?;
    let find = |name: &str| attributes.iter().find(|attribute| attribute.name == name);
    if let Some(whole) = find(name) {
        return whole.read_strings();
    }
    let parts = (0..).map_while(|part| find(&format!("{name}{part}")));
    let parts: Vec<Vec<String>> = parts.map(|part| part.read_strings()).collect::<Result<_, _>>()?;
    Ok(parts.concat())
}

/// Appends the data sets in a group and the groups below it.
fn collect(path: &Path, group: &Group, name: &str, deepest: usize, tensors: &mut Vec<SourceTensor>) -> Result<(), ConvertError> {
    let (groups, datasets) = group.members().map_err(|error| damaged(path, error))?;
    for dataset in &datasets {
        tensors.push(tensor(path, dataset, format!("{name}/{}", dataset.name()))?);
    }
    for inner in &groups {
        if deepest == 0 {
            let problem = format!("nests groups more than {DEEPEST} deep at '{name}'; name a file that Keras wrote");
            return Err(ConvertError::Hdf5 { path: path.to_path_buf(), problem });
        }
        collect(path, inner, &format!("{name}/{}", inner.name()), deepest - 1, tensors)?;
    }
    Ok(())
}

fn tensor(path: &Path, dataset: &Dataset, name: String) -> Result<SourceTensor, ConvertError> {
    let of_dataset = |error| damaged(path, error);
    let shape: Vec<usize> = dataset.shape().iter().map(|&length| length as usize).collect();
    let values = match dataset.raw_element_size().map_err(of_dataset)? {
        4 => dataset.read_array::<f32>().map_err(of_dataset)?.iter().copied().collect(),
        8 => dataset.read_array::<f64>().map_err(of_dataset)?.iter().map(|&value| value as f32).collect(),
        bytes => {
            let problem =
                format!("'{name}' holds elements of {bytes} bytes where floats of 32 or 64 bits are wanted; cast it to float32");
            return Err(ConvertError::Hdf5 { path: path.to_path_buf(), problem });
        }
    };
    Ok(SourceTensor { name, shape, values })
}

/// Reads the input size and the ε of each batch norm from Keras' description of a model. The error says what is wrong.
fn described(text: &str) -> Result<Architecture, String> {
    let config: Value = serde_json::from_str(text).map_err(|invalid| format!("its `{MODEL_CONFIG}` is not JSON: {invalid}"))?;
    let mut architecture = Architecture::default();
    visit(&config, &mut architecture);
    Ok(architecture)
}

/// Visits a layer's description and those of the layers in it.
fn visit(layer: &Value, architecture: &mut Architecture) {
    let config = &layer["config"];
    // Keras 2 gives `batch_input_shape`, Keras 3 `batch_shape`: [images, height, width, channels].
    let shape = ["batch_input_shape", "batch_shape"].into_iter().find_map(|key| config[key].as_array());
    if let Some([_, height, width, _]) = shape.map(Vec::as_slice)
        && height == width
    {
        architecture.size = architecture.size.or(height.as_u64().and_then(|pixels| u32::try_from(pixels).ok()));
    }
    if layer["class_name"].as_str().is_some_and(|class| class.starts_with("BatchNormalization"))
        && let (Some(name), Some(epsilon)) = (config["name"].as_str(), config["epsilon"].as_f64())
    {
        architecture.epsilons.insert(name.to_owned(), epsilon as f32);
    }
    // The configuration of a model is a list of layers in early versions of Keras, and an object with such a list in later ones.
    for inner in config.as_array().or(config["layers"].as_array()).into_iter().flatten() {
        visit(inner, architecture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_size_and_epsilons_are_read_from_nested_models() {
        let inner = r#"{"class_name": "Model", "config": {"name": "inner", "layers": [
            {"class_name": "InputLayer", "config": {"name": "input_1", "batch_input_shape": [null, 96, 96, 3]}},
            {"class_name": "BatchNormalization", "config": {"name": "bn_Conv1", "epsilon": 0.001}}]}}"#;
        let outer = format!(
            r#"{{"class_name": "Sequential", "config": [{inner},
                {{"class_name": "BatchNormalizationV1", "config": {{"name": "last", "epsilon": 1e-5}}}}]}}"#
        );
        let found = described(&outer).expect("a description");
        assert_eq!(found.size, Some(96));
        assert_eq!(found.epsilons, BTreeMap::from([("bn_Conv1".to_owned(), 1e-3), ("last".to_owned(), 1e-5)]));
        assert_eq!(described("{}").expect("nothing known"), Architecture::default());
        assert!(described("{").expect_err("no JSON").contains("not JSON"));
    }
}
