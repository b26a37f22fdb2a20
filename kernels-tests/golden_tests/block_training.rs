//! The inverted residual blocks of the `kernels` group as training runs them, forward and backward. Batch norm follows every
//! convolution, with the statistics of the batch or with given ones.

use lineament::ops::{
    Activation, BatchNorm, BatchNormBackwardInput, BatchNormBackwardWeight, BatchNormCombine, BatchNormStatistics,
    DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, DepthwiseBackwardWeight, Padding, Pointwise, SumOfParts, Transpose,
};
use lineament::plan::{View, WeightLayout};
use lineament::profiles::{Device, DeviceProfile};

use crate::golden_tests::data::GoldenError;
use crate::golden_tests::gradients::push_sum;
use crate::golden_tests::kernels::{FORWARD, Fixture, GRADIENT, padded};
use crate::golden_tests::layers::parts;
use crate::harness::case::{Case, Purpose};

/// The names of a convolution of the block and its gradients.
struct Names {
    part: &'static str,
    /// The activation after batch norm. The projection, the linear bottleneck, has none.
    activation: Activation,
    weight_gradient: &'static str,
    dgamma: &'static str,
    dbeta: &'static str,
}

const EXPAND: Names = Names {
    part: "expand",
    activation: Activation::Relu6,
    weight_gradient: "dexpand_w",
    dgamma: "dexpand_gamma",
    dbeta: "dexpand_beta",
};
const DEPTHWISE: Names = Names {
    part: "depthwise",
    activation: Activation::Relu6,
    weight_gradient: "ddepthwise_w",
    dgamma: "ddepthwise_gamma",
    dbeta: "ddepthwise_beta",
};
const PROJECT: Names = Names {
    part: "project",
    activation: Activation::None,
    weight_gradient: "dproject_w",
    dgamma: "dproject_gamma",
    dbeta: "dproject_beta",
};

/// The weights of a convolution and the tensors of the forward pass that its backward pass needs.
struct Convolution {
    names: &'static Names,
    w: View,
    /// Rows and channels of the result.
    rows: u32,
    channels: u32,
    inputs: u32,
    x: View,
    raw: View,
    /// Mean and variance.
    statistics: View,
    /// Gamma and beta.
    affine: View,
    /// The result after batch norm, activation and shortcut.
    y: View,
}

struct Block<'a> {
    fixture: &'a Fixture<'a>,
    profile: &'a DeviceProfile,
    training: bool,
    epsilon: f32,
    case: Case,
}

/// Returns the case of a block forward and backward, with the variants that training would choose.
pub fn block(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let profile = device.profile();
    let epsilon = fixture.entry["params"]["eps"].as_f64().ok_or_else(|| fixture.unusable("eps"))? as f32;
    let residual = fixture.entry["params"]["residual"].as_bool().ok_or_else(|| fixture.unusable("residual"))?;
    if fixture.entry["params"]["padding"] != "TensorFlow SAME" {
        return Err(fixture.unusable("padding"));
    }
    let training = fixture.file.contains("_training");
    let case = Case::new("block", "training", fixture.file.to_string(), Purpose::Test);
    let mut block = Block { fixture, profile, training, epsilon, case };
    block.run(fixture.number("expand")? != 1, residual)?;
    Ok(vec![block.case])
}

