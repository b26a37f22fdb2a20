//! Compares the losses of the `losses` and `era` groups with TensorFlow 2 in double precision and Keras 2.2.4 in single precision.

use lineament::ops::{
    BinaryAccuracy, CosineForm, CosineProximity, ElementwiseFormula, ElementwiseLoss, LossMean, padded_channels,
};
use lineament::plan::Plan;
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::golden_tests::data::{Array, GoldenError};
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::train::{NMSE, Results, near, padded, unpadded};
use crate::harness::outcome::{CheckResult, Verdict};

/// The largest error of a value that must be 0.
const ZERO: f64 = 1e-7;

/// A loss that the library computes.
#[derive(Clone, Copy)]
enum Loss {
    Cosine,
    Elementwise(ElementwiseFormula),
}

/// (name in the fixture, loss). The cosine similarity of TensorFlow 2 is the cosine proximity of Keras 2.2.4.
const TENSORFLOW2: &[(&str, Loss)] = &[
    ("cosine_proximity", Loss::Cosine),
    ("cosine_similarity_tf2", Loss::Cosine),
    ("mean_squared_error", Loss::Elementwise(ElementwiseFormula::MeanSquaredError)),
    ("mean_absolute_error", Loss::Elementwise(ElementwiseFormula::MeanAbsoluteError)),
    ("binary_crossentropy", Loss::Elementwise(ElementwiseFormula::BinaryCrossEntropyTensorflow2)),
];

/// (name in the fixture, loss).
const KERAS2: &[(&str, Loss)] = &[
    ("cosine_proximity", Loss::Cosine),
    ("mean_squared_error", Loss::Elementwise(ElementwiseFormula::MeanSquaredError)),
    ("mean_absolute_error", Loss::Elementwise(ElementwiseFormula::MeanAbsoluteError)),
    ("binary_crossentropy", Loss::Elementwise(ElementwiseFormula::BinaryCrossEntropyKeras2)),
];

/// Compares a fixture of TensorFlow 2: losses of samples and of the batch, and gradients.
pub fn tensorflow2(device: &Device, fixture: &Fixture) -> Results {
    run(device, fixture, TENSORFLOW2)
}

/// Compares a fixture of Keras 2.2.4: losses of samples, gradients, and the share of correct predictions in every sample.
pub fn keras2(device: &Device, fixture: &Fixture) -> Results {
    let mut results = run(device, fixture, KERAS2)?;
    let (predictions, labels) = (fixture.arrays.get("predictions")?, fixture.arrays.get("labels")?);
    let found = accuracies(device, predictions, labels)?;
    results.push(near(fixture.file, "binary_accuracy", &found, &fixture.arrays.get("binary_accuracy")?.values));
    Ok(results)
}

fn run(device: &Device, fixture: &Fixture, losses: &[(&str, Loss)]) -> Results {
    let (predictions, labels) = (fixture.arrays.get("predictions")?, fixture.arrays.get("labels")?);
    let [_, attributes] = predictions.shape[..] else { return Err(fixture.unusable("predictions")) };
    // If Σ p² is very close to the floor of 1e-12, single and double precision can fall on different sides of it.
    let length = |row: &[f64]| row.iter().map(|p| p * p).sum::<f64>();
    let off_floor: Vec<bool> =
        predictions.values.chunks(attributes).map(|row| (length(row) / 1e-12 - 1.0).abs() > 1e-5).collect();
    let mut results = Vec::new();
    for (name, loss) in losses {
        let found = compute(device, fixture.file, *loss, predictions, labels)?;
        results.push(near(fixture.file, name, &found.samples, &fixture.arrays.get(name)?.values));
        let kept = |at: usize| !matches!(loss, Loss::Cosine) || off_floor[at / attributes];
        let gradient = format!("{name}_grad");
        let expected = keep(&fixture.arrays.get(&gradient)?.values, kept);
        results.push(near_by_row(fixture.file, &gradient, attributes, &keep(&found.gradient, kept), &expected));
        let mean = format!("{name}_mean");
        if let Some(expected) = fixture.entry["params"][&mean].as_f64() {
            results.push(near(fixture.file, &mean, &[found.mean], &[expected]));
        }
    }
    Ok(results)
}

