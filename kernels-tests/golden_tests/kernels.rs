//! The `kernels` group: compares every type of layer, in every variant, with TensorFlow and PyTorch in double precision.

use std::path::Path;

use lineament::ops::{
    Activation, Choice, Depthwise, GLOBAL_AVERAGE_POOL, GlobalAveragePool, Padding, Pointwise, Stem, padded_channels,
    pointwise_variants, stem_variants,
};
use lineament::plan::{Precision, View, WeightLayout};
use lineament::profiles::Device;
use serde_json::Value;

use super::{block, block_training, gradients, layers};
use crate::commands::test::missing;
use crate::golden_tests::data::{Array, Arrays, GoldenError, Manifest};
use crate::golden_tests::{failed, skipped};
use crate::harness::case::{Bounds, Case, Purpose};
use crate::harness::outcome::CheckResult;

/// Runs every fixture of the group.
pub fn run(device: &Device, folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    manifest.files.iter().flat_map(|(file, entry)| run_fixture(device, folder, file, entry)).collect()
}

fn run_fixture(device: &Device, folder: &Path, file: &str, entry: &Value) -> Vec<CheckResult> {
    let fits = |(start, part, _): &&(&str, &str, Build)| file.starts_with(start) && file.contains(part);
    if let Some(results) = layers::kernels_fixture(device, folder, file, entry) {
        return results;
    }
    let Some((_, _, build)) = KINDS.iter().find(fits) else {
        let reason = if file.ends_with(".json") { "the file holds nothing to compare" } else { "no test reads this file" };
        return vec![skipped(file, "all", reason)];
    };
    let fixture = Arrays::read(&folder.join(file), entry).map(|arrays| Fixture { file, entry, arrays });
    let results = fixture.and_then(|fixture| {
        let mut results = layers::compare(device, file, &build(device, &fixture)?)?;
        let compared: Vec<String> = results.iter().map(|result| result.part.clone()).collect();
        let missing = fixture.arrays.gradients().filter(|name| !compared.iter().any(|tensor| tensor == name));
        results.extend(missing.map(|name| skipped(file, name, "no case computes it")));
        Ok(results)
    });
    results.unwrap_or_else(|error| vec![failed(file, "y", &error)])
}

/// A fixture: its arrays and its entry in the manifest.
pub struct Fixture<'a> {
    /// Its file name.
    pub file: &'a str,
    /// Its entry in the manifest.
    pub entry: &'a Value,
    /// Its tensors.
    pub arrays: Arrays,
}

type Build = fn(&Device, &Fixture) -> Result<Vec<Case>, GoldenError>;

/// (start of the file name, another part of it, function that builds the cases of each variant).
const KINDS: &[(&str, &str, Build)] = &[
    ("conv3x3_", "", |device, fixture| both(stem(device, fixture), gradients::stem(fixture))),
    ("depthwise3x3_", "", |device, fixture| both(depthwise(device, fixture), gradients::depthwise(fixture))),
    ("pointwise_", "", |device, fixture| both(pointwise(device, fixture), gradients::pointwise(device, fixture))),
    ("global_average_pool_", "", |device, fixture| {
        both(global_average_pool(device, fixture), gradients::global_average_pool(fixture))
    }),
    ("block_", "_inference", |device, fixture| both(block::inference(device, fixture), block_training::block(device, fixture))),
    ("block_", "_training", block_training::block),
];

/// Returns the cases of the forward pass, then those of the backward pass.
fn both(forward: Result<Vec<Case>, GoldenError>, backward: Result<Vec<Case>, GoldenError>) -> Result<Vec<Case>, GoldenError> {
    Ok([forward?, backward?].into_iter().flatten().collect())
}

impl Fixture<'_> {
    /// Returns a whole number from the parameters in the manifest.
    pub fn number(&self, key: &str) -> Result<u32, GoldenError> {
        let number = self.entry.pointer(&format!("/params/{key}")).and_then(Value::as_u64);
        number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| self.unusable(key))
    }

    /// Returns the error for a parameter that is missing or of another kind.
    pub fn unusable(&self, key: &str) -> GoldenError {
        GoldenError::unusable(self.file, key)
    }

    /// Returns an array in `layout`. Axes of channels are padded with zeros to multiples of four, as the kernels take them.
    pub fn input(&self, name: &str, layout: &str) -> Result<(Vec<f32>, Vec<u32>), GoldenError> {
        let (values, shape) = padded(self.arrays.get(name)?, layout)?;
        Ok((values.into_iter().map(|value| value as f32).collect(), shape))
    }

    /// Adds an output to a case that must equal the gradient `name` in `layout`, with zeros in the padding channels.
    pub fn gradient(&self, case: &mut Case, name: &'static str, layout: &str) -> Result<View, GoldenError> {
        let (expected, _) = padded(self.arrays.get(name)?, layout)?;
        Ok(case.output(name, expected.len(), GRADIENT, Box::new(move || expected.clone())))
    }

    /// Returns the padding convention that gives the padding in the manifest.
    pub fn padding(&self, size: [u32; 2], stride: u32) -> Result<Padding, GoldenError> {
        let given = [self.number("padding/top")?, self.number("padding/left")?];
        let pads = |padding: &Padding| size.map(|size| padding.before(size, stride)) == given;
        [Padding::TensorflowSame, Padding::Symmetric].into_iter().find(pads).ok_or_else(|| self.unusable("padding"))
    }

    /// Returns a case that compares `y` in `layout`. `push` appends the steps that compute it.
    fn case(
        &self,
        kernel: &'static str,
        variant: &'static str,
        layout: &str,
        push: impl FnOnce(&mut Case, View),
    ) -> Result<Case, GoldenError> {
        let mut case = Case::new(kernel, variant, self.file.to_string(), Purpose::Test);
        let (expected, _) = padded(self.arrays.get("y")?, layout)?;
        let y = case.output("y", expected.len(), FORWARD, Box::new(move || expected.clone()));
        push(&mut case, y);
        Ok(case)
    }
}

