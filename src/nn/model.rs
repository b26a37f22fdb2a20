//! A model read from weights files: its backbone, the layers after it, and the scaling of its input.

use std::path::{Path, PathBuf};

use super::backbone::{self, Backbone};
use super::convert::check_names;
use super::dense::DeclaredDense;
use super::face_detector::FRAME;
use super::lowering::RunLayer;
use super::mobilenet_v2::{WIDTHS, mobilenet_v2};
use super::network::Network;
use super::weights::{Convention, ExpectedTensor, WeightsError, WeightsFile, find_backbone};
use super::{BatchShape, Dense, Head, ImageRunner, ModelError, Normalisation};
use crate::ops::{Activation, Interpolation, Padding, padded_channels};
use crate::plan::{Plan, Precision};
use crate::profiles::Device;

/// The layers that follow the backbone.
#[derive(Debug, Clone)]
pub enum Top {
    /// A dense layer that returns logits of ImageNet's classes.
    Classifier(Dense),
    /// The paper's head, which returns probabilities of facial attributes.
    Attributes(Head),
    /// No layers: the model returns the backbone's features.
    None,
}

/// A backbone and the layers after it, with everything that is needed to run them on images.
#[derive(Debug, Clone)]
pub struct Model {
    /// The convolutions, with batch norm folded.
    pub backbone: Backbone,
    /// The layers after the convolutions.
    pub top: Top,
    /// Names of the outputs, in order. Empty for models without attributes.
    pub attributes: Vec<String>,
    /// Padding, the ε of batch norm, and input scaling.
    pub convention: Convention,
    /// Height and width of the input images, in pixels.
    pub size: u32,
    /// The precision at which the backbone's activations and weights are stored when it runs. Features and the layers after
    /// them always use 32-bit floats.
    pub precision: Precision,
    /// The files that the model was read from, each with its SHA-256 in hexadecimal.
    pub files: Vec<(PathBuf, String)>,
}

/// Metadata keys of Lineament's weights files, in addition to those of [`Convention`].
pub mod keys {
    /// SHA-256 of the backbone's file. Only files that hold a head without its backbone have this key.
    pub const BACKBONE_SHA256: &str = "backbone_sha256";
    /// File name of the backbone that the head was trained on.
    pub const BACKBONE_FILE: &str = "backbone_file";
    /// Names of the outputs, separated by commas.
    pub const ATTRIBUTES: &str = "attributes";
    /// Height and width of the input images, in pixels.
    pub const SIZE: &str = "size";
}

const CLASSIFIER: [&str; 2] = ["classifier.1.weight", "classifier.1.bias"];

impl Model {
    /// Reads a whole model, or a head and the backbone that it names. The backbone is read from the file `backbone` if given, and
    /// otherwise from the file that [`find_backbone`] finds.
    ///
    /// # Errors
    /// Returns [`ModelError`] if a file cannot be read, is not a weights file of this model, names a backbone that is not found,
    /// or names one with another SHA-256 than the backbone has.
    pub fn open(path: &Path, backbone: Option<&Path>) -> Result<Model, ModelError> {
        let file = WeightsFile::open(path)?;
        let Some(wanted) = file.metadata().get(keys::BACKBONE_SHA256).map(|hash| hash.to_string()) else {
            return whole(path, &file);
        };
        let backbone = match backbone {
            Some(backbone) => backbone.to_path_buf(),
            None => find_backbone(file.metadata().get(keys::BACKBONE_FILE).copied().unwrap_or_default(), path)?,
        };
        let backbone_file = WeightsFile::open(&backbone)?;
        let found = backbone_file.sha256();
        if found != wanted {
            return Err(ModelError::WrongBackbone { head: path.to_path_buf(), backbone, wanted, found });
        }
        let mut model = whole(&backbone, &backbone_file)?;
        let (head, attributes) = read_head(path, &file, model.backbone.features())?;
        (model.top, model.attributes) = (Top::Attributes(head), attributes);
        model.size = input_size(path, &file)?;
        model.files.push((path.to_path_buf(), file.sha256().to_string()));
        Ok(model)
    }

    /// Returns this model with its backbone stored at `precision`.
    ///
    /// # Errors
    /// Returns [`ModelError::BeyondPrecision`] if a folded weight is too large for `precision`.
    pub fn stored_in(self, precision: Precision) -> Result<Model, ModelError> {
        match self.backbone.weight_too_large_for(precision) {
            None => Ok(Model { precision, ..self }),
            Some((layer, weight)) => {
                let path = self.files.first().map_or_else(PathBuf::new, |(path, _)| path.clone());
                Err(ModelError::BeyondPrecision { path, layer: layer.name.clone(), weight, precision })
            }
        }
    }

