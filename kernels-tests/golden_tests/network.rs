//! The `network` group: compares the whole MobileNetV2 and the paper's model with Keras and PyTorch in double precision.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineament::nn::Head;
use lineament::nn::mobilenet_v2::mobilenet_v2;
use lineament::nn::weights::WeightsError;
use lineament::nn::{Backbone, expected_tensors};
use lineament::ops::{INVERTED_RESIDUAL, Padding, candidates, padded_channels};
use lineament::plan::{Plan, Precision, View};
use lineament::profiles::{Device, DeviceClass, DeviceProfile, Winners};
use lineament::scheduler::Program;
use serde_json::Value;

use super::{masked_head, network_training};
use crate::golden_tests::data::{Arrays, GoldenError, Manifest, json};
use crate::golden_tests::recipe::{Recipe, Tensors};
use crate::golden_tests::{failed, skipped};
use crate::harness::outcome::{CheckResult, Verdict};

/// Largest error of features, which are from 0 to 6: ten times the error of Keras and PyTorch in float32.
const FEATURES_BOUND: f64 = 4e-4;
/// Largest error of predictions.
const PREDICTIONS_BOUND: f64 = 4e-5;
/// Rounding error of 16-bit floats divided by that of 32-bit floats.
const COARSER: f64 = 8192.0;
/// Largest error of features in 16-bit floats: the error of Keras and PyTorch in float32, scaled by the rounding errors.
const FEATURES_OF_F16_BOUND: f64 = FEATURES_BOUND / 10.0 * COARSER;
/// Largest error of predictions in 16-bit floats, computed in the same way.
const PREDICTIONS_OF_F16_BOUND: f64 = PREDICTIONS_BOUND / 10.0 * COARSER;
/// Largest error of a block's activations, as a multiple of the error of Keras or PyTorch in float32.
const BLOCK_BOUND: f64 = 10.0;

/// (name in the fixtures, padding, ε of batch norm) of the networks of Keras and of PyTorch.
const CONVENTIONS: [(&str, Padding, f32); 2] =
    [("keras", Padding::TensorflowSame, 1e-3), ("torchvision", Padding::Symmetric, 1e-5)];

/// Runs every fixture of the group.
pub fn run(device: &Device, folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    let group = Group { device, folder, manifest };
    let one = |(file, entry): (&String, &Value)| {
        let kind = file.split(['_', '.']).next().unwrap_or_default();
        let results = match kind {
            "forward" => group.forward(file, entry),
            "blocks" => group.blocks(file),
            "recipe" => group.recipe(file),
            "counts" => group.counts(file),
            "gradients" => group.one_step(file).and_then(|step| step.gradients(file)),
            "training" => group.one_step(file).and_then(|step| step.training(file, entry)),
            _ => Ok(vec![skipped(file, "all", "no test reads this file")]),
        };
        results.unwrap_or_else(|error| vec![failed(file, "all", &error)])
    };
    manifest.files.iter().flat_map(one).collect()
}

struct Group<'a> {
    device: &'a Device,
    folder: &'a Path,
    manifest: &'a Manifest,
}

/// Width multiplier, input size and batch of a fixture.
struct Shape {
    width: f64,
    size: u32,
    batch: u32,
}

