//! The layers of the `kernels` group, forward and backward: activations, sums, dense layers, dropout and batch norm.

use std::collections::BTreeMap;
use std::path::Path;

use lineament::ops::{
    Activation, ActivationBackward, ActivationForward, Add, BatchNorm, BatchNormBackwardInput, BatchNormBackwardWeight,
    BatchNormCombine, BatchNormStatistics, ColumnSum, DenseBackwardWeight, Dropout, Pointwise, Transpose,
    dense_backward_weight_variants, padded_channels, pointwise_variants,
};
use lineament::plan::{Precision, RowParts, View, WeightLayout};
use lineament::profiles::Device;
use serde_json::Value;

use crate::commands::test::missing;
use crate::golden_tests::data::{Array, Arrays, GoldenError};
use crate::golden_tests::failed;
use crate::golden_tests::kernels::{FORWARD, Fixture};
use crate::harness::case::{Case, Expected, Purpose};
use crate::harness::outcome::{CheckResult, Verdict};
use crate::harness::run_case::run_case;

/// Compares every tensor of a fixture. Returns `None` if it is not a fixture of these layers.
pub fn kernels_fixture(device: &Device, folder: &Path, file: &str, entry: &Value) -> Option<Vec<CheckResult>> {
    let (_, build) = KINDS.iter().find(|(start, _)| file.starts_with(start))?;
    let fixture = Arrays::read(&folder.join(file), entry).map(|arrays| Fixture { file, entry, arrays });
    let results = fixture.and_then(|fixture| compare(device, file, &build(device, &fixture)?));
    Some(results.unwrap_or_else(|error| vec![failed(file, "y", &error)]))
}

type Build = fn(&Device, &Fixture) -> Result<Vec<Case>, GoldenError>;

/// (start of the file name, function that builds the cases that compute its tensors).
const KINDS: &[(&str, Build)] = &[
    ("relu6", |_, fixture| activation(fixture, Activation::Relu6)),
    ("relu", |_, fixture| activation(fixture, Activation::Relu)),
    ("sigmoid", |_, fixture| activation(fixture, Activation::Sigmoid)),
    ("residual_add", |_, fixture| residual_add(fixture)),
    ("dense_", dense),
    ("dropout_", |_, fixture| dropout(fixture)),
    ("batchnorm_", |_, fixture| batch_norm(fixture)),
];

/// Runs all cases. The result of a tensor is the worst of the cases that compute it.
pub fn compare(device: &Device, file: &str, cases: &[Case]) -> Result<Vec<CheckResult>, GoldenError> {
    let mut results: BTreeMap<&str, CheckResult> = BTreeMap::new();
    for case in cases {
        for output in run_case(device, &case.plan, case)? {
            let result = results.entry(output.tensor).or_insert_with(|| CheckResult {
                part: output.tensor.to_string(),
                ..CheckResult::behaviour(file, &format!("NMSE ≤ {:.0e}", output.nmse_bound), Verdict::Passed)
            });
            result.nmse = result.nmse.max(output.comparison.nmse);
            result.max_abs = result.max_abs.max(output.comparison.max_abs);
            if let (Some(fault), Verdict::Passed) = (output.comparison.fault, &result.verdict) {
                result.verdict = Verdict::Failed(format!("{} {}: {fault}", case.kernel, case.variant));
            }
        }
    }
    Ok(results.into_values().collect())
}

/// An array as rows of channels, with each row padded to a multiple of four.
struct Rows {
    rows: u32,
    channels: u32,
    values: Vec<f64>,
}

impl Rows {
    /// Pads each row with `filling`.
    fn new(array: &Array, filling: f64) -> Result<Rows, GoldenError> {
        // Channels are the last axis in the kernels.
        let array = if array.layout == "NCHW" { array.arranged("NHWC")? } else { array.clone() };
        let width = array.shape.last().copied().unwrap_or(1).max(1);
        let channels = padded_channels(width as u32);
        let filled = |row: &[f64]| [row, &vec![filling; channels as usize - width]].concat();
        let values = array.values.chunks(width).flat_map(filled).collect();
        Ok(Rows { rows: (array.values.len() / width) as u32, channels, values })
    }

    fn single(&self) -> Vec<f32> {
        self.values.iter().map(|value| *value as f32).collect()
    }
}

