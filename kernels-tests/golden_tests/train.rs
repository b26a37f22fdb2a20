//! The `losses`, `optimizers`, `training` and `era` groups: compares losses, optimizers and training with Keras and PyTorch.

use std::path::Path;

use lineament::app::train::{Masks, Part, Samples, SessionShape};
use lineament::nn::training::{Loss, NetworkShape};
use lineament::ops::{Adadelta, padded_channels};
use lineament::profiles::Device;
use serde_json::Value;

use super::{head, keras2, losses, optimizers, tiny};
use crate::golden_tests::data::{Arrays, GoldenError, Manifest};
use crate::golden_tests::failed;
use crate::golden_tests::kernels::Fixture;
use crate::harness::compare;
use crate::harness::outcome::{CheckResult, Verdict};

/// The results of comparing a fixture.
pub type Results = Result<Vec<CheckResult>, GoldenError>;

/// Largest normalised mean squared error from double precision.
pub const NMSE: f64 = 1e-10;

/// Runs every fixture of a group.
pub fn run(device: &Device, folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    let one = |(file, entry): (&String, &Value)| {
        let (run, tensor): (fn(&Device, &Fixture) -> Results, &str) = match manifest.group.as_str() {
            "losses" => (losses::tensorflow2, "losses"),
            "era" if file.starts_with("losses") => (losses::keras2, "losses"),
            "era" if file.starts_with("optimizer") => (optimizers::run, "params"),
            "era" => return keras2::run(device, folder, file, entry),
            "optimizers" => (optimizers::run, "params"),
            "training" if file.starts_with("head") => (head::run, "loss"),
            // The other files refer to this one.
            "training" if file.starts_with("tiny_inputs") => return Vec::new(),
            _ => return tiny::run(device, folder, file, entry),
        };
        let fixture = Arrays::read(&folder.join(file), entry).map(|arrays| Fixture { file, entry, arrays });
        fixture.and_then(|fixture| run(device, &fixture)).unwrap_or_else(|error| vec![failed(file, tensor, &error)])
    };
    manifest.files.iter().flat_map(one).collect()
}

/// Compares by normalised mean squared error, which may be up to [`NMSE`].
pub fn near(file: &str, tensor: &str, found: &[f32], expected: &[f64]) -> CheckResult {
    near_within(file, tensor, found, expected, NMSE)
}

/// Compares by normalised mean squared error, which may be up to `nmse`.
pub fn near_within(file: &str, tensor: &str, found: &[f32], expected: &[f64], nmse: f64) -> CheckResult {
    let comparison = compare::floats(found, expected, nmse, f64::INFINITY);
    let verdict = comparison.fault.map_or(Verdict::Passed, |fault| Verdict::Failed(fault.to_string()));
    CheckResult {
        part: tensor.to_string(),
        nmse: comparison.nmse,
        max_abs: comparison.max_abs,
        ..CheckResult::behaviour(file, &format!("NMSE ≤ {nmse:.0e}"), verdict)
    }
}

/// Returns rows of `width` values, each padded with zeros to a multiple of four.
pub fn padded(values: &[f64], width: usize) -> Vec<f32> {
    let stride = padded_channels(width as u32) as usize;
    let row =
        |row: &[f64]| row.iter().map(|value| *value as f32).chain(std::iter::repeat_n(0.0, stride - width)).collect::<Vec<_>>();
    values.chunks(width).flat_map(row).collect()
}

/// Returns rows of `width` values without the padding that makes each a multiple of four.
pub fn unpadded(values: &[f32], width: usize) -> Vec<f32> {
    values.chunks(padded_channels(width as u32) as usize).flat_map(|row| &row[..width]).copied().collect()
}

/// Returns the session in which every fixture trains a network: with the cosine loss and AdaDelta. It keeps the losses of
/// `steps` batches.
pub fn session(network: &NetworkShape, steps: usize) -> SessionShape {
    SessionShape {
        mixed_precision: false,
        network: network.clone(),
        loss: Loss::Cosine,
        optimizer: Adadelta::KERAS.into(),
        masks: Masks::Given,
        losses: steps,
        accumulates: false,
        weighted: false,
        normalisation: None,
    }
}

/// Returns a part that is the whole batch of a step.
pub fn whole_batch<'a>(x: &'a [f32], labels: &'a [f32], mask: Option<&'a [u8]>, step: usize) -> Part<'a> {
    Part {
        samples: Samples::Values(x),
        labels,
        weights: None,
        mask,
        epoch: 0,
        first_sample: 0,
        position: step as u32,
        first: true,
        weight: 1.0,
    }
}