impl Group<'_> {
    /// Returns the parameters of a forward fixture.
    fn shape(&self, file: &str) -> Result<Shape, GoldenError> {
        let unusable = |key: &str| GoldenError::unusable(file, key);
        let params = self.manifest.files.get(file).map_or(&Value::Null, |entry| &entry["params"]);
        let whole = |key: &str| {
            let number = params[key].as_u64().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| (1..=4096).contains(number)).ok_or_else(|| unusable(key))
        };
        let width = params["width"].as_f64().ok_or_else(|| unusable("width"))?;
        Ok(Shape { width, size: whole("size")?, batch: whole("batch")? })
    }

    /// Returns the training step of a fixture, with the shape of its forward fixture.
    fn one_step(&self, file: &str) -> Result<network_training::Fixture<'_>, GoldenError> {
        let forward = file.replacen("gradients", "forward", 1).replacen("training", "forward", 1);
        let Shape { width, size, batch } = self.shape(&forward.replace(".json", ".safetensors"))?;
        let Group { device, folder, manifest } = *self;
        Ok(network_training::Fixture { device, folder, manifest, width, size, batch })
    }

    fn forward(&self, file: &str, entry: &Value) -> Result<Vec<CheckResult>, GoldenError> {
        let (shape, recipe) = (self.shape(file)?, Recipe::read(self.folder)?);
        let arrays = Arrays::read(&self.folder.join(file), entry)?;
        let names = || entry["tensors"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let single = names().map(|name| self.tensor(file, name, &arrays, (&recipe, &shape), Precision::F32));
        let of_f16 = names().filter(|name| self.device.report().shader_f16 && !name.ends_with("_masked"));
        let whole = names().filter_map(|name| self.by_whole_blocks(file, name, &arrays, (&recipe, &shape)).transpose());
        let whole = whole.collect::<Result<Vec<_>, _>>()?;
        let single = whole.into_iter().map(Ok).chain(single);
        single.chain(of_f16.map(|name| self.tensor(file, name, &arrays, (&recipe, &shape), Precision::F16))).collect()
    }

    /// Compares features that are computed as on a GPU with a large batch, where every block that a kernel can compute as a whole
    /// is a single step. Returns nothing for other tensors.
    fn by_whole_blocks(
        &self,
        file: &str,
        name: &str,
        arrays: &Arrays,
        (recipe, shape): (&Recipe, &Shape),
    ) -> Result<Option<CheckResult>, GoldenError> {
        let convention = CONVENTIONS.into_iter().find(|(convention, ..)| name.strip_prefix("features_") == Some(convention));
        let Some((_, padding, epsilon)) = convention else { return Ok(None) };
        let backbone = backbone(recipe, shape.width, padding, epsilon)?.composed();
        let apart = DeviceProfile::of_class(DeviceClass::Gpu, self.profile().capabilities);
        let recording = Arc::new(Winners::recording());
        let extent = [shape.batch, shape.size];
        backbone.plan_alone(&apart.with_winners(recording.clone()), extent);
        let requests = recording.requests().into_iter().map(|(shape, _)| shape);
        let whole = apart.with_winners(Arc::new(candidates::whole_blocks(requests, &apart)));
        let mut plan = Plan::new("network by whole blocks");
        let (input, weights, pixels) = self.inputs(&mut plan, recipe, shape, (&backbone, Precision::F32))?;
        let result = backbone.plan_features(&mut plan, &whole, extent, weights, input);
        if !plan.steps().iter().any(|step| step.kernel == INVERTED_RESIDUAL.name) {
            return Err(GoldenError::unusable(file, name));
        }
        let program = Program::new(self.device, &plan, &[])?;
        program.write(self.device, weights, &backbone.stored_parameters(Precision::F32));
        program.write(self.device, input, bytemuck::cast_slice(&pixels));
        program.run(self.device)?;
        let found = stripped(&program.read(self.device, result)?, backbone.features());
        let expected = &arrays.get(name)?.arranged("NC")?.values;
        Ok(Some(CheckResult::within(file, &format!("{name} by whole blocks"), &found, expected, FEATURES_BOUND)))
    }

    fn tensor(
        &self,
        file: &str,
        name: &str,
        arrays: &Arrays,
        (recipe, shape): (&Recipe, &Shape),
        precision: Precision,
    ) -> Result<CheckResult, GoldenError> {
        let bounds = match precision {
            Precision::F32 => [FEATURES_BOUND, PREDICTIONS_BOUND],
            Precision::F16 => [FEATURES_OF_F16_BOUND, PREDICTIONS_OF_F16_BOUND],
        };
        let conventions = || CONVENTIONS.into_iter();
        let features = conventions().find(|(convention, ..)| name.strip_prefix("features_") == Some(convention));
        let masked = name.ends_with("_masked");
        let outputs = name.strip_prefix("predictions_").map(|outputs| outputs.trim_end_matches("_masked"));
        let outputs: Option<u32> = outputs.and_then(|outputs| outputs.parse().ok());
        let (found, bound) = match (features, outputs) {
            (Some((_, padding, epsilon)), _) => {
                (self.network(recipe, shape, (padding, epsilon, precision), None, false)?, bounds[0])
            }
            (None, Some(outputs)) => {
                // The model of the paper follows the conventions of Keras.
                let (_, padding, epsilon) = CONVENTIONS[0];
                let head = head(&recipe.tensors(&format!("head_{outputs}"))?)?;
                (self.network(recipe, shape, (padding, epsilon, precision), Some(&head), masked)?, bounds[1])
            }
            _ => return Ok(skipped(file, name, "no test computes this tensor")),
        };
        let tensor = if precision == Precision::F16 { format!("{name} by f16") } else { name.to_string() };
        Ok(CheckResult::within(file, &tensor, &found, &arrays.get(name)?.arranged("NC")?.values, bound))
    }

    /// Runs the network as the `lineament` program does, and returns the features, or the predictions if there is a head. If
    /// `masked`, the head runs layer by layer as in training, with the recipe's dropout mask.
    fn network(
        &self,
        recipe: &Recipe,
        shape: &Shape,
        (padding, epsilon, precision): (Padding, f32, Precision),
        head: Option<&Head>,
        masked: bool,
    ) -> Result<Vec<f64>, GoldenError> {
        let backbone = backbone(recipe, shape.width, padding, epsilon)?.composed();
        let mut plan = Plan::new("network");
        let (input, weights, pixels) = self.inputs(&mut plan, recipe, shape, (&backbone, precision))?;
        let mut result = backbone.plan_features(
            &mut plan,
            &self.profile().with_precision(precision),
            [shape.batch, shape.size],
            weights,
            input,
        );
        let (mut outputs, mut uploads) = (backbone.features(), Vec::new());
        let mut kept = None;
        if let Some(head) = head {
            if masked {
                let mask = recipe.mask(shape.batch, head.hidden)?;
                let view = plan.persistent("mask", 4 * mask.len() as u64);
                (result, uploads) = masked_head::plan(&mut plan, self.profile(), head, shape.batch, result, view);
                kept = Some((view, mask));
            } else {
                (result, uploads) = head.plan(&mut plan, self.profile(), shape.batch, result);
            }
            outputs = head.attributes;
        }
        let program = Program::new(self.device, &plan, &[])?;
        if let Some((view, mask)) = &kept {
            program.write(self.device, *view, bytemuck::cast_slice(mask));
        }
        uploads.extend([(weights, backbone.stored_parameters(precision)), (input, precision.stored(&pixels))]);
        for (view, bytes) in &uploads {
            program.write(self.device, *view, bytes);
        }
        program.run(self.device)?;
        Ok(stripped(&program.read(self.device, result)?, outputs))
    }

    /// Declares the network's input and weights. Returns their views and the recipe's input, with a channel of zeros added.
    fn inputs(
        &self,
        plan: &mut Plan,
        recipe: &Recipe,
        shape: &Shape,
        (backbone, precision): (&Backbone, Precision),
    ) -> Result<(View, View, Vec<f32>), GoldenError> {
        let pixels = (shape.batch * shape.size * shape.size) as usize;
        let rgb = recipe.input(3 * pixels)?;
        let padded: Vec<f32> = rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 0.0]).collect();
        let input = plan.persistent("input", 4 * precision.bytes() * pixels as u64);
        Ok((input, backbone.plan_weights(plan, precision), padded))
    }

    fn profile(&self) -> &DeviceProfile {
        self.device.profile()
    }

    fn blocks(&self, file: &str) -> Result<Vec<CheckResult>, GoldenError> {
        let forward = file.replacen("blocks", "forward", 1).replace(".json", ".safetensors");
        let (shape, recipe) = (self.shape(&forward)?, Recipe::read(self.folder)?);
        let expected = json(&self.folder.join(file))?;
        let mut results = Vec::new();
        for (convention, padding, epsilon) in CONVENTIONS {
            let blocks = expected[convention]["blocks"].as_array().map_or(&[][..], Vec::as_slice);
            let activations = self.activations(&recipe, &shape, (padding, epsilon))?;
            for block in blocks {
                let position = block["block"].as_u64().map_or(usize::MAX, |position| position as usize);
                let tensor = format!("{convention} block {position}");
                let result = activations.get(position).and_then(|activations| compare(file, &tensor, block, activations));
                let unusable = || GoldenError::unusable(file, &tensor);
                results.push(result.unwrap_or_else(|| failed(file, &tensor, &unusable())));
            }
        }
        Ok(results)
    }

    /// Returns the output of every block, without padding channels. Tensors do not share memory here, so that all can be read.
    fn activations(
        &self,
        recipe: &Recipe,
        shape: &Shape,
        (padding, epsilon): (Padding, f32),
    ) -> Result<Vec<Vec<f64>>, GoldenError> {
        let backbone = backbone(recipe, shape.width, padding, epsilon)?;
        let mut plan = Plan::new("blocks");
        let (input, weights, pixels) = self.inputs(&mut plan, recipe, shape, (&backbone, Precision::F32))?;
        let mut watched = Vec::new();
        let extent = [shape.batch, shape.size];
        backbone.plan_convolutions(&mut plan, self.profile(), extent, weights, input, &mut |_, activations, channels| {
            watched.push((activations.view, channels));
        });
        let mut kept = Plan::new("blocks, kept");
        for tensor in plan.tensors() {
            kept.persistent(&tensor.label, tensor.bytes);
        }
        plan.steps().iter().for_each(|step| kept.push(step.clone()));
        let program = Program::new(self.device, &kept, &[])?;
        program.write(self.device, weights, bytemuck::cast_slice(backbone.parameters()));
        program.write(self.device, input, bytemuck::cast_slice(&pixels));
        program.run(self.device)?;
        watched.iter().map(|(view, channels)| Ok(stripped(&program.read(self.device, *view)?, *channels))).collect()
    }

    fn recipe(&self, file: &str) -> Result<Vec<CheckResult>, GoldenError> {
        let recipe = Recipe::read(self.folder)?;
        let check = |list: &str| match recipe.tensors(list) {
            Ok(_) => CheckResult { part: list.to_string(), ..CheckResult::behaviour(file, "bits", Verdict::Passed) },
            Err(error) => failed(file, list, &error),
        };
        Ok(recipe.lists().into_iter().map(check).collect())
    }

    /// Compares the parameter counts of the paper's model with Keras.
    fn counts(&self, file: &str) -> Result<Vec<CheckResult>, GoldenError> {
        let (counts, recipe) = (json(&self.folder.join(file))?, Recipe::read(self.folder)?);
        let models = counts["parameters"].as_object().into_iter().flatten();
        let one = |(name, expected): (&String, &Value)| {
            let backbone = count(expected_tensors(&mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3)).into_iter());
            let head = recipe.tensors(&name.replace("outputs", "head"))?;
            let head = count(head.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())));
            let found =
                [backbone[0] + head[0], backbone[1] + head[1], backbone[0] - backbone[1] + head[0] - head[1], backbone[0]];
            let keys = ["total", "trainable", "non_trainable", "backbone_total"];
            let expected: Vec<f64> = keys.iter().filter_map(|key| expected[key].as_f64()).collect();
            Ok(CheckResult::within(file, name, &found, &expected, 0.0))
        };
        models.map(one).collect()
    }
}

