//! The `era` group: compares batch norm with its running statistics, training and the model of the paper with Keras 2.2.4.

use std::path::{Path, PathBuf};

use lineament::nn::HEAD_EPSILON;
use lineament::nn::training::{NetworkShape, ParameterTable, RunningStatistics, Slot, UpdatePart};
use lineament::nn::{Convolution, Layer};
use lineament::ops::{Activation, BatchNorm, BatchNormCombine, BatchNormStatistics, Padding, padded_channels};
use lineament::plan::Plan;
use lineament::profiles::Device;
use lineament::scheduler::Program;
use serde_json::Value;

use super::{head, tiny};
use crate::golden_tests::data::{Arrays, GoldenError, Manifest, json, numbers};
use crate::golden_tests::failed;
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::layers::parts;
use crate::golden_tests::train::{Results, near, padded, unpadded};
use crate::harness::outcome::CheckResult;

/// Compares a fixture of the group, except for those of losses and optimizers. The weights before training are in the
/// `training` group, whose folder must be next to this one.
pub fn run(device: &Device, folder: &Path, file: &str, entry: &Value) -> Vec<CheckResult> {
    let read = || Ok(Fixture { file, entry, arrays: Arrays::read(&folder.join(file), entry)? });
    let training = || folder.parent().map_or(PathBuf::from("training"), |parent| parent.join("training"));
    let results = match file {
        "facts.json" => json(&folder.join(file)).and_then(|facts| corrections(file, &facts)),
        "model.json" => json(&folder.join(file)).and_then(|model| paper(file, &model)),
        "training_head.safetensors" => read().and_then(|expected| {
            let (training, file) = (training(), "head.safetensors");
            let manifest = Manifest::read(&training)?;
            let entry = manifest.files.get(file).ok_or_else(|| GoldenError::unusable(file, "params"))?;
            let inputs = Fixture { file, entry, arrays: Arrays::read(&training.join(file), entry)? };
            head::keras2(device, &inputs, &expected)
        }),
        _ if file.starts_with("batchnorm_") => read().and_then(|fixture| batch_norm(device, &fixture)),
        _ => read().and_then(|fixture| tiny::keras2(device, &training(), file, &fixture.arrays)),
    };
    results.unwrap_or_else(|error| vec![failed(file, "all", &error)])
}

/// Compares batch norm in both modes, and its running statistics after each of two batches.
fn batch_norm(device: &Device, fixture: &Fixture) -> Results {
    let number = |key: &str| {
        let number = fixture.entry["params"][key].as_f64().ok_or_else(|| fixture.unusable(key))?;
        Ok::<f32, GoldenError>(number as f32)
    };
    let (epsilon, momentum) = (number("eps")?, number("momentum")?);
    let x = fixture.arrays.get("x")?;
    let width = x.shape.last().copied().ok_or_else(|| fixture.unusable("x"))?;
    let rows = parts((x.values.len() / width) as u32);
    let channels = padded_channels(width as u32);
    let correction = RunningStatistics::Keras2.correction(rows.rows, x.shape.len() == 4, epsilon);
    let combine = BatchNormCombine { rows, channels, momentum, correction };

    let mut plan = Plan::new(fixture.file);
    let row = 4 * u64::from(channels);
    let [input, trained, inferred] =
        ["x", "y in training", "y in inference"].map(|label| plan.persistent(label, row * u64::from(rows.rows)));
    let [affine, initial, running, of_batch] =
        ["gamma and beta", "initial", "running", "of the batch"].map(|label| plan.persistent(label, 2 * row));
    let of_parts = plan.transient("of parts", 2 * row * u64::from(rows.count()));
    plan.push(BatchNormStatistics { rows, channels }.step("statistics", input, of_parts));
    let moving = plan.steps().len();
    plan.push(combine.step("running statistics", of_parts, of_batch, running));
    let norm = BatchNorm { rows: rows.rows, channels, epsilon, activation: Activation::None };
    plan.push(norm.step("training", input, of_batch, affine, None, trained));
    plan.push(norm.step("inference", input, initial, affine, None, inferred));

    let values = |name: &str| Ok::<_, GoldenError>(padded(&fixture.arrays.get(name)?.values, width));
    let pair = |names: [&str; 2]| Ok::<_, GoldenError>([values(names[0])?, values(names[1])?].concat());
    let program = Program::new(device, &plan, &[])?;
    program.write(device, affine, bytemuck::cast_slice(&pair(["gamma", "beta"])?));
    for view in [initial, running] {
        program.write(device, view, bytemuck::cast_slice(&pair(["running_mean", "running_var"])?));
    }
    let mut results = Vec::new();
    for (number, batch) in (1..).zip(["x", "x2"]) {
        let part = UpdatePart { number, before: 0.0, share: 1.0 };
        let momentum = RunningStatistics::Keras2.momentum_of(momentum, part).unwrap_or(momentum);
        program.set_params(device, moving, &BatchNormCombine { momentum, ..combine }.params());
        program.write(device, input, bytemuck::cast_slice(&values(batch)?));
        program.run(device)?;
        let mut compare = |name: &str, found: &[f32]| {
            let expected = &fixture.arrays.get(name)?.values;
            results.push(near(fixture.file, name, &unpadded(found, width), expected));
            Ok::<(), GoldenError>(())
        };
        if number == 1 {
            compare("y_training", &program.read(device, trained)?)?;
            compare("y_inference", &program.read(device, inferred)?)?;
        }
        let running = program.read(device, running)?;
        let (mean, variance) = running.split_at(channels as usize);
        compare(&format!("mean_after_{batch}"), mean)?;
        compare(&format!("var_after_{batch}"), variance)?;
    }
    Ok(results)
}

