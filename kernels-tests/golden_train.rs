//! The `losses`, `optimizers` and `training` groups: what Keras and PyTorch compute of what the head is trained with.

use std::path::Path;

use lineament::gpu::Gpu;
use lineament::kernels::{Adadelta, CosineProximity, LossMean, padded_channels};
use lineament::model::{HEAD_EPSILON, Head};
use lineament::scheduler::{Plan, Program};
use lineament::train::{HeadSession, HeadState, HeadTraining, Masks, Position};
use serde_json::Value;

use crate::compare;
use crate::fixture::{FixtureResult, Verdict};
use crate::golden::{failed, skipped};
use crate::golden_data::{Arrays, GoldenError, Manifest};
use crate::golden_kernels::Fixture;

type Results = Result<Vec<FixtureResult>, GoldenError>;

/// What a kernel may differ by from double precision.
const NMSE: f64 = 1e-10;
/// What a value may differ by where the exact one is 0.
const ZERO: f64 = 1e-7;
/// The largest error of a loss of head training, over all steps.
const LOSS: f64 = 1e-5;
/// The largest error of a weight after it, and of a prediction.
const WEIGHT: f64 = 1e-4;

/// Runs every fixture of a group; what is not built yet is skipped by name.
pub fn run(gpu: &Gpu, folder: &Path, manifest: &Manifest) -> Vec<FixtureResult> {
    let one = |(file, entry): (&String, &Value)| {
        let (run, tensor): (fn(&Gpu, &Fixture) -> Results, &str) = match manifest.group.as_str() {
            "losses" => (losses, "cosine_proximity"),
            "optimizers" if file.starts_with("adadelta") => (adadelta, "params"),
            "optimizers" => return vec![skipped(file, "all", "this optimizer is not built yet")],
            "training" if file.starts_with("head") => (head, "loss"),
            _ => return vec![skipped(file, "all", "training the whole network is not built yet")],
        };
        let fixture = Arrays::read(&folder.join(file), entry).map(|arrays| Fixture { file, entry, arrays });
        fixture.and_then(|fixture| run(gpu, &fixture)).unwrap_or_else(|error| vec![failed(file, tensor, &error)])
    };
    manifest.files.iter().flat_map(one).collect()
}

/// Compares by normalised mean squared error.
fn near(file: &str, tensor: &str, found: &[f32], expected: &[f64]) -> FixtureResult {
    let comparison = compare::floats(found, expected, NMSE, f64::INFINITY);
    let verdict = comparison.fault.map_or(Verdict::Passed, |fault| Verdict::Failed(fault.to_string()));
    FixtureResult {
        tensor: tensor.to_string(),
        nmse: comparison.nmse,
        max_abs: comparison.max_abs,
        ..FixtureResult::behaviour(file, &format!("NMSE ≤ {NMSE:e}"), verdict)
    }
}

/// Compares each row by itself, since gradients of rows may be orders of magnitude apart.
fn near_by_row(file: &str, tensor: &str, width: usize, found: &[f32], expected: &[f64]) -> FixtureResult {
    let mut worst = near(file, tensor, &[], &[]);
    worst.bound = format!("row NMSE ≤ {NMSE:e}, or error ≤ {ZERO:e}");
    for (row, (found, expected)) in found.chunks(width).zip(expected.chunks(width)).enumerate() {
        let result = near(file, tensor, found, expected);
        worst.max_abs = worst.max_abs.max(result.max_abs);
        if result.max_abs <= ZERO {
            continue;
        }
        worst.nmse = worst.nmse.max(result.nmse);
        if let (Verdict::Failed(reason), Verdict::Passed) = (result.verdict, &worst.verdict) {
            worst.verdict = Verdict::Failed(format!("row {row}: {reason}"));
        }
    }
    worst
}

/// Rows of `width` values padded to a multiple of four.
fn padded(values: &[f64], width: usize) -> Vec<f32> {
    let stride = padded_channels(width as u32) as usize;
    let row =
        |row: &[f64]| row.iter().map(|value| *value as f32).chain(std::iter::repeat_n(0.0, stride - width)).collect::<Vec<_>>();
    values.chunks(width).flat_map(row).collect()
}

fn unpadded(values: &[f32], width: usize) -> Vec<f32> {
    values.chunks(padded_channels(width as u32) as usize).flat_map(|row| &row[..width]).copied().collect()
}

