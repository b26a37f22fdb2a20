//! Trains a tiny network step by step and compares it with Keras. All layers are trained, or the first block is frozen as in
//! TensorFlow 2 or as in Keras 2.2.4. Some of the fixtures were computed by Keras 2.2.4 itself.

use std::path::Path;

use lineament::app::train::{NetworkSession, Samples};
use lineament::nn::training::{FrozenNorm, HeadShape, NetworkShape, NetworkState, RunningStatistics};
use lineament::nn::{Convolution, ConvolutionKind, Head, ModelError, Network};
use lineament::ops::{Activation, Padding};
use lineament::profiles::Device;
use serde_json::Value;

use crate::golden_tests::data::{Arrays, GoldenError, Manifest};
use crate::golden_tests::failed;
use crate::golden_tests::head::{LOSS, WEIGHT};
use crate::golden_tests::train::{Results, session, whole_batch};
use crate::harness::outcome::CheckResult;

/// The file with the images, the labels and the weights to start from.
const INPUTS: &str = "tiny_inputs.safetensors";

/// Settings of training, and the names of the expected results in the fixture.
#[derive(Clone, Copy)]
struct Way {
    /// Prefix of the names of the final weights and statistics.
    beginning: &'static str,
    /// The name of the predictions.
    predictions: &'static str,
    running_statistics: RunningStatistics,
    frozen_norm: FrozenNorm,
}

const DOUBLE: Way = Way {
    beginning: "final_",
    predictions: "predictions",
    running_statistics: RunningStatistics::Tensorflow64,
    frozen_norm: FrozenNorm::Inference,
};
/// Running variances are unbiased, as in `lineament train`. The other results are those of [`DOUBLE`].
const UNBIASED: Way = Way {
    beginning: "final_unbiased_",
    predictions: "predictions_unbiased",
    running_statistics: RunningStatistics::Tensorflow,
    ..DOUBLE
};
/// Layers are frozen as in Keras 2.2.4, and the results were computed with PyTorch, whose running variances are unbiased.
const PYTORCH: Way =
    Way { running_statistics: RunningStatistics::Tensorflow, frozen_norm: FrozenNorm::BatchStatistics, ..DOUBLE };
const KERAS2: Way = Way { running_statistics: RunningStatistics::Keras2, ..PYTORCH };

/// Compares losses, final weights and predictions with a fixture of the `training` group.
pub fn run(device: &Device, folder: &Path, file: &str, entry: &Value) -> Vec<CheckResult> {
    let ways: &[Way] = if file.contains("keras224") { &[PYTORCH] } else { &[DOUBLE, UNBIASED] };
    let results = Arrays::read(&folder.join(file), entry)
        .and_then(|expected| Tiny::read(folder, file, &expected)?.compare_all(device, file, ways));
    results.unwrap_or_else(|error| vec![failed(file, "loss", &error)])
}

/// Trains on a fixture of the `training` group, whose folder is `training`, and compares with the results of Keras 2.2.4.
pub fn keras2(device: &Device, training: &Path, file: &str, expected: &Arrays) -> Results {
    let of_training = file.strip_prefix("training_").unwrap_or(file);
    Tiny::read(training, of_training, expected)?.compare_all(device, file, &[KERAS2])
}

/// A network, its training data, and the expected results.
struct Tiny<'a> {
    /// The layers.
    layers: Vec<Convolution>,
    /// Names of the layers that are not trained.
    frozen: Vec<String>,
    inputs: Arrays,
    expected: &'a Arrays,
}