/// A case that reads arrays of the fixture and compares others, by name.
struct Builder<'a> {
    fixture: &'a Fixture<'a>,
    case: Case,
}

impl<'a> Builder<'a> {
    fn new(fixture: &'a Fixture<'a>, kernel: &'static str, variant: &'static str) -> Builder<'a> {
        Builder { fixture, case: Case::new(kernel, variant, fixture.file.to_string(), Purpose::Test) }
    }

    fn rows(&self, name: &str) -> Result<Rows, GoldenError> {
        Rows::new(self.fixture.arrays.get(name)?, 0.0)
    }

    fn input(&mut self, name: &str) -> Result<View, GoldenError> {
        let values = self.rows(name)?.single();
        Ok(self.case.input(name, &values))
    }

    /// Returns a weight matrix \[in, out\] with both axes padded.
    fn padded_matrix(&self, name: &str) -> Result<Rows, GoldenError> {
        let mut rows = self.rows(name)?;
        rows.values.resize((padded_channels(rows.rows) * rows.channels) as usize, 0.0);
        Ok(rows)
    }

    /// Adds a weight matrix as an input.
    fn matrix(&mut self, name: &str) -> Result<View, GoldenError> {
        let values = self.padded_matrix(name)?.single();
        Ok(self.case.input(name, &values))
    }

    fn output(&mut self, name: &'static str) -> Result<View, GoldenError> {
        self.output_filled(name, 0.0)
    }

    /// Adds an output whose padding must hold `filling`.
    fn output_filled(&mut self, name: &'static str, filling: f64) -> Result<View, GoldenError> {
        let expected = Rows::new(self.fixture.arrays.get(name)?, filling)?.values;
        Ok(self.case.output(name, expected.len(), FORWARD, Box::new(move || expected.clone())))
    }

    /// Adds an output that must equal a weight matrix.
    fn output_matrix(&mut self, name: &'static str) -> Result<View, GoldenError> {
        let expected = self.padded_matrix(name)?.values;
        Ok(self.case.output(name, expected.len(), FORWARD, Box::new(move || expected.clone())))
    }

    fn transient(&mut self, label: &str, rows: u32, channels: u32) -> View {
        self.case.plan.transient(label, 4 * u64::from(rows) * u64::from(channels))
    }

    /// Adds two vectors as one input.
    fn input_pair(&mut self, names: [&str; 2]) -> Result<View, GoldenError> {
        let [first, second] = [self.rows(names[0])?.single(), self.rows(names[1])?.single()];
        Ok(self.case.input(&names.join(" and "), &[first, second].concat()))
    }

    /// Adds two vectors as one output.
    fn output_pair(&mut self, names: [&'static str; 2]) -> Result<View, GoldenError> {
        let [first, second] = [self.rows(names[0])?.values, self.rows(names[1])?.values];
        let width = first.len();
        let expected: [Expected; 2] = [Box::new(move || first.clone()), Box::new(move || second.clone())];
        Ok(self.case.output_pair(names, [1, width], FORWARD, expected))
    }

    /// Adds the statistics of the batch, computed in parts, and the running statistics. Both are compared.
    fn push_statistics(&mut self, layer: BatchNormCombine, x: View, running: [&'static str; 2]) -> Result<View, GoldenError> {
        let BatchNormCombine { rows, channels, .. } = layer;
        let statistics = self.output_pair(["batch_mean", "batch_var_biased"])?;
        let before = [self.rows("running_mean")?.single(), self.rows("running_var")?.single()];
        let [mean, variance] = [self.rows(running[0])?.values, self.rows(running[1])?.values];
        let expected: [Expected; 2] = [Box::new(move || mean.clone()), Box::new(move || variance.clone())];
        let running = self.case.updated_pair(running, [&before[0], &before[1]], FORWARD, expected);
        let of_parts = self.transient("part statistics", 2 * rows.count(), channels);
        self.case.plan.push(BatchNormStatistics { rows, channels }.step("part statistics", x, of_parts));
        self.case.plan.push(layer.step("statistics", of_parts, statistics, running));
        Ok(statistics)
    }

    fn number(&self, key: &str) -> Result<f32, GoldenError> {
        let number = self.fixture.entry["params"][key].as_f64();
        number.map(|number| number as f32).ok_or_else(|| self.fixture.unusable(key))
    }
}

fn activation(fixture: &Fixture, activation: Activation) -> Result<Vec<Case>, GoldenError> {
    let mut builder = Builder::new(fixture, "activation", "default");
    let Rows { rows, channels, .. } = builder.rows("x")?;
    let (x, gy) = (builder.input("x")?, builder.input("gy")?);
    let y = builder.output_filled("y", filling(activation))?;
    let dx = builder.output("dx")?;
    builder.case.plan.push(ActivationForward { rows, channels, activation }.step("y", x, y));
    builder.case.plan.push(ActivationBackward { rows, channels, activation }.step("dx", gy, y, dx));
    Ok(vec![builder.case])
}

/// Returns the result of an activation for the zeros in the padding.
fn filling(activation: Activation) -> f64 {
    if activation == Activation::Sigmoid { 0.5 } else { 0.0 }
}

fn residual_add(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let mut builder = Builder::new(fixture, "add", "default");
    let Rows { rows, channels, .. } = builder.rows("a")?;
    let (a, b, y) = (builder.input("a")?, builder.input("b")?, builder.output("y")?);
    builder.case.plan.push(Add { rows, channels }.step("y", a, b, y));
    // Both gradients equal gy, so the plan copies it.
    let gy = builder.input("gy")?;
    for name in ["da", "db"] {
        let gradient = builder.output(name)?;
        let copy = ActivationForward { rows, channels, activation: Activation::None };
        builder.case.plan.push(copy.step(name, gy, gradient));
    }
    Ok(vec![builder.case])
}

fn dense(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let activation = match fixture.entry["params"]["activation"].as_str() {
        Some("linear") => Activation::None,
        Some("relu") => Activation::Relu,
        Some("sigmoid") => Activation::Sigmoid,
        _ => return Err(fixture.unusable("activation")),
    };
    let mut cases = Vec::new();
    for family in pointwise_variants(Precision::F32).filter(|(_, variant)| missing(device, variant).is_none()) {
        let mut builder = Builder::new(fixture, family.0.name, family.1.name);
        let (rows, inputs, outputs) = dense_shape(&builder)?;
        let layer = Pointwise { rows, inputs, outputs, layout: WeightLayout::Rows, activation };
        if !layer.suits(family.1) {
            continue;
        }
        let (x, w, bias) = (builder.input("x")?, builder.matrix("w")?, builder.input("b")?);
        let y = builder.output_filled("y", filling(activation))?;
        builder.case.plan.push(layer.step("y", family, device.capabilities().subgroup_size, [x, w, bias], None, y));
        let by_logits = by_logits(&mut builder, activation, y)?;
        let transposed = builder.transient("w transposed", inputs, outputs);
        builder.case.plan.push(Transpose { rows: inputs, columns: outputs }.step("transpose", w, transposed));
        let zeros = builder.case.input("zeros", &vec![0.0f32; inputs as usize]);
        let dx = builder.output("dx")?;
        let layer = Pointwise { inputs: outputs, outputs: inputs, activation: Activation::None, ..layer };
        builder.case.plan.push(layer.step(
            "dx",
            family,
            device.capabilities().subgroup_size,
            [by_logits, transposed, zeros],
            None,
            dx,
        ));
        cases.push(builder.case);
    }
    for family in dense_backward_weight_variants().filter(|(_, variant)| missing(device, variant).is_none()) {
        let mut builder = Builder::new(fixture, family.0.name, family.1.name);
        let (rows, inputs, outputs) = dense_shape(&builder)?;
        let (x, y) = (builder.input("x")?, builder.input("y")?);
        let by_logits = by_logits(&mut builder, activation, y)?;
        let (weight_gradient, bias_gradient) = (builder.output_matrix("dw")?, builder.output("db")?);
        builder.case.plan.push(DenseBackwardWeight { rows: RowParts::whole(rows), inputs, outputs }.step(
            "weight gradient",
            family,
            device.capabilities().subgroup_size,
            x,
            by_logits,
            weight_gradient,
        ));
        let sum = ColumnSum { rows: RowParts::whole(rows), channels: outputs };
        builder.case.plan.push(sum.step("bias gradient", by_logits, bias_gradient));
        cases.push(builder.case);
    }
    Ok(cases)
}

/// Returns the numbers of rows, inputs and outputs, with padding.
fn dense_shape(builder: &Builder) -> Result<(u32, u32, u32), GoldenError> {
    let (x, w) = (builder.rows("x")?, builder.rows("w")?);
    Ok((x.rows, x.channels, w.channels))
}

/// Adds the gradient before the activation, from `gy` and the output of the activation.
fn by_logits(builder: &mut Builder, activation: Activation, y: View) -> Result<View, GoldenError> {
    let Rows { rows, channels, .. } = builder.rows("gy")?;
    let gy = builder.input("gy")?;
    let gradient = builder.transient("gradient before the activation", rows, channels);
    builder.case.plan.push(ActivationBackward { rows, channels, activation }.step("activation dx", gy, y, gradient));
    Ok(gradient)
}

fn dropout(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let mut builder = Builder::new(fixture, "dropout", "default");
    let Rows { rows, channels, .. } = builder.rows("x")?;
    let layer = Dropout { rows, channels, rate: builder.number("rate")? };
    let mask: Vec<u32> = builder.rows("mask")?.values.iter().map(|kept| *kept as u32).collect();
    let mask = builder.case.input("mask", &mask);
    for (from, to) in [("x", "y"), ("gy", "dx")] {
        let (x, y) = (builder.input(from)?, builder.output(to)?);
        builder.case.plan.push(layer.step(to, x, mask, y));
    }
    Ok(vec![builder.case])
}

/// Splits the rows of a fixture into parts that are much shorter than usual, so that several must be added up.
pub fn parts(rows: u32) -> RowParts {
    RowParts { rows, rows_a_part: rows.min(7) }
}

fn batch_norm(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let training = fixture.arrays.get("batch_mean").is_ok();
    let mut builder = Builder::new(fixture, "batch_norm", "default");
    let Rows { rows, channels, .. } = builder.rows("x")?;
    let epsilon = builder.number("eps")?;
    let (x, gy) = (builder.input("x")?, builder.input("gy")?);
    let affine = builder.input_pair(["gamma", "beta"])?;
    let mut cases = Vec::new();
    let statistics = if training {
        let momentum = builder.number("momentum_keras")?;
        let layer = BatchNormCombine { rows: parts(rows), channels, momentum, correction: 1.0 };
        cases.extend(running_statistics(fixture, rows, channels)?);
        builder.push_statistics(layer, x, ["new_mean_keras", "new_var_keras_biased"])?
    } else {
        builder.input_pair(["running_mean", "running_var"])?
    };
    let [y, dx] = [builder.output("y")?, builder.output("dx")?];
    let gradients = builder.output_pair(["dgamma", "dbeta"])?;
    let plan = &mut builder.case.plan;
    let activation = Activation::None;
    plan.push(BatchNorm { rows, channels, epsilon, activation }.step("y", x, statistics, affine, None, y));
    let layer = BatchNormBackwardWeight { rows: RowParts::whole(rows), channels, epsilon, activation };
    plan.push(layer.step("weight gradients", gy, x, statistics, affine, gradients));
    let layer = BatchNormBackwardInput { rows, all_rows: rows, channels, epsilon, training, activation };
    plan.push(layer.step("dx", gy, x, statistics, affine, gradients, dx));
    cases.push(builder.case);
    Ok(cases)
}

/// Returns the cases of the running statistics of PyTorch, and of Keras for images, which use the unbiased variance. A batch of
/// one row has no unbiased variance.
fn running_statistics(fixture: &Fixture, rows: u32, channels: u32) -> Result<Vec<Case>, GoldenError> {
    let mut cases = Vec::new();
    // PyTorch's momentum is the weight of the batch.
    let kinds =
        [("new_mean_torch", "new_var_torch", "momentum_torch"), ("new_mean_keras", "new_var_keras_fused", "momentum_keras")];
    for (mean, variance, momentum) in kinds {
        if rows == 1 || fixture.arrays.get(variance).is_err() {
            continue;
        }
        let mut builder = Builder::new(fixture, "batch_norm_statistics", "default");
        let given = builder.number(momentum)?;
        let momentum = if momentum == "momentum_torch" { 1.0 - given } else { given };
        let x = builder.input("x")?;
        let correction = rows as f32 / (rows - 1) as f32;
        builder.push_statistics(BatchNormCombine { rows: parts(rows), channels, momentum, correction }, x, [mean, variance])?;
        cases.push(builder.case);
    }
    Ok(cases)
}