/// Counts all parameters, and those that training changes, which are all except the statistics of batch norm.
fn count(tensors: impl Iterator<Item = (String, Vec<usize>)>) -> [f64; 2] {
    let statistics = ["running_mean", "running_var", "bn.mean", "bn.var"];
    tensors.fold([0.0; 2], |[all, trainable], (name, shape)| {
        let elements = shape.iter().product::<usize>() as f64;
        let is_statistic = statistics.iter().any(|end| name.ends_with(end));
        [all + elements, if is_statistic { trainable } else { trainable + elements }]
    })
}

/// Builds the backbone with the recipe's weights.
fn backbone(recipe: &Recipe, width: f64, padding: Padding, epsilon: f32) -> Result<Backbone, GoldenError> {
    let tensors = recipe.tensors(&format!("width_{width:.2}"))?;
    let tensor = |name: &str, shape: &[usize]| {
        let (path, name, expected) = (PathBuf::from("recipe.json"), name.to_string(), shape.to_vec());
        match tensors.get(&name) {
            Some((found, values)) if *found == shape => Ok(values.clone()),
            Some((found, _)) => Err(WeightsError::Shape { path, name, expected, found: found.clone() }.into()),
            None => Err(WeightsError::Missing { path, name, remedy: "the recipe is for another network".to_string() }.into()),
        }
    };
    Ok(Backbone::load(&mobilenet_v2(width as f32, padding, epsilon), &tensor)?)
}

