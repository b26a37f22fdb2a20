//! Compares one training step of the whole model with Keras: the loss, the predictions and the gradient of every parameter.

use std::path::Path;

use lineament::app::train::NetworkSession;
use lineament::nn::mobilenet_v2::mobilenet_v2;
use lineament::nn::training::{FrozenNorm, HeadShape, NetworkShape, NetworkState, RunningStatistics};
use lineament::nn::{Head, ModelError};
use lineament::ops::Padding;
use lineament::profiles::Device;
use serde_json::Value;

use crate::golden_tests::data::{Array, Arrays, GoldenError, Manifest, json};
use crate::golden_tests::recipe::Recipe;
use crate::golden_tests::train::{session, whole_batch};
use crate::harness::outcome::{CheckResult, Verdict};

/// (width, largest error of a gradient as a share of the l2 norm of its tensor). Rounding decides whether some values pass ReLU6,
/// so Keras in single precision has errors of this size too (see `golden/SEMANTICS.md`).
const NOISE: [(f64, f64); 2] = [(1.0, 0.03), (0.35, 0.08)];
/// Largest error of a gradient that is zero except for rounding, as a multiple of the error of Keras in single precision.
const ZERO: f64 = 10.0;
/// Largest error of the loss.
const LOSS: f64 = 1e-5;
/// Largest error of a prediction in training mode, where the batch statistics of a few pixels add noise.
const PREDICTION: f64 = 1e-4;

/// A training step: where its fixtures are, and the width, image size and batch of their forward fixture.
pub struct Fixture<'a> {
    pub device: &'a Device,
    pub folder: &'a Path,
    pub manifest: &'a Manifest,
    pub width: f64,
    pub size: u32,
    pub batch: u32,
}

/// The results of a step.
struct Step {
    state: NetworkState,
    loss: f64,
    predictions: Vec<f64>,
    gradients: Vec<f32>,
}

