//! Trains a head on features step by step and compares it with Keras.

use lineament::app::train::{NetworkSession, Samples};
use lineament::nn::training::{FrozenNorm, HeadShape, NetworkShape, NetworkState, RunningStatistics};
use lineament::nn::{HEAD_EPSILON, Head, Network};
use lineament::ops::Padding;
use lineament::profiles::Device;

use crate::golden_tests::data::GoldenError;
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::train::{Results, session, whole_batch};
use crate::harness::outcome::CheckResult;

/// The largest error of a loss, over all steps.
pub const LOSS: f64 = 1e-5;
/// The largest error of a weight after all steps, and of a prediction.
pub const WEIGHT: f64 = 1e-4;

/// Names of the head's tensors in the fixture, in the order of [`Head::TENSORS`].
const NAMES: [&str; 8] = ["d1_kernel", "d1_bias", "bn_gamma", "bn_beta", "bn_mean", "bn_var", "d2_kernel", "d2_bias"];

/// Returns a network that consists of a head alone.
fn shape(head: HeadShape, running_statistics: RunningStatistics) -> NetworkShape {
    let shape = NetworkShape {
        network: Network::new(Padding::TensorflowSame, 1e-3),
        first_trained: 0,
        frozen_norm: FrozenNorm::Inference,
        momentum: 0.999,
        running_statistics,
        size: 0,
    };
    shape.with_head(head)
}

/// Compares the losses of all steps, then the final weights and predictions.
pub fn run(device: &Device, fixture: &Fixture) -> Results {
    compare(device, fixture, fixture, RunningStatistics::Tensorflow, 1e-12)
}

/// Runs the steps of `inputs`, a fixture for [`run`], and compares with `expected`, computed by Keras 2.2.4 in single precision.
pub fn keras2(device: &Device, inputs: &Fixture, expected: &Fixture) -> Results {
    compare(device, inputs, expected, RunningStatistics::Keras2, 1e-6)
}

fn compare(device: &Device, fixture: &Fixture, made: &Fixture, running_statistics: RunningStatistics, accuracy: f64) -> Results {
    let [features, hidden, attributes] = [fixture.number("in")?, fixture.number("hidden")?, fixture.number("out")?];
    let (steps, batch) = (fixture.number("steps")? as usize, fixture.number("batch")?);
    let number = |key: &str| fixture.entry["params"][key].as_f64().ok_or_else(|| fixture.unusable(key));
    if number("bn_eps")? as f32 != HEAD_EPSILON {
        return Err(fixture.unusable("bn_eps"));
    }
    let single = |name: &str| -> Result<Vec<f32>, GoldenError> {
        Ok(fixture.arrays.get(name)?.values.iter().map(|value| *value as f32).collect())
    };
    let (dropout, momentum) = (number("rate")? as f32, number("bn_momentum")? as f32);
    let network = shape(HeadShape { features, hidden: Some(hidden), attributes, dropout, momentum }, running_statistics);
    let kernels = [single("d1_kernel")?, single("d2_kernel")?];
    let tensor = |name: &str, shape: &[usize]| {
        let constant = |value: f32| vec![value; shape.iter().product()];
        Ok(match Head::TENSORS.iter().position(|tensor| *tensor == name) {
            Some(0) => kernels[0].clone(),
            Some(6) => kernels[1].clone(),
            // Gamma and the running variance.
            Some(2 | 5) => constant(1.0),
            _ => constant(0.0),
        })
    };
    let state = NetworkState::read(&network, &tensor)?;
    let mut session = NetworkSession::new(device, session(&network, steps), batch, &state, 0)?;

    let (values, labels) = (single("features")?, single("labels")?);
    let masks: Vec<u8> = fixture.arrays.get("mask")?.values.iter().map(|value| *value as u8).collect();
    let order = &fixture.arrays.get("order")?.values;
    let images = values.len() / features as usize;
    if order.iter().any(|row| *row < 0.0 || *row >= images as f64) || order.len() != steps * batch as usize {
        return Err(GoldenError::Tensor {
            tensor: "order".to_string(),
            reason: format!("is not {} indices of {images} rows", steps * batch as usize),
        });
    }
    let mut accuracies = Vec::with_capacity(steps);
    let masks = masks.chunks((batch * hidden) as usize);
    for ((step, rows), mask) in order.chunks(batch as usize).enumerate().zip(masks) {
        let x: Vec<f32> = rows.iter().flat_map(|row| row_of(&values, *row, features)).copied().collect();
        let y: Vec<f32> = rows.iter().flat_map(|row| row_of(&labels, *row, attributes)).copied().collect();
        session.write_correct(&vec![0; attributes as usize]);
        session.pass(&whole_batch(&x, &y, Some(mask), step))?;
        session.update(1.0)?;
        let correct: u32 = session.correct()?.iter().sum();
        accuracies.push(f64::from(correct) / f64::from(batch * attributes));
    }
    let within = |tensor: &str, found: &[f32], bound: f64| -> Result<CheckResult, GoldenError> {
        let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
        Ok(CheckResult::within(made.file, tensor, &found, &made.arrays.get(tensor)?.values, bound))
    };
    let mut results = vec![within("loss", &session.losses(0, steps)?, LOSS)?];
    let expected = &made.arrays.get("binary_accuracy")?.values;
    results.push(CheckResult::within(made.file, "binary_accuracy", &accuracies, expected, accuracy));
    let trained = session.read_state()?;
    let tensors = trained.tensors();
    for (name, stored) in NAMES.into_iter().zip(Head::TENSORS) {
        let values = tensors.iter().find(|(named, _)| named.name == stored).map_or(&[][..], |(_, values)| values);
        results.push(within(&format!("final_{name}"), values, WEIGHT)?);
    }
    session.freeze(&trained, images as u32)?;
    session.evaluate(&trained, Samples::Values(&values), &labels, 0)?;
    results.push(within("final_predictions", &session.evaluated_predictions(images as u32)?, WEIGHT)?);
    // The fixture of Keras 2.2.4 does not have this loss.
    if let Some(expected) = made.entry["params"]["final_loss_inference"].as_f64() {
        let found = f64::from(session.evaluated(1)?.0[0]);
        results.push(CheckResult::within(made.file, "final_loss_inference", &[found], &[expected], LOSS));
    }
    Ok(results)
}

fn row_of<T>(values: &[T], row: f64, width: u32) -> &[T] {
    &values[row as usize * width as usize..(row as usize + 1) * width as usize]
}