/// Builds the head with the recipe's weights.
fn head(tensors: &Tensors) -> Result<Head, GoldenError> {
    let get = |name: &str| {
        let missing = || GoldenError::Tensor { tensor: name.to_string(), reason: "is missing from the recipe".to_string() };
        tensors.get(name).ok_or_else(missing)
    };
    let (first, second) = (&get(Head::TENSORS[0])?.0, &get(Head::TENSORS[6])?.0);
    let sizes = [first.first(), first.get(1), second.get(1)].map(|size| size.map_or(0, |size| *size as u32));
    let mut head = Head { features: sizes[0], hidden: sizes[1], attributes: sizes[2], tensors: Default::default() };
    for ((name, shape), tensor) in Head::TENSORS.iter().zip(Head::shapes(sizes)).zip(&mut head.tensors) {
        let (found, values) = get(name)?;
        if *found != shape {
            let reason = format!("has shape {found:?}, the head needs {shape:?}");
            return Err(GoldenError::Tensor { tensor: name.to_string(), reason });
        }
        tensor.clone_from(values);
    }
    Ok(head)
}

/// Returns rows of channels without their padding.
fn stripped(values: &[f32], channels: u32) -> Vec<f64> {
    let rows = values.chunks_exact(padded_channels(channels) as usize);
    rows.flat_map(|row| &row[..channels as usize]).map(|value| f64::from(*value)).collect()
}

/// Compares a block's activations with the sampled elements and the statistics in the fixture. Returns `None` if the fixture is
/// malformed.
fn compare(file: &str, tensor: &str, expected: &Value, activations: &[f64]) -> Option<CheckResult> {
    let number = |key: &str| expected[key].as_f64();
    let list = |key: &str| expected[key].as_array().map(|list| list.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
    let shape = list("shape_nhwc")?;
    if shape.iter().product::<f64>() != activations.len() as f64 {
        return None;
    }
    let indices = list("sample_flat_index_nhwc")?;
    let mut found: Vec<f64> = indices.iter().filter_map(|index| activations.get(*index as usize).copied()).collect();
    let mean = activations.iter().sum::<f64>() / activations.len() as f64;
    let variance = activations.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / activations.len() as f64;
    let extreme = |choose: fn(f64, f64) -> f64| activations.iter().copied().reduce(choose);
    found.extend([mean, variance.sqrt(), extreme(f64::min)?, extreme(f64::max)?]);
    let mut wanted = list("sample")?;
    wanted.extend([number("mean")?, number("std")?, number("min")?, number("max")?]);
    Some(CheckResult::within(file, tensor, &found, &wanted, BLOCK_BOUND * number("float32_max_abs_error")?))
}
