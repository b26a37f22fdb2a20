//! The `losses`, `optimizers`, `training` and `era` groups: what Keras and PyTorch compute of what networks are trained with.

use std::path::Path;

use lineament::gpu::Gpu;
use lineament::kernels::padded_channels;
use lineament::model::{HEAD_EPSILON, Head};
use lineament::train::{HeadSession, HeadState, HeadTraining, Masks, Position};
use serde_json::Value;

use crate::compare;
use crate::fixture::{FixtureResult, Verdict};
use crate::golden::{failed, skipped};
use crate::golden_data::{Arrays, GoldenError, Manifest};
use crate::golden_kernels::Fixture;
use crate::{golden_losses, golden_optimizers};

/// What comparing a fixture gives.
pub type Results = Result<Vec<FixtureResult>, GoldenError>;

/// What a kernel may differ by from double precision.
pub const NMSE: f64 = 1e-10;
/// The largest error of a loss of head training, over all steps.
const LOSS: f64 = 1e-5;
/// The largest error of a weight after it, and of a prediction.
const WEIGHT: f64 = 1e-4;

/// Runs every fixture of a group; what is not built yet is skipped by name.
pub fn run(gpu: &Gpu, folder: &Path, manifest: &Manifest) -> Vec<FixtureResult> {
    let one = |(file, entry): (&String, &Value)| {
        let (run, tensor): (fn(&Gpu, &Fixture) -> Results, &str) = match manifest.group.as_str() {
            "losses" => (golden_losses::tensorflow2, "losses"),
            "era" if file.starts_with("losses") => (golden_losses::keras2, "losses"),
            "era" if file.starts_with("optimizer") => (golden_optimizers::run, "params"),
            "era" if file.ends_with(".json") => return vec![skipped(file, "all", "a note, nothing to compare")],
            "era" if file.starts_with("batchnorm") => {
                return vec![skipped(file, "all", "Keras 2.2.4's running statistics are not built yet")];
            }
            "era" => return vec![skipped(file, "all", "training in Keras 2.2.4 is not compared yet")],
            "optimizers" => (golden_optimizers::run, "params"),
            "training" if file.starts_with("head") => (head, "loss"),
            _ => return vec![skipped(file, "all", "training the whole network is not built yet")],
        };
        let fixture = Arrays::read(&folder.join(file), entry).map(|arrays| Fixture { file, entry, arrays });
        fixture.and_then(|fixture| run(gpu, &fixture)).unwrap_or_else(|error| vec![failed(file, tensor, &error)])
    };
    manifest.files.iter().flat_map(one).collect()
}

/// Compares by normalised mean squared error.
pub fn near(file: &str, tensor: &str, found: &[f32], expected: &[f64]) -> FixtureResult {
    let comparison = compare::floats(found, expected, NMSE, f64::INFINITY);
    let verdict = comparison.fault.map_or(Verdict::Passed, |fault| Verdict::Failed(fault.to_string()));
    FixtureResult {
        tensor: tensor.to_string(),
        nmse: comparison.nmse,
        max_abs: comparison.max_abs,
        ..FixtureResult::behaviour(file, &format!("NMSE ≤ {NMSE:e}"), verdict)
    }
}

/// Rows of `width` values padded to a multiple of four.
pub fn padded(values: &[f64], width: usize) -> Vec<f32> {
    let stride = padded_channels(width as u32) as usize;
    let row =
        |row: &[f64]| row.iter().map(|value| *value as f32).chain(std::iter::repeat_n(0.0, stride - width)).collect::<Vec<_>>();
    values.chunks(width).flat_map(row).collect()
}

/// Rows padded to a multiple of four without their padding.
pub fn unpadded(values: &[f32], width: usize) -> Vec<f32> {
    values.chunks(padded_channels(width as u32) as usize).flat_map(|row| &row[..width]).copied().collect()
}

/// Names of the head's tensors in the fixture, in the order of [`Head::TENSORS`].
const HEAD: [&str; 8] = ["d1_kernel", "d1_bias", "bn_gamma", "bn_beta", "bn_mean", "bn_var", "d2_kernel", "d2_bias"];