impl Tiny<'_> {
    /// Reads the network of `file` in the folder of the `training` group.
    fn read<'a>(folder: &Path, file: &str, expected: &'a Arrays) -> Result<Tiny<'a>, GoldenError> {
        let manifest = Manifest::read(folder)?;
        let [inputs, entry] =
            [INPUTS, file].map(|file| manifest.files.get(file).ok_or_else(|| GoldenError::unusable(file, "params")));
        let (inputs, entry) = (inputs?, entry?);
        let layers = inputs["params"]["layers"].as_array().and_then(|listed| listed.iter().map(layer).collect());
        let frozen = entry["params"]["frozen"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(Tiny {
            layers: layers.ok_or_else(|| GoldenError::unusable(INPUTS, "layers"))?,
            frozen: frozen.map(str::to_string).collect(),
            inputs: Arrays::read(&folder.join(INPUTS), inputs)?,
            expected,
        })
    }

    /// Compares every way for which the fixture has predictions.
    fn compare_all(&self, device: &Device, file: &str, ways: &[Way]) -> Results {
        let mut results = Vec::new();
        for way in ways.iter().filter(|way| way.beginning == DOUBLE.beginning || self.expected.get(way.predictions).is_ok()) {
            results.extend(self.compare(device, file, *way)?);
        }
        Ok(results)
    }

    fn compare(&self, device: &Device, file: &str, way: Way) -> Results {
        let shape = self.shape(way)?;
        let images = self.inputs.get("images")?;
        let labels = self.inputs.get("labels")?;
        let (steps, batch) = (images.shape[0], images.shape[1] as u32);
        let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<f32>>();
        let state = NetworkState::read(&shape, &|name, shape| self.initial(name, shape))?;
        let mut session = NetworkSession::new(device, session(&shape, steps), batch, &state, 0)?;
        let (images, labels) = (single(&images.values), single(&labels.values));
        let of_step =
            |values: &[f32], step: usize| values.chunks(values.len() / steps).nth(step).map_or(Vec::new(), <[f32]>::to_vec);
        for step in 0..steps {
            session.pass(&whole_batch(&of_step(&images, step), &of_step(&labels, step), None, step))?;
            session.update(1.0)?;
        }
        let within = |tensor: &str, found: &[f64], bound: f64| -> Result<CheckResult, GoldenError> {
            Ok(CheckResult::within(file, tensor, found, &self.expected.get(tensor)?.values, bound))
        };
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
        let mut results = Vec::new();
        let is_first_way = way.beginning == DOUBLE.beginning;
        if is_first_way {
            results.push(within("loss", &wide(&session.losses(0, steps)?), LOSS)?);
        }
        let trained = session.read_state()?;
        for (named, values) in trained.tensors() {
            let name = keras_name(&named.name);
            if is_first_way || name.ends_with("_var") {
                results.push(within(&format!("{}{name}", way.beginning), &keras_order(&named.shape, &wide(&values)), WEIGHT)?);
            }
        }
        session.freeze(&trained, batch)?;
        session.evaluate(&trained, Samples::Values(&of_step(&images, 0)), &of_step(&labels, 0), 0)?;
        results.push(within(way.predictions, &wide(&session.evaluated_predictions(batch)?), WEIGHT)?);
        Ok(results)
    }

    fn shape(&self, way: Way) -> Result<NetworkShape, GoldenError> {
        let layers = self.layers.clone();
        let first_trained = layers.iter().position(|layer| !self.frozen.contains(&layer.name)).unwrap_or(layers.len());
        let size = self.inputs.get("images")?.shape[2] as u32;
        let attributes = self.inputs.get("labels")?.shape[2] as u32;
        let features = layers.last().map_or(0, |layer| layer.outputs);
        let shape = NetworkShape {
            network: Network::of_convolutions(layers, Padding::TensorflowSame, 1e-3),
            first_trained,
            frozen_norm: way.frozen_norm,
            momentum: 0.99,
            running_statistics: way.running_statistics,
            size,
        };
        Ok(shape.with_head(HeadShape { features, hidden: None, attributes, dropout: 0.0, momentum: 0.99 }))
    }

    /// Returns a tensor before training, in the order of elements that the library uses.
    fn initial(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let array = self.inputs.get(&format!("init_{}", keras_name(name)));
        let values = array.map(|array| array.values.clone()).unwrap_or_default();
        Ok(torch_order(shape, &values).into_iter().map(|value| value as f32).collect())
    }
}

/// Reads a layer from the fixture's list. The start of its name says which block it belongs to.
fn layer(listed: &Value) -> Option<Convolution> {
    let name = listed["name"].as_str()?;
    let number = |key: &str| listed[key].as_u64().map(|number| number as u32);
    let kind = match (listed["kind"].as_str()?, number("kernel")?) {
        ("dw", _) => ConvolutionKind::Depthwise,
        (_, 3) => ConvolutionKind::Stem,
        _ => ConvolutionKind::Pointwise,
    };
    let blocks = ["stem", "b1", "b2", "last"];
    let relu6 = listed["relu6"].as_bool()?;
    Some(Convolution {
        name: name.to_string(),
        norm: format!("{name}_bn"),
        kind,
        inputs: number("in")?,
        outputs: number("out")?,
        stride: number("stride")?,
        activation: if relu6 { Activation::Relu6 } else { Activation::None },
        block: blocks.iter().position(|block| name.starts_with(block))?,
        // "output of stem is added to the BN output of b1_project"
        residual: name == "b1_project",
    })
}

/// Returns the name that a tensor of the library has in the fixture.
fn keras_name(name: &str) -> String {
    let endings = [("_bn.weight", "_gamma"), ("_bn.bias", "_beta"), ("_bn.running_mean", "_mean"), ("_bn.running_var", "_var")];
    match endings.iter().find_map(|(ours, theirs)| name.strip_suffix(ours).map(|layer| format!("{layer}{theirs}"))) {
        Some(name) => name,
        None if name == Head::TENSORS[6] => "fc_w".to_string(),
        None if name == Head::TENSORS[7] => "fc_b".to_string(),
        None => name.replace(".weight", "_w"),
    }
}

/// Reorders a convolution's weight from OIHW to HWIO, or from C1HW to HWC1 if it is depthwise. Other tensors are returned as
/// they are.
pub fn keras_order(shape: &[usize], values: &[f64]) -> Vec<f64> {
    permuted(shape, values, true)
}

/// Reorders in the opposite direction.
fn torch_order(shape: &[usize], values: &[f64]) -> Vec<f64> {
    permuted(shape, values, false)
}

fn permuted(shape: &[usize], values: &[f64], to_keras: bool) -> Vec<f64> {
    let [outputs, inputs, height, width] = *shape else { return values.to_vec() };
    if values.len() != outputs * inputs * height * width {
        return Vec::new();
    }
    let mut result = vec![0.0; values.len()];
    for output in 0..outputs {
        for input in 0..inputs {
            for tap in 0..height * width {
                let torch = (output * inputs + input) * height * width + tap;
                // A depthwise weight has one input, so this order is HWC1, too.
                let keras = (tap * inputs + input) * outputs + output;
                let (to, from) = if to_keras { (keras, torch) } else { (torch, keras) };
                result[to] = values[from];
            }
        }
    }
    result
}