/// How far the output of a forward kernel may be from double precision. The padding channels of `y` are compared too. They must
/// be zero, because the next layer reads them.
pub const FORWARD: Bounds = Bounds::float(1e-10, f64::INFINITY);

/// How far a gradient may be from double precision.
pub const GRADIENT: Bounds = Bounds::float(1e-9, f64::INFINITY);

/// Returns the elements in `layout`, with the axes C, I and O padded to multiples of four, and the padded shape.
pub fn padded(array: &Array, layout: &str) -> Result<(Vec<f64>, Vec<u32>), GoldenError> {
    // Fixtures of pooling and dense layers do not give the layout of their results.
    let named =
        Array { layout: if array.layout.is_empty() { layout.to_string() } else { array.layout.clone() }, ..array.clone() };
    let array = named.arranged(layout)?;
    let is_channels = |axis: char| matches!(axis, 'C' | 'I' | 'O');
    let pad = |(length, axis): (&usize, char)| if is_channels(axis) { padded_channels(*length as u32) } else { *length as u32 };
    let shape: Vec<u32> = array.shape.iter().zip(layout.chars()).map(pad).collect();
    let lengths: Vec<usize> = shape.iter().map(|length| *length as usize).collect();
    Ok((array.padded(&lengths), shape))
}

/// Returns the layer of a fixture of the dense 3×3 convolution.
pub fn stem_layer(fixture: &Fixture) -> Result<Stem, GoldenError> {
    let (values, x) = fixture.input("x", "NHWC")?;
    let (_, w) = fixture.input("w", "HWIO")?;
    let (size, stride) = ([x[1], x[2]], fixture.number("stride")?);
    let padding = fixture.padding(size, stride)?;
    let rgb = x[3] == 4 && values.iter().skip(3).step_by(4).all(|value| *value == 0.0);
    Ok(Stem { batch: x[0], size, inputs: x[3], rgb, outputs: w[3], stride, padding, activation: Activation::None })
}

fn stem(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let shape = stem_layer(fixture)?;
    let (x, _) = fixture.input("x", "NHWC")?;
    let (w, _) = fixture.input("w", "HWIO")?;
    let (bias, _) = fixture.input("b", "C")?;
    let lanes = device.capabilities().subgroup_size;
    let case = |choice: Choice| {
        fixture.case(choice.0.name, choice.1.name, "NHWC", |case, y| {
            let views = [case.input("x", &x), case.input("w", &w), case.input("b", &bias)];
            case.plan.push(shape.step(fixture.file, choice, lanes, views, y));
        })
    };
    let runs = |(_, variant): &Choice| missing(device, variant).is_none() && shape.suits(variant);
    stem_variants(Precision::F32).filter(runs).map(case).collect()
}

/// Returns the layer of a fixture of the depthwise convolution.
pub fn depthwise_layer(fixture: &Fixture) -> Result<Depthwise, GoldenError> {
    let (_, x) = fixture.input("x", "NHWC")?;
    let (size, stride) = ([x[1], x[2]], fixture.number("stride")?);
    let padding = fixture.padding(size, stride)?;
    Ok(Depthwise { batch: x[0], size, channels: x[3], stride, padding, activation: Activation::None })
}

fn depthwise(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let shape = depthwise_layer(fixture)?;
    let (x, _) = fixture.input("x", "NHWC")?;
    let (w, _) = fixture.input("w", "HW1C")?;
    let (bias, _) = fixture.input("b", "C")?;
    let case = |choice: Choice| {
        fixture.case(choice.0.name, choice.1.name, "NHWC", |case, y| {
            let views = [case.input("x", &x), case.input("w", &w), case.input("b", &bias)];
            case.plan.push(shape.step(fixture.file, choice, views, y));
        })
    };
    shape.variants().filter(|(_, variant)| missing(device, variant).is_none()).map(case).collect()
}

fn pointwise(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let (x, x_shape) = fixture.input("x", "NHWC")?;
    let (w, w_shape) = fixture.input("w", "HWIO")?;
    let (bias, _) = fixture.input("b", "C")?;
    let (rows, layout, activation) = (x_shape[..3].iter().product(), WeightLayout::Rows, Activation::None);
    let shape = Pointwise { rows, inputs: x_shape[3], outputs: w_shape[3], layout, activation };
    let runs = |(_, variant): &Choice| missing(device, variant).is_none() && shape.suits(variant);
    let case = |family: Choice| {
        fixture.case(family.0.name, family.1.name, "NHWC", |case, y| {
            let views = [case.input("x", &x), case.input("w", &w), case.input("b", &bias)];
            case.plan.push(shape.step(fixture.file, family, device.capabilities().subgroup_size, views, None, y));
        })
    };
    pointwise_variants(Precision::F32).filter(runs).map(case).collect()
}

fn global_average_pool(_: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let (x, shape) = fixture.input("x", "NHWC")?;
    let pool = GlobalAveragePool { batch: shape[0], positions: shape[1] * shape[2], channels: shape[3] };
    let case = fixture.case(GLOBAL_AVERAGE_POOL.name, GLOBAL_AVERAGE_POOL.variants[0].name, "NC", |case, y| {
        let x = case.input("x", &x);
        case.plan.push(pool.step(fixture.file, Precision::F32, x, y));
    });
    Ok(vec![case?])
}
