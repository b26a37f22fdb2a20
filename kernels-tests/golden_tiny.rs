//! Training a tiny network whole, step by step, against Keras: everything trained, or the first block frozen in the ways of
//! TensorFlow 2 and of Keras 2.2.4.

use std::path::Path;

use lineament::gpu::Gpu;
use lineament::kernels::Padding;
use lineament::model::mobilenet_v2::{ConvolutionKind, Layer};
use lineament::model::{Head, ModelError};
use lineament::train::network::{FrozenNorm, HeadShape, Loss, NetworkShape, NetworkState, Optimizer, RunningVariance};
use lineament::train::{Masks, NetworkSession, Part, Samples, SessionShape};
use serde_json::Value;

use crate::fixture::FixtureResult;
use crate::golden::failed;
use crate::golden_data::{Arrays, GoldenError, Manifest};
use crate::golden_head::{LOSS, WEIGHT};

/// The file with the images, the labels and the weights to start from.
const INPUTS: &str = "tiny_inputs.safetensors";
/// Beginnings of the names of moving variances, which Keras computes in two ways.
const WAYS: [(&str, &str, RunningVariance); 2] =
    [("final_", "predictions", RunningVariance::Biased), ("final_unbiased_", "predictions_unbiased", RunningVariance::Unbiased)];

/// Compares losses, final weights and predictions.
pub fn run(gpu: &Gpu, folder: &Path, file: &str, entry: &Value) -> Vec<FixtureResult> {
    let all = || -> Result<Vec<FixtureResult>, GoldenError> {
        let manifest = Manifest::read(folder)?;
        let inputs_entry = manifest.files.get(INPUTS).ok_or_else(|| unusable(file, INPUTS))?;
        let inputs = Arrays::read(&folder.join(INPUTS), inputs_entry)?;
        let expected = Arrays::read(&folder.join(file), entry)?;
        let tiny = Tiny { gpu, file, inputs: &inputs, expected: &expected };
        let mut results = tiny.compare(inputs_entry, entry, WAYS[0])?;
        // Where both ways are stored, the second one is what this program trains with.
        if expected.get(WAYS[1].1).is_ok() {
            results.extend(tiny.compare(inputs_entry, entry, WAYS[1])?);
        }
        Ok(results)
    };
    all().unwrap_or_else(|error| vec![failed(file, "loss", &error)])
}

fn unusable(file: &str, key: &str) -> GoldenError {
    GoldenError::Manifest { fixture: file.to_string(), key: key.to_string() }
}

struct Tiny<'a> {
    gpu: &'a Gpu,
    file: &'a str,
    inputs: &'a Arrays,
    expected: &'a Arrays,
}