    /// Returns the description of the convolutions and the pool. Training starts from it.
    pub fn network(&self) -> Network {
        let convolutions = self.backbone.layers().iter().cloned();
        Network::of_convolutions(convolutions, self.convention.padding, self.convention.epsilon)
    }

    /// Returns the number of outputs.
    pub fn outputs(&self) -> u32 {
        match &self.top {
            Top::Classifier(dense) => dense.outputs,
            Top::Attributes(head) => head.attributes,
            Top::None => self.backbone.features(),
        }
    }

    /// Returns a runner for batches of `batch` images. A batch has at least one image.
    pub fn runner<'a>(&'a self, device: &Device, batch: u32, interpolation: Interpolation) -> ImageRunner<'a> {
        self.runner_in(device, batch, interpolation, None)
    }

    /// Returns a runner for batches of `batch` faces, which it cuts out of photographs and aligns as CelebA's faces are, before
    /// it resizes them. A batch has at least one face.
    pub fn face_runner<'a>(&'a self, device: &Device, batch: u32, interpolation: Interpolation) -> ImageRunner<'a> {
        self.runner_in(device, batch, interpolation, Some(FRAME))
    }

    fn runner_in<'a>(
        &'a self,
        device: &Device,
        batch: u32,
        interpolation: Interpolation,
        frame: Option<[u32; 2]>,
    ) -> ImageRunner<'a> {
        let batch = batch.max(1);
        let (profile, size, precision) = (device.profile().clone(), self.size, self.precision);
        let stored = profile.with_precision(precision);
        let (scale, shift) = self.convention.input.multiplier_and_offset();
        let normalisation = Normalisation { scale, shift };
        let shape = BatchShape { batch, size, interpolation, frame, normalisation, profile: stored.clone() };
        let build = move |plan: &mut Plan, input| {
            let weights = self.backbone.plan_weights(plan, precision);
            let head = match &self.top {
                Top::Attributes(head) => head.folded().to_vec(),
                _ => Vec::new(),
            };
            let layers: Vec<(&str, &Dense)> = match &self.top {
                Top::None => Vec::new(),
                Top::Classifier(dense) => vec![("classifier", dense)],
                Top::Attributes(_) => Head::LABELS.into_iter().zip(&head).collect(),
            };
            let declared = DeclaredDense::new(&layers, plan);
            let result = plan.persistent("result", 4 * u64::from(batch) * u64::from(padded_channels(self.outputs())));
            let mut following = vec![RunLayer::Pool];
            following.extend(declared.run_layers());
            let following = (&following[..], Some(result));
            self.backbone.lower(plan, &stored, [batch, size], weights, input, following, &mut |_, _, _| ());
            let mut uploads = vec![(weights, self.backbone.stored_parameters(precision))];
            uploads.extend(declared.uploads.iter().cloned());
            (result, uploads)
        };
        ImageRunner::new(shape, self.outputs(), Box::new(build))
    }
}

fn expected(name: &str, shape: &[usize]) -> ExpectedTensor {
    ExpectedTensor { name: name.to_string(), shape: shape.to_vec() }
}

/// Describes MobileNetV2 at a width multiplier. Padding and ε are placeholders until the file's convention is read; neither
/// changes the names or shapes of tensors.
fn described(width: f32) -> Network {
    mobilenet_v2(width, Padding::TensorflowSame, 1e-3)
}

/// Returns the first width multiplier whose convolutions have the shapes of those in the file, or nothing if no width fits.
fn width_of(file: &WeightsFile) -> Option<f32> {
    WIDTHS.into_iter().find(|width| {
        let tensors = backbone::expected_tensors(&described(*width));
        tensors
            .iter()
            .filter(|(_, shape)| shape.len() == 4)
            .all(|(name, shape)| file.shape(name).is_none_or(|found| found == shape))
            && tensors.iter().any(|(name, _)| file.shape(name).is_some())
    })
}