/// Compares the factor of a batch's biased variance with the formula that fits Keras 2.2.4.
fn corrections(file: &str, facts: &Value) -> Results {
    let facts = facts.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("batchnorm_"));
    let one = |(name, fact): (&String, &Value)| {
        let formula = fact["moving_variance_formula_that_fits"].as_str().ok_or_else(|| GoldenError::unusable(file, name))?;
        let count = fact["elements_per_channel"].as_u64().ok_or_else(|| GoldenError::unusable(file, name))?;
        let rest = formula.strip_prefix("zero-debiased, biased variance").ok_or_else(|| GoldenError::unusable(file, formula))?;
        let mut expected = 1.0;
        for factor in rest.split(" * ").skip(1) {
            let less = match factor {
                "m/(m-1)" => 1.0,
                "m/(m-1.001)" => 1.001,
                _ => return Err(GoldenError::unusable(file, formula)),
            };
            expected *= count as f64 / (count as f64 - less);
        }
        let found = RunningStatistics::Keras2.correction(count as u32, name.contains("_4d"), HEAD_EPSILON);
        Ok(CheckResult::within(file, name, &[f64::from(found)], &[expected], 1e-6))
    };
    facts.map(one).collect()
}

/// Compares the model of the paper: parameter counts, output size of every layer, padding, and the constants of batch norm.
fn paper(file: &str, model: &Value) -> Results {
    let mut results = Vec::new();
    let mut exactly = |tensor: &str, found: &[f64], expected: &Value| {
        results.push(CheckResult::within(file, tensor, found, &numbers(expected), 0.0));
    };
    let shape = NetworkShape::paper(1.0, 224, 40);
    for attributes in [37, 40] {
        let table = ParameterTable::new(&NetworkShape::paper(1.0, 224, attributes));
        let counts = [table.weight_slots().map(elements).sum::<f64>(), table.statistics_slots().map(elements).sum()];
        let trained = table.trained_slots().map(elements).sum();
        let name = format!("outputs_{attributes}");
        let expected = ["total", "trainable", "non_trainable"].map(|key| model[&name][key].clone());
        exactly(&name, &[counts[0] + counts[1], trained, counts[1]], &expected.to_vec().into());
    }
    let (mut size, mut layers, mut pads) = (shape.size, Vec::new(), Vec::new());
    let table = ParameterTable::new(&shape);
    for (layer, slots) in shape.network.convolutions().zip(&table.layers) {
        if layer.stride == 2 {
            pads.extend(padding(shape.network.padding, layer, size));
        }
        size = size.div_ceil(layer.stride);
        let place = [size, size, layer.outputs].map(f64::from);
        for parameters in [elements(slots.kernel()), elements(slots.affine()) + elements(slots.running())] {
            layers.extend(place.iter().copied().chain([parameters]));
        }
    }
    for (layer, slots) in shape.network.layers.iter().zip(&table.layers) {
        match layer {
            Layer::Dense(dense) => {
                layers.extend([f64::from(dense.outputs), elements(slots.kernel()) + elements(slots.bias())]);
            }
            Layer::BatchNorm(norm) => {
                layers.extend([f64::from(norm.channels), elements(slots.affine()) + elements(slots.running())]);
            }
            _ => {}
        }
    }
    let with_parameters = model["layers"].as_array().into_iter().flatten().filter(|layer| layer[3].as_u64() != Some(0));
    exactly("layers", &layers, &with_parameters.cloned().collect());
    let listed = model["pads"].as_object().into_iter().flatten();
    exactly("pads", &pads, &listed.map(|(_, pads)| pads.clone()).collect());
    for (name, [momentum, epsilon]) in [
        ("backbone_batchnorm", [shape.momentum, shape.network.epsilon]),
        ("head_batchnorm", [shape.head().momentum, HEAD_EPSILON]),
    ] {
        let found = [momentum, epsilon].map(f64::from);
        results.push(CheckResult::within(file, name, &found, &numbers(&model[name]), 1e-7));
    }
    Ok(results)
}

/// Returns the number of elements in a slot's tensors, without padding.
fn elements(slot: &Slot) -> f64 {
    slot.tensors.iter().map(|named| named.shape.iter().product::<usize>() as f64).sum()
}

/// Returns the numbers of rows before and after an image of `size` × `size` that a 3 × 3 layer pads, then those of columns.
fn padding(padding: Padding, layer: &Convolution, size: u32) -> [f64; 4] {
    let before = padding.before(size, layer.stride);
    let all = (size.div_ceil(layer.stride) - 1) * layer.stride + 3 - size;
    [before, all - before, before, all - before].map(f64::from)
}