fn losses(gpu: &Gpu, fixture: &Fixture) -> Results {
    let (predictions, labels) = (fixture.arrays.get("predictions")?, fixture.arrays.get("labels")?);
    let [batch, attributes] = predictions.shape[..] else { return Err(fixture.unusable("predictions")) };
    let elements = batch * padded_channels(attributes as u32) as usize;
    let mut plan = Plan::new(fixture.file);
    let [p, y, gradient] = ["predictions", "labels", "gradient"].map(|label| plan.persistent(label, 4 * elements as u64));
    let [loss, mean] = [("loss", batch), ("mean", 1)].map(|(label, count)| plan.persistent(label, 4 * count as u64));
    let cosine = CosineProximity { batch: batch as u32, attributes: attributes as u32 };
    plan.push(cosine.step("cosine proximity", p, y, loss, gradient));
    plan.push(LossMean { count: batch as u32, position: 0 }.step("mean", loss, mean));
    let program = Program::new(gpu, &plan, &[])?;
    program.write(gpu, p, bytemuck::cast_slice(&padded(&predictions.values, attributes)));
    program.write(gpu, y, bytemuck::cast_slice(&padded(&labels.values, attributes)));
    program.run(gpu)?;
    let (loss, mean) = (program.read(gpu, loss)?, program.read(gpu, mean)?);
    let gradient = unpadded(&program.read(gpu, gradient)?, attributes);

    // On the floor of Σ p² itself single and double precision fall on different sides.
    let length = |row: &[f64]| row.iter().map(|p| p * p).sum::<f64>();
    let kept: Vec<bool> = predictions.values.chunks(attributes).map(|row| (length(row) / 1e-12 - 1.0).abs() > 1e-5).collect();
    let keep = |(at, _): &(usize, _)| kept[at / attributes];
    let found: Vec<f32> = gradient.iter().copied().enumerate().filter(|(at, _)| kept[at / attributes]).map(|(_, g)| g).collect();
    let mut results = Vec::new();
    // TensorFlow 2's cosine similarity is Keras 2.2.4's cosine proximity.
    for name in ["cosine_proximity", "cosine_similarity_tf2"] {
        results.push(near(fixture.file, name, &loss, &fixture.arrays.get(name)?.values));
        let name = format!("{name}_grad");
        let expected: Vec<f64> =
            fixture.arrays.get(&name)?.values.iter().copied().enumerate().filter(keep).map(|(_, g)| g).collect();
        results.push(near_by_row(fixture.file, &name, attributes, &found, &expected));
        let name = name.replace("_grad", "_mean");
        let expected = fixture.entry["params"][&name].as_f64().ok_or_else(|| fixture.unusable(&name))?;
        results.push(near(fixture.file, &name, &mean, &[expected]));
    }
    let others = ["mean_squared_error", "mean_absolute_error", "binary_crossentropy"];
    results.extend(others.map(|name| skipped(fixture.file, name, "this loss is not built yet")));
    Ok(results)
}

fn adadelta(gpu: &Gpu, fixture: &Fixture) -> Results {
    let gradients = fixture.arrays.get("grads")?;
    let [steps, count] = gradients.shape[..] else { return Err(fixture.unusable("grads")) };
    let number = |key: &str| {
        let value = fixture.entry["params"][key].as_f64();
        value.map(|value| value as f32).ok_or_else(|| fixture.unusable(key))
    };
    let rates = Adadelta {
        count: padded_channels(count as u32),
        learning_rate: number("lr")?,
        rho: number("rho")?,
        epsilon: number("eps")?,
    };
    let mut plan = Plan::new(fixture.file);
    let [gradient, parameter, accumulated, update] = ["gradient", "parameter", "accumulated gradient", "accumulated update"]
        .map(|label| plan.persistent(label, 4 * u64::from(rates.count)));
    plan.push(rates.step("update", gradient, parameter, [accumulated, update]));
    let program = Program::new(gpu, &plan, &[])?;
    program.write(gpu, parameter, bytemuck::cast_slice(&padded(&fixture.arrays.get("p0")?.values, count)));
    let mut found = [parameter, accumulated, update].map(|view| (view, Vec::with_capacity(steps * count)));
    for step in gradients.values.chunks(count) {
        program.write(gpu, gradient, bytemuck::cast_slice(&padded(step, count)));
        program.run(gpu)?;
        for (view, values) in &mut found {
            values.extend(unpadded(&program.read(gpu, *view)?, count));
        }
    }
    // Keras numbers its state, PyTorch names it.
    let names = [&["params"][..], &["state_0", "state_square_avg"], &["state_1", "state_acc_delta"]];
    let result = |(names, (_, values)): (&[&str], &(_, Vec<f32>))| {
        let name = names.iter().find(|name| fixture.arrays.get(name).is_ok()).copied().unwrap_or(names[0]);
        Ok(near(fixture.file, name, values, &fixture.arrays.get(name)?.values))
    };
    names.into_iter().zip(&found).map(result).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_wrong_is_found_beside_a_huge_one() {
        let expected = [1e6, -1e6, 1.0, 2.0, 0.0, 0.0];
        let compare = |found: [f32; 6]| near_by_row("file", "gradient", 2, &found, &expected).verdict;
        assert_eq!(compare([1e6, -1e6, 1.0, 2.0, 1e-8, 0.0]), Verdict::Passed);
        for wrong in [[1e6, -1e6, 1.0, 2.001, 0.0, 0.0], [1e6, -1e6, 1.0, 2.0, 1e-3, 0.0], [1e6, f32::NAN, 1.0, 2.0, 0.0, 0.0]] {
            assert!(matches!(compare(wrong), Verdict::Failed(_)), "{wrong:?}");
        }
    }
}