/// Reads a file with a backbone, which may also hold ImageNet's classifier or a head.
fn whole(path: &Path, file: &WeightsFile) -> Result<Model, ModelError> {
    check_names(file)?;
    let network = described(width_of(file).unwrap_or(1.0));
    let mut tensors: Vec<ExpectedTensor> =
        backbone::expected_tensors(&network).iter().map(|(name, shape)| expected(name, shape)).collect();
    let features = network.outputs() as usize;
    let classes = file.shape(CLASSIFIER[0]).and_then(|shape| shape.first().copied());
    if let Some(classes) = classes {
        tensors.extend([expected(CLASSIFIER[0], &[classes, features]), expected(CLASSIFIER[1], &[classes])]);
    }
    let head = file.shape(Head::TENSORS[0]).is_some();
    if head {
        tensors.extend(Head::expected_tensors(file));
    }
    file.check(&tensors)?;

    let convention = file.convention().map_err(|mut error| {
        // All keys that are missing are named at once.
        if let (WeightsError::Convention { faults, .. }, true) = (&mut error, head) {
            let (names, outputs) = (attribute_names(file), file.shape(Head::TENSORS[7]).map_or(0, |shape| shape[0]));
            if names.len() != outputs {
                faults.push(format!("'{}' has {} names where {outputs} are wanted", keys::ATTRIBUTES, names.len()));
            }
        }
        error
    })?;
    let backbone =
        Backbone::load(&Network { padding: convention.padding, epsilon: convention.epsilon, ..network }, &|name, shape| {
            Ok(file.f32(name, shape)?)
        })?
        .composed();
    let (mut top, mut attributes) = (Top::None, Vec::new());
    if head {
        let (read, names) = read_head(path, file, features as u32)?;
        (top, attributes) = (Top::Attributes(read), names);
    } else if let Some(classes) = classes {
        let weight = file.f32(CLASSIFIER[0], &[classes, features])?;
        let bias = file.f32(CLASSIFIER[1], &[classes])?;
        top = Top::Classifier(Dense::from_torch([classes as u32, features as u32], &weight, bias, Activation::None));
    }
    let size = input_size(path, file)?;
    let files = vec![(path.to_path_buf(), file.sha256().to_string())];
    Ok(Model { backbone, top, attributes, convention, size, precision: Precision::F32, files })
}

/// Reads a head for a backbone with `features` features, and the names of its attributes.
fn read_head(path: &Path, file: &WeightsFile, features: u32) -> Result<(Head, Vec<String>), ModelError> {
    let head = Head::read(file)?;
    if head.features != features {
        let shape = |features: u32| vec![features as usize, head.hidden as usize];
        return Err(ModelError::Weights(WeightsError::Shape {
            path: path.to_path_buf(),
            name: Head::TENSORS[0].to_string(),
            expected: shape(features),
            found: shape(head.features),
        }));
    }
    let names = attribute_names(file);
    if names.len() != head.attributes as usize {
        return Err(ModelError::AttributeNames {
            path: path.to_path_buf(),
            expected: head.attributes as usize,
            found: names.len(),
        });
    }
    Ok((head, names))
}

/// Returns the names of the outputs in the file's metadata.
fn attribute_names(file: &WeightsFile) -> Vec<String> {
    file.metadata().get(keys::ATTRIBUTES).map_or(Vec::new(), |names| names.split(',').map(String::from).collect())
}

/// Returns height and width of the input in pixels according to the file's metadata: a multiple of 32 from 32 to 1,024, or 224
/// if the metadata does not say.
fn input_size(path: &Path, file: &WeightsFile) -> Result<u32, ModelError> {
    let metadata = file.metadata();
    let Some(text) = metadata.get(keys::SIZE) else { return Ok(224) };
    let valid = text.parse().ok().filter(|size| (32..=1024).contains(size) && size % 32 == 0);
    valid.ok_or_else(|| ModelError::InputSize { path: path.to_path_buf(), found: text.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::weights::{StoredPrecision, write_weights};

    #[test]
    fn a_weight_too_large_for_the_precision_is_an_error_that_names_its_layer() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mobilenet_v2_celeba.safetensors");
        let model = Model::open(&path, None).expect("the shipped model");
        assert_eq!(model.clone().stored_in(Precision::F16).expect("it fits").precision, Precision::F16);
        // The third layer's batch norm multiplies by 10⁶.
        let tensor = |name: &str, shape: &[usize]| {
            let value = if name == "features.1.conv.2.weight" { 1e6 } else { 1.0 };
            Ok(vec![value; shape.iter().product()])
        };
        let backbone = Backbone::load(&described(1.0), &tensor).expect("made-up weights");
        let model = Model { backbone, ..model };
        assert!(model.clone().stored_in(Precision::F32).is_ok());
        let message = model.stored_in(Precision::F16).expect_err("too large").to_string();
        assert!(message.contains("features.1.conv.1") && message.contains("--precision f32"), "{message}");
    }

    #[test]
    fn a_head_for_another_number_of_features_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("head.safetensors");
        let metadata = std::collections::BTreeMap::from([(keys::ATTRIBUTES.to_string(), "a,b".to_string())]);
        let head = crate::nn::random::initial_head(1, 8, 4, 2);
        head.stored(|tensors| write_weights(&path, tensors, &metadata, StoredPrecision::F32)).expect("a written head");
        let file = WeightsFile::open(&path).expect("a weights file");
        let (read, names) = read_head(&path, &file, 8).expect("a head");
        assert_eq!((read, names), (head, vec!["a".to_string(), "b".to_string()]));
        let message = read_head(&path, &file, 12).expect_err("another backbone").to_string();
        assert!(message.contains("'head.dense1.kernel' is [8, 4] where [12, 4] is wanted"), "{message}");
    }
}