impl Fixture<'_> {
    /// Compares the loss, the predictions and the weight gradient of the first layer.
    pub fn training(&self, file: &str, entry: &Value) -> Result<Vec<CheckResult>, GoldenError> {
        let arrays = Arrays::read(&self.folder.join(file), entry)?;
        let step = self.step(&arrays.get("labels")?.values)?;
        let unusable = || GoldenError::unusable(file, "loss");
        let loss = entry["params"]["loss"].as_f64().ok_or_else(unusable)?;
        let predictions = &arrays.get("predictions")?.values;
        let expected = arrays.get("grad_Conv1_kernel")?;
        let bound = self.noise() * norm(&expected.values);
        let found = in_keras_order(&step, 0);
        let error = norm(&found.iter().zip(&expected.values).map(|(a, b)| a - b).collect::<Vec<_>>());
        Ok(vec![
            CheckResult::within(file, "loss", &[step.loss], &[loss], LOSS),
            CheckResult::within(file, "predictions", &step.predictions, predictions, PREDICTION),
            CheckResult::within(file, "grad_Conv1_kernel", &[error], &[0.0], bound),
        ])
    }

    /// Compares the norm, the largest element, the sum and some elements of the gradient of every parameter.
    pub fn gradients(&self, file: &str) -> Result<Vec<CheckResult>, GoldenError> {
        let expected = json(&self.folder.join(file))?;
        let unusable = |key: &str| GoldenError::unusable(file, key);
        let training = file.replacen("gradients", "training", 1).replace(".json", ".safetensors");
        let arrays = match self.manifest.files.get(&training) {
            Some(entry) => Arrays::read(&self.folder.join(&training), entry)?,
            None => return Err(unusable(&training)),
        };
        let step = self.step(&arrays.get("labels")?.values)?;
        let parameters = expected["parameters"].as_array().ok_or_else(|| unusable("parameters"))?;
        let mut results = Vec::new();
        for (index, line) in parameters.iter().enumerate() {
            let name = line["name"].as_str().ok_or_else(|| unusable("name"))?;
            let result = self.compare(file, name, line, &in_keras_order(&step, index));
            results.push(result.ok_or_else(|| unusable(name))?);
        }
        let count = step.state.table.trained_slots().map(|slot| slot.tensors.len()).sum::<usize>();
        let verdict = if count == parameters.len() {
            Verdict::Passed
        } else {
            Verdict::Failed(format!("the network has {count} trained parameters, the fixture {}", parameters.len()))
        };
        results.push(CheckResult { part: "parameters".to_string(), ..CheckResult::behaviour(file, "all", verdict) });
        Ok(results)
    }

    fn compare(&self, file: &str, name: &str, line: &Value, found: &[f64]) -> Option<CheckResult> {
        let number = |key: &str| line[key].as_f64();
        let list = |key: &str| line[key].as_array().map(|list| list.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
        if list("shape")?.iter().product::<f64>() != found.len() as f64 {
            return None;
        }
        let (l2, float32) = (number("l2")?, number("float32_l2_error")?);
        // The norm of a gradient that is zero except for rounding is arbitrary.
        let bound = if float32 > l2 { ZERO * float32 } else { self.noise() * l2 };
        let mut differences = vec![norm(found) - l2];
        differences.push(found.iter().fold(0.0f64, |most, value| most.max(value.abs())) - number("max_abs")?);
        // By the Cauchy–Schwarz inequality, the error of a sum is at most √n times the norm of the errors.
        differences.push((found.iter().sum::<f64>() - number("sum")?) / (found.len() as f64).sqrt());
        for (index, sample) in list("sample_flat_index")?.iter().zip(list("sample")?) {
            differences.push(found.get(*index as usize)? - sample);
        }
        let zeros = vec![0.0; differences.len()];
        Some(CheckResult::within(file, name, &differences, &zeros, bound))
    }

    fn noise(&self) -> f64 {
        NOISE.iter().find(|(width, _)| *width == self.width).map_or(0.0, |(_, noise)| *noise)
    }

    /// Runs one forward and backward pass with the recipe's weights, input and mask.
    fn step(&self, labels: &[f64]) -> Result<Step, GoldenError> {
        let recipe = Recipe::read(self.folder)?;
        let mut tensors = recipe.tensors(&format!("width_{:.2}", self.width))?;
        tensors.extend(recipe.tensors("head_37")?);
        let size_of =
            |name: &str, axis: usize| tensors.get(name).and_then(|(shape, _)| shape.get(axis)).map_or(0, |size| *size as u32);
        let [features, hidden] = [0, 1].map(|axis| size_of(Head::TENSORS[0], axis));
        let attributes = size_of(Head::TENSORS[6], 1);
        let network = NetworkShape {
            network: mobilenet_v2(self.width as f32, Padding::TensorflowSame, 1e-3),
            first_trained: 0,
            frozen_norm: FrozenNorm::Inference,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow64,
            size: self.size,
        };
        let network = network.with_head(HeadShape { features, hidden: Some(hidden), attributes, dropout: 0.3, momentum: 0.99 });
        let tensor = |name: &str, shape: &[usize]| match tensors.get(name) {
            Some((found, values)) if found == shape => Ok(values.clone()),
            _ => Err(missing(name, shape)),
        };
        let state = NetworkState::read(&network, &tensor)?;
        let mut session = NetworkSession::new(self.device, session(&network, 1), self.batch, &state, 0)?;
        let pixels = (self.batch * self.size * self.size) as usize;
        let kept = recipe.mask(self.batch, hidden)?;
        let stride = kept.len() / self.batch as usize;
        let mask: Vec<u8> = kept.chunks(stride).flat_map(|row| &row[..hidden as usize]).map(|kept| *kept as u8).collect();
        let labels: Vec<f32> = labels.iter().map(|label| *label as f32).collect();
        session.pass(&whole_batch(&recipe.input(3 * pixels)?, &labels, Some(&mask), 0))?;
        let predictions = session.predictions(self.batch)?.into_iter().map(f64::from).collect();
        let loss = session.losses(0, 1)?.first().copied().map_or(f64::NAN, f64::from);
        Ok(Step { gradients: session.gradients()?, state, loss, predictions })
    }
}

/// Returns the error for a tensor that the recipe lacks.
fn missing(name: &str, shape: &[usize]) -> ModelError {
    let (path, name, expected) = ("recipe.json".into(), name.to_string(), shape.to_vec());
    lineament::nn::weights::WeightsError::Shape { path, name, expected, found: Vec::new() }.into()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Returns the gradient of trained parameter `index` in Keras' order of elements: the weight of a convolution is OIHW in the
/// library, and HWIO or HWC1 in Keras. The parameters have the same order in both.
fn in_keras_order(step: &Step, index: usize) -> Vec<f64> {
    let mut slots = step.state.table.trained_slots().flat_map(|slot| (0..slot.tensors.len()).map(move |which| (slot, which)));
    let Some((slot, which)) = slots.nth(index) else { return Vec::new() };
    let shape = &slot.tensors[which].shape;
    let values: Vec<f64> = slot.load(which, &step.gradients).into_iter().map(f64::from).collect();
    if shape.len() != 4 {
        return values;
    }
    let array = Array { shape: shape.clone(), layout: "OIHW".to_string(), values };
    array.arranged("HWIO").map(|array| array.values).unwrap_or_default()
}