fn head(gpu: &Gpu, fixture: &Fixture) -> Results {
    let [width, hidden, attributes] = [fixture.number("in")?, fixture.number("hidden")?, fixture.number("out")?];
    let (steps, batch) = (fixture.number("steps")? as usize, fixture.number("batch")?);
    let number = |key: &str| fixture.entry["params"][key].as_f64().ok_or_else(|| fixture.unusable(key));
    if number("bn_eps")? as f32 != HEAD_EPSILON {
        return Err(fixture.unusable("bn_eps"));
    }
    let single = |name: &str| -> Result<Vec<f32>, GoldenError> {
        Ok(fixture.arrays.get(name)?.values.iter().map(|value| *value as f32).collect())
    };
    let bytes = |name: &str| -> Result<Vec<u8>, GoldenError> {
        Ok(fixture.arrays.get(name)?.values.iter().map(|value| *value as u8).collect())
    };
    let (dropout, momentum) = (number("rate")? as f32, number("bn_momentum")? as f32);
    let settings = HeadTraining { hidden, batch, dropout, momentum, ..HeadTraining::default() };
    let channel = |value: f32| vec![value; hidden as usize];
    let tensors = [
        single("d1_kernel")?,
        channel(0.0),
        channel(1.0),
        channel(0.0),
        channel(0.0),
        channel(1.0),
        single("d2_kernel")?,
        vec![0.0; attributes as usize],
    ];
    let state = HeadState::new(Head { features: width, hidden, attributes, tensors });
    let mut session = HeadSession::new(gpu, &settings, steps, Masks::Given, &state)?;

    let (features, labels, masks) = (single("features")?, bytes("labels")?, bytes("mask")?);
    let order = &fixture.arrays.get("order")?.values;
    let images = features.len() / width as usize;
    if order.iter().any(|row| *row < 0.0 || *row >= images as f64) || order.len() != steps * batch as usize {
        return Err(GoldenError::Tensor { tensor: "order".to_string(), reason: format!("is no order of {images} rows") });
    }
    let mut accuracies = Vec::with_capacity(steps);
    let masks = masks.chunks((batch * hidden) as usize);
    for ((step, rows), mask) in order.chunks(batch as usize).enumerate().zip(masks) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for row in rows {
            x.extend_from_slice(row_of(&features, *row, width));
            y.extend_from_slice(row_of(&labels, *row, attributes));
        }
        session.write_correct(&vec![0; attributes as usize]);
        session.train(&x, &y, Some(mask), Position { epoch: 0, step: step as u32, first_sample: 0 })?;
        let correct: u32 = session.correct()?.iter().sum();
        accuracies.push(f64::from(correct) / f64::from(batch * attributes));
    }
    let within = |tensor: &str, found: &[f32], bound: f64| -> Result<FixtureResult, GoldenError> {
        let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
        Ok(FixtureResult::within(fixture.file, tensor, &found, &fixture.arrays.get(tensor)?.values, bound))
    };
    let mut results = vec![within("loss", &session.losses(0, steps)?, LOSS)?];
    let expected = &fixture.arrays.get("binary_accuracy")?.values;
    results.push(FixtureResult::within(fixture.file, "binary_accuracy", &accuracies, expected, 1e-12));
    let trained = session.read_state()?.head;
    for (name, values) in HEAD.into_iter().zip(&trained.tensors) {
        results.push(within(&format!("final_{name}"), values, WEIGHT)?);
    }
    session.evaluate(&features, &labels, 0)?;
    results.push(within("final_predictions", &session.predictions(images as u32)?, WEIGHT)?);
    let (found, expected) = (f64::from(session.losses(0, 1)?[0]), number("final_loss_inference")?);
    results.push(FixtureResult::within(fixture.file, "final_loss_inference", &[found], &[expected], LOSS));
    Ok(results)
}

fn row_of<T>(values: &[T], row: f64, width: u32) -> &[T] {
    &values[row as usize * width as usize..(row as usize + 1) * width as usize]
}