fn keep<T: Copy>(values: &[T], kept: impl Fn(usize) -> bool) -> Vec<T> {
    values.iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, value)| *value).collect()
}

struct Found {
    samples: Vec<f32>,
    mean: f32,
    gradient: Vec<f32>,
}

fn compute(device: &Device, label: &str, kind: Loss, predictions: &Array, labels: &Array) -> Result<Found, GoldenError> {
    let [rows, width] = [0, 1].map(|axis| predictions.shape[axis]);
    let (batch, attributes) = (rows as u32, width as u32);
    let elements = rows * padded_channels(attributes) as usize;
    let mut plan = Plan::new(label);
    let [p, y, gradient] = ["predictions", "labels", "gradient"].map(|label| plan.persistent(label, 4 * elements as u64));
    let [loss, mean] = [("loss", rows), ("mean", 1)].map(|(label, count)| plan.persistent(label, 4 * count as u64));
    plan.push(match kind {
        Loss::Cosine => CosineProximity { batch, attributes, form: CosineForm::Proximity }.step("loss", p, y, loss, gradient),
        Loss::Elementwise(formula) => ElementwiseLoss { batch, attributes, formula }.step("loss", [p, y], None, loss, gradient),
    });
    plan.push(LossMean { count: batch, position: 0 }.step("mean", loss, mean));
    let program = Program::new(device, &plan, &[])?;
    program.write(device, p, bytemuck::cast_slice(&padded(&predictions.values, width)));
    program.write(device, y, bytemuck::cast_slice(&padded(&labels.values, width)));
    program.run(device)?;
    let gradient = unpadded(&program.read(device, gradient)?, width);
    Ok(Found { samples: program.read(device, loss)?, mean: program.read(device, mean)?[0], gradient })
}

/// Returns the share of correct predictions in every sample. The kernel counts by attribute, so it runs once for each sample.
fn accuracies(device: &Device, predictions: &Array, labels: &Array) -> Result<Vec<f32>, GoldenError> {
    let width = predictions.shape[1];
    let bytes = 4 * u64::from(padded_channels(width as u32));
    let mut plan = Plan::new("binary accuracy");
    let [p, y, correct] = ["predictions", "labels", "correct"].map(|label| plan.persistent(label, bytes));
    plan.push(BinaryAccuracy { rows: 1, attributes: width as u32 }.step("accuracy", p, y, correct));
    let program = Program::new(device, &plan, &[])?;
    let sample = |(prediction, label): (&[f64], &[f64])| {
        program.write(device, p, bytemuck::cast_slice(&padded(prediction, width)));
        program.write(device, y, bytemuck::cast_slice(&padded(label, width)));
        program.write(device, correct, &vec![0; bytes as usize]);
        program.run(device)?;
        let counts = program.read(device, correct)?;
        let right: u32 = counts[..width].iter().map(|count| count.to_bits()).sum();
        Ok(right as f32 / width as f32)
    };
    predictions.values.chunks(width).zip(labels.values.chunks(width)).map(sample).collect()
}

/// Compares each row separately, because the gradients of two rows may differ by orders of magnitude.
fn near_by_row(file: &str, tensor: &str, width: usize, found: &[f32], expected: &[f64]) -> CheckResult {
    let mut worst = near(file, tensor, &[], &[]);
    worst.note = format!("row NMSE ≤ {NMSE:e}, or error ≤ {ZERO:e}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_row_is_found_next_to_a_row_of_large_values() {
        let expected = [1e6, -1e6, 1.0, 2.0, 0.0, 0.0];
        let compare = |found: [f32; 6]| near_by_row("file", "gradient", 2, &found, &expected).verdict;
        assert_eq!(compare([1e6, -1e6, 1.0, 2.0, 1e-8, 0.0]), Verdict::Passed);
        for wrong in [[1e6, -1e6, 1.0, 2.001, 0.0, 0.0], [1e6, -1e6, 1.0, 2.0, 1e-3, 0.0], [1e6, f32::NAN, 1.0, 2.0, 0.0, 0.0]] {
            assert!(matches!(compare(wrong), Verdict::Failed(_)), "{wrong:?}");
        }
    }
}