impl Block<'_> {
    fn run(&mut self, expands: bool, residual: bool) -> Result<(), GoldenError> {
        let (x_values, x_shape) = self.fixture.input("x", "NHWC")?;
        let x = self.case.input("x", &x_values);
        let (batch, size) = (x_shape[0], [x_shape[1], x_shape[2]]);
        let mut current = x;
        let expanded = if expands {
            let expand = self.pointwise(&EXPAND, batch * size[0] * size[1], current, None)?;
            current = expand.y;
            Some(expand)
        } else {
            None
        };
        let (w, w_shape) = self.fixture.input("depthwise_w", "HW1C")?;
        let (channels, stride) = (w_shape[3], self.fixture.number("stride")?);
        let layer = Depthwise { batch, size, channels, stride, padding: Padding::TensorflowSame, activation: Activation::None };
        let rows = batch * layer.out_size().iter().product::<u32>();
        let (w, zeros) = (self.case.input("depthwise_w", &w), self.zeros(channels));
        let raw = self.rows("depthwise raw", rows, channels);
        self.case.plan.push(layer.step("depthwise", layer.choice(self.profile), [current, w, zeros], raw));
        let depthwise = self.normalise(&DEPTHWISE, w, (rows, channels, channels), [current, raw], None)?;
        let project = self.pointwise(&PROJECT, rows, depthwise.y, residual.then_some(x))?;

        let (gy, _) = self.fixture.input("gy", "NHWC")?;
        let gy = self.case.input("gy", &gy);
        let by_raw = self.batch_norm_backward(&project, gy)?;
        let by_activated = self.rows("gradient of depthwise activated", rows, channels);
        self.pointwise_backward(&project, by_raw, None, by_activated)?;
        let by_raw = self.batch_norm_backward(&depthwise, by_activated)?;
        let weight_gradient = self.fixture.gradient(&mut self.case, DEPTHWISE.weight_gradient, "HW1C")?;
        let row_parts = parts(batch * layer.out_size()[0]);
        let gradient = DepthwiseBackwardWeight { layer, rows: row_parts };
        push_sum(&mut self.case, row_parts, 9 * channels, weight_gradient, |y| {
            gradient.step("depthwise weight gradient", current, by_raw, y)
        });
        let dx = self.fixture.gradient(&mut self.case, "dx", "NHWC")?;
        let backward = DepthwiseBackwardInput { layer };
        let (_, variant) = backward.choice(self.profile);
        let Some(expand) = expanded else {
            self.case.plan.push(backward.step("depthwise input gradient", variant, by_raw, w, dx));
            return Ok(());
        };
        let by_activated = self.rows("gradient of expanded", expand.rows, channels);
        self.case.plan.push(backward.step("depthwise input gradient", variant, by_raw, w, by_activated));
        let by_raw = self.batch_norm_backward(&expand, by_activated)?;
        self.pointwise_backward(&expand, by_raw, residual.then_some(gy), dx)
    }

    fn rows(&mut self, label: &str, rows: u32, channels: u32) -> View {
        self.case.plan.transient(label, 4 * u64::from(rows) * u64::from(channels))
    }

    fn zeros(&mut self, channels: u32) -> View {
        self.case.input("zeros", &vec![0.0f32; channels as usize])
    }

    /// Adds two vectors of a convolution's batch norm as one input.
    fn pair(&mut self, names: &Names, vectors: [&str; 2]) -> Result<View, GoldenError> {
        let [(first, _), (second, _)] = [
            self.fixture.input(&format!("{}_{}", names.part, vectors[0]), "C")?,
            self.fixture.input(&format!("{}_{}", names.part, vectors[1]), "C")?,
        ];
        Ok(self.case.input(&format!("{} {}", names.part, vectors.join(" and ")), &[first, second].concat()))
    }

    fn pointwise(
        &mut self,
        names: &'static Names,
        rows: u32,
        x: View,
        residual: Option<View>,
    ) -> Result<Convolution, GoldenError> {
        let label = format!("{}_w", names.part);
        let (w, shape) = self.fixture.input(&label, "HWIO")?;
        let (inputs, outputs) = (shape[2], shape[3]);
        let (w, zeros) = (self.case.input(&label, &w), self.zeros(outputs));
        let raw = self.rows(&format!("{} raw", names.part), rows, outputs);
        let layer = Pointwise { rows, inputs, outputs, layout: WeightLayout::Rows, activation: Activation::None };
        let family = layer.choice(self.profile);
        self.case.plan.push(layer.step(names.part, family, self.profile.capabilities.subgroup_size, [x, w, zeros], None, raw));
        self.normalise(names, w, (rows, outputs, inputs), [x, raw], residual)
    }

    /// Adds batch norm and the activation. The result of the projection is the result of the block and is compared.
    fn normalise(
        &mut self,
        names: &'static Names,
        w: View,
        (rows, channels, inputs): (u32, u32, u32),
        [x, raw]: [View; 2],
        residual: Option<View>,
    ) -> Result<Convolution, GoldenError> {
        let affine = self.pair(names, ["gamma", "beta"])?;
        let running = self.pair(names, ["mean", "var"])?;
        let statistics = if self.training {
            let of_parts = self.rows("part statistics", 2 * parts(rows).count(), channels);
            let of_all = self.rows("statistics", 2, channels);
            let layer = BatchNormStatistics { rows: parts(rows), channels };
            self.case.plan.push(layer.step("part statistics", raw, of_parts));
            let layer = BatchNormCombine { rows: parts(rows), channels, momentum: 0.999, correction: 1.0 };
            self.case.plan.push(layer.step("statistics", of_parts, of_all, running));
            of_all
        } else {
            running
        };
        let y = if names.part == PROJECT.part {
            let (expected, _) = padded(self.fixture.arrays.get("y")?, "NHWC")?;
            self.case.output("y", expected.len(), FORWARD, Box::new(move || expected.clone()))
        } else {
            self.rows("normalised", rows, channels)
        };
        let layer = BatchNorm { rows, channels, epsilon: self.epsilon, activation: names.activation };
        self.case.plan.push(layer.step("batch norm", raw, statistics, affine, residual, y));
        Ok(Convolution { names, w, rows, channels, inputs, x, raw, statistics, affine, y })
    }

    /// Computes the gradient of a convolution's result before batch norm from that after the activation. The gradients of gamma
    /// and beta are compared.
    fn batch_norm_backward(&mut self, convolution: &Convolution, gy: View) -> Result<View, GoldenError> {
        let Convolution { names, rows, channels, raw, statistics, affine, .. } = *convolution;
        let (epsilon, training, activation, row_parts) = (self.epsilon, self.training, names.activation, parts(rows));
        let of_parts = self.rows("parts of dgamma and dbeta", 2 * row_parts.count(), channels);
        let layer = BatchNormBackwardWeight { rows: row_parts, channels, epsilon, activation };
        self.case.plan.push(layer.step("batch norm weight gradients", gy, raw, statistics, affine, of_parts));
        let (dgamma, _) = padded(self.fixture.arrays.get(names.dgamma)?, "C")?;
        let (dbeta, _) = padded(self.fixture.arrays.get(names.dbeta)?, "C")?;
        let gradients = self.case.output_pair(
            [names.dgamma, names.dbeta],
            [1, channels as usize],
            GRADIENT,
            [Box::new(move || dgamma.clone()), Box::new(move || dbeta.clone())],
        );
        let sum = SumOfParts { count: row_parts.count(), elements: 2 * channels };
        self.case.plan.push(sum.step("sum of parts", of_parts, gradients));
        let by_raw = self.rows("gradient of raw", rows, channels);
        let layer = BatchNormBackwardInput { rows, all_rows: rows, channels, epsilon, training, activation };
        self.case.plan.push(layer.step("batch norm input gradient", gy, raw, statistics, affine, gradients, by_raw));
        Ok(by_raw)
    }

    /// Computes and compares the weight gradient. The input gradient, plus the gradient of a shortcut, is written to `dx`.
    fn pointwise_backward(
        &mut self,
        convolution: &Convolution,
        gy: View,
        shortcut: Option<View>,
        dx: View,
    ) -> Result<(), GoldenError> {
        let Convolution { names, w, rows, channels, inputs, x, .. } = *convolution;
        let weight_gradient = self.fixture.gradient(&mut self.case, names.weight_gradient, "HWIO")?;
        let (layer, lanes) =
            (DenseBackwardWeight { rows: parts(rows), inputs, outputs: channels }, self.profile.capabilities.subgroup_size);
        let family = layer.choice(self.profile);
        push_sum(&mut self.case, layer.rows, inputs * channels, weight_gradient, |y| {
            layer.step("weight gradient", family, lanes, x, gy, y)
        });
        let transposed = self.rows("w transposed", inputs, channels);
        self.case.plan.push(Transpose { rows: inputs, columns: channels }.step("transpose", w, transposed));
        let zeros = self.zeros(inputs);
        let (outputs, layout) = (inputs, WeightLayout::Rows);
        let layer = Pointwise { rows, inputs: channels, outputs, layout, activation: Activation::None };
        let family = layer.choice(self.profile);
        self.case.plan.push(layer.step("dx", family, lanes, [gy, transposed, zeros], shortcut, dx));
        Ok(())
    }
}