impl Tiny<'_> {
    fn compare(
        &self,
        inputs: &Value,
        entry: &Value,
        (beginning, predictions, running_variance): (&str, &str, RunningVariance),
    ) -> Result<Vec<FixtureResult>, GoldenError> {
        let shape = self.shape(inputs, entry, running_variance)?;
        let images = self.inputs.get("images")?;
        let labels = self.inputs.get("labels")?;
        let (steps, batch) = (images.shape[0], images.shape[1] as u32);
        let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<f32>>();
        let state = NetworkState::read(&shape, &|name, shape| self.initial(name, shape))?;
        let session = SessionShape {
            network: shape.clone(),
            loss: Loss::Cosine,
            optimizer: Optimizer::KERAS_ADADELTA,
            masks: Masks::Given,
            losses: steps,
            accumulates: false,
            weighted: false,
            normalisation: None,
        };
        let mut session = NetworkSession::new(self.gpu, session, batch, &state, 0)?;
        let (images, labels) = (single(&images.values), single(&labels.values));
        let of_step =
            |values: &[f32], step: usize| values.chunks(values.len() / steps).nth(step).map_or(Vec::new(), <[f32]>::to_vec);
        for step in 0..steps {
            session.pass(&Part {
                samples: Samples::Values(&of_step(&images, step)),
                labels: &of_step(&labels, step),
                weights: None,
                mask: None,
                epoch: 0,
                first_sample: 0,
                position: step as u32,
                first: true,
                weight: 1.0,
            })?;
            session.update(1.0)?;
        }
        let within = |tensor: &str, found: &[f64], bound: f64| -> Result<FixtureResult, GoldenError> {
            Ok(FixtureResult::within(self.file, tensor, found, &self.expected.get(tensor)?.values, bound))
        };
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
        let mut results = Vec::new();
        let is_first_way = beginning == WAYS[0].0;
        if is_first_way {
            results.push(within("loss", &wide(&session.losses(0, steps)?), LOSS)?);
        }
        let trained = session.read_state()?;
        for (named, values) in trained.tensors() {
            let name = keras_name(&named.name);
            if is_first_way || name.ends_with("_var") {
                results.push(within(&format!("{beginning}{name}"), &keras_order(&named.shape, &wide(&values)), WEIGHT)?);
            }
        }
        session.freeze(&trained, batch)?;
        session.evaluate(&trained, Samples::Values(&of_step(&images, 0)), &of_step(&labels, 0), 0)?;
        results.push(within(predictions, &wide(&session.evaluated_predictions(batch)?), WEIGHT)?);
        Ok(results)
    }

    fn shape(&self, inputs: &Value, entry: &Value, running_variance: RunningVariance) -> Result<NetworkShape, GoldenError> {
        let missing = || unusable(self.file, "layers");
        let listed = inputs["params"]["layers"].as_array().ok_or_else(missing)?;
        let frozen: Vec<&str> = entry["params"]["frozen"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let layers: Vec<Layer> = listed.iter().map(layer).collect::<Option<_>>().ok_or_else(missing)?;
        let first_trained = layers.iter().position(|layer| !frozen.contains(&layer.convolution.as_str())).unwrap_or(layers.len());
        let size = self.inputs.get("images")?.shape[2] as u32;
        let attributes = self.inputs.get("labels")?.shape[2] as u32;
        let features = layers.last().map_or(0, |layer| layer.outputs);
        // The file of Keras 2.2.4's way is named for it; PyTorch computed it, whose running variances are unbiased.
        let keras2 = self.file.contains("keras224");
        let running_variance = if keras2 { RunningVariance::Unbiased } else { running_variance };
        Ok(NetworkShape {
            layers,
            first_trained,
            frozen_norm: if keras2 { FrozenNorm::BatchStatistics } else { FrozenNorm::Inference },
            padding: Padding::TensorflowSame,
            epsilon: 1e-3,
            momentum: 0.99,
            running_variance,
            size,
            head: HeadShape { features, hidden: None, attributes, dropout: 0.0, momentum: 0.99 },
        })
    }

    /// A tensor before training, in the program's order.
    fn initial(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let array = self.inputs.get(&format!("init_{}", keras_name(name)));
        let values = array.map(|array| array.values.clone()).unwrap_or_default();
        Ok(torch_order(shape, &values).into_iter().map(|value| value as f32).collect())
    }
}

/// A layer of the fixture's list; the block is told by the beginning of its name.
fn layer(listed: &Value) -> Option<Layer> {
    let name = listed["name"].as_str()?;
    let number = |key: &str| listed[key].as_u64().map(|number| number as u32);
    let kind = match (listed["kind"].as_str()?, number("kernel")?) {
        ("dw", _) => ConvolutionKind::Depthwise,
        (_, 3) => ConvolutionKind::Stem,
        _ => ConvolutionKind::Pointwise,
    };
    let blocks = ["stem", "b1", "b2", "last"];
    Some(Layer {
        convolution: name.to_string(),
        norm: format!("{name}_bn"),
        kind,
        inputs: number("in")?,
        outputs: number("out")?,
        stride: number("stride")?,
        relu6: listed["relu6"].as_bool()?,
        block: blocks.iter().position(|block| name.starts_with(block))?,
        // "output of stem is added to the BN output of b1_project"
        residual: name == "b1_project",
    })
}

/// The fixture's name of a tensor of ours.
fn keras_name(name: &str) -> String {
    let endings = [("_bn.weight", "_gamma"), ("_bn.bias", "_beta"), ("_bn.running_mean", "_mean"), ("_bn.running_var", "_var")];
    match endings.iter().find_map(|(ours, theirs)| name.strip_suffix(ours).map(|layer| format!("{layer}{theirs}"))) {
        Some(name) => name,
        None if name == Head::TENSORS[6] => "fc_w".to_string(),
        None if name == Head::TENSORS[7] => "fc_b".to_string(),
        None => name.replace(".weight", "_w"),
    }
}

/// From OIHW (depthwise C1HW) to HWIO (HWC1): outputs last, or as they are where there are no taps.
fn keras_order(shape: &[usize], values: &[f64]) -> Vec<f64> {
    permuted(shape, values, true)
}

/// The other way.
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
