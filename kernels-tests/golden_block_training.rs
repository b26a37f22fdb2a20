//! Inverted residual blocks of the `kernels` group as training runs them: batch norm after every convolution, by the
//! statistics of the batch or by given ones, forward and backward.

use lineament::gpu::Gpu;
use lineament::kernels::{
    Activation, ActivationBackward, ActivationForward, Add, BatchNorm, BatchNormCombine, BatchNormDw, BatchNormDx,
    BatchNormStatistics, DenseDw, Depthwise, DepthwiseDw, DepthwiseDx, Padding, Pointwise, SumOfParts, Target, Transpose,
};
use lineament::scheduler::View;

use crate::case::{Case, Purpose};
use crate::golden_data::GoldenError;
use crate::golden_gradients::push_sum;
use crate::golden_kernels::{FORWARD, Fixture, padded};
use crate::golden_layers::parts;

/// The names of a convolution of the block and its gradients.
struct Names {
    part: &'static str,
    dw: &'static str,
    dgamma: &'static str,
    dbeta: &'static str,
}

const EXPAND: Names = Names { part: "expand", dw: "dexpand_w", dgamma: "dexpand_gamma", dbeta: "dexpand_beta" };
const DEPTHWISE: Names = Names { part: "depthwise", dw: "ddepthwise_w", dgamma: "ddepthwise_gamma", dbeta: "ddepthwise_beta" };
const PROJECT: Names = Names { part: "project", dw: "dproject_w", dgamma: "dproject_gamma", dbeta: "dproject_beta" };

/// A convolution's weights and what its backward pass needs of the forward pass.
struct Convolution {
    names: &'static Names,
    w: View,
    /// Rows and channels of the result.
    rows: u32,
    channels: u32,
    inputs: u32,
    x: View,
    raw: View,
    statistics: [View; 2],
    gamma: View,
    /// After batch norm and, but for the projection, ReLU6.
    y: View,
}

struct Block<'a> {
    fixture: &'a Fixture<'a>,
    target: Target,
    training: bool,
    epsilon: f32,
    case: Case,
}

/// The block forward and backward, with the variants that training would choose.
pub fn block(gpu: &Gpu, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let target = gpu.target();
    let epsilon = fixture.entry["params"]["eps"].as_f64().ok_or_else(|| fixture.unusable("eps"))? as f32;
    let residual = fixture.entry["params"]["residual"].as_bool().ok_or_else(|| fixture.unusable("residual"))?;
    if fixture.entry["params"]["padding"] != "TensorFlow SAME" {
        return Err(fixture.unusable("padding"));
    }
    let training = fixture.file.contains("_training");
    let case = Case::new("block", "training", fixture.file.to_string(), Purpose::Test);
    let mut block = Block { fixture, target, training, epsilon, case };
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
            let expand = self.pointwise(&EXPAND, batch * size[0] * size[1], current)?;
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
        self.case.plan.push(layer.step("depthwise", self.target.depthwise(layer), [current, w, zeros], raw));
        let depthwise = self.normalise(&DEPTHWISE, w, (rows, channels, channels), current, raw)?;
        let project = self.pointwise(&PROJECT, rows, depthwise.y)?;
        self.compare_result(&project, residual.then_some(x))?;

        let (gy, _) = self.fixture.input("gy", "NHWC")?;
        let gy = self.case.input("gy", &gy);
        let by_raw = self.batch_norm_backward(&project, gy)?;
        let by_activated = self.rows("gradient of depthwise activated", rows, channels);
        self.pointwise_backward(&project, by_raw, None, by_activated)?;
        let by_raw = self.activation_backward(&depthwise, by_activated)?;
        let dw = self.fixture.gradient(&mut self.case, DEPTHWISE.dw, "HW1C")?;
        let row_parts = parts(batch * layer.out_size()[0]);
        let gradient = DepthwiseDw { layer, rows: row_parts };
        push_sum(&mut self.case, row_parts, 9 * channels, dw, |y| gradient.step("depthwise dw", current, by_raw, y));
        let dx = self.fixture.gradient(&mut self.case, "dx", "NHWC")?;
        let variant = self.target.depthwise_dx(layer);
        let Some(expand) = expanded else {
            self.case.plan.push(DepthwiseDx { layer }.step("depthwise dx", variant, by_raw, w, dx));
            return Ok(());
        };
        let by_activated = self.rows("gradient of expanded", expand.rows, channels);
        self.case.plan.push(DepthwiseDx { layer }.step("depthwise dx", variant, by_raw, w, by_activated));
        let by_raw = self.activation_backward(&expand, by_activated)?;
        self.pointwise_backward(&expand, by_raw, residual.then_some(gy), dx)
    }

    fn rows(&mut self, label: &str, rows: u32, channels: u32) -> View {
        self.case.plan.transient(label, 4 * u64::from(rows) * u64::from(channels))
    }

    fn zeros(&mut self, channels: u32) -> View {
        self.case.input("zeros", &vec![0.0f32; channels as usize])
    }

    /// A vector of the convolution's batch norm.
    fn vector(&mut self, names: &Names, name: &str) -> Result<View, GoldenError> {
        let label = format!("{}_{name}", names.part);
        let (values, _) = self.fixture.input(&label, "C")?;
        Ok(self.case.input(&label, &values))
    }

    fn pointwise(&mut self, names: &'static Names, rows: u32, x: View) -> Result<Convolution, GoldenError> {
        let label = format!("{}_w", names.part);
        let (w, shape) = self.fixture.input(&label, "HWIO")?;
        let (inputs, outputs) = (shape[2], shape[3]);
        let (w, zeros) = (self.case.input(&label, &w), self.zeros(outputs));
        let raw = self.rows(&format!("{} raw", names.part), rows, outputs);
        let layer = Pointwise { rows, inputs, outputs, activation: Activation::None };
        let family = self.target.pointwise(rows, inputs, outputs);
        self.case.plan.push(layer.step(names.part, family, self.target.lanes, [x, w, zeros], None, raw));
        self.normalise(names, w, (rows, outputs, inputs), x, raw)
    }

    fn normalise(
        &mut self,
        names: &'static Names,
        w: View,
        (rows, channels, inputs): (u32, u32, u32),
        x: View,
        raw: View,
    ) -> Result<Convolution, GoldenError> {
        let [gamma, beta] = [self.vector(names, "gamma")?, self.vector(names, "beta")?];
        let running = [self.vector(names, "mean")?, self.vector(names, "var")?];
        let statistics = if self.training {
            let of_parts = ["part means", "part variances"].map(|label| self.rows(label, parts(rows).count(), channels));
            let of_all = ["mean", "variance"].map(|label| self.rows(label, 1, channels));
            let layer = BatchNormStatistics { rows: parts(rows), channels };
            self.case.plan.push(layer.step("part statistics", raw, of_parts));
            let layer = BatchNormCombine { rows: parts(rows), channels, momentum: 0.999, correction: 1.0 };
            self.case.plan.push(layer.step("statistics", of_parts, of_all, running));
            of_all
        } else {
            running
        };
        let y = self.rows("normalised", rows, channels);
        // The projection has no activation: it is the linear bottleneck.
        let activation = if names.part == PROJECT.part { Activation::None } else { Activation::Relu6 };
        let layer = BatchNorm { rows, channels, epsilon: self.epsilon, activation };
        self.case.plan.push(layer.step("batch norm", raw, statistics, [gamma, beta], y));
        Ok(Convolution { names, w, rows, channels, inputs, x, raw, statistics, gamma, y })
    }

    /// Compares y, which is the projection and, in a residual block, the block's input added to it.
    fn compare_result(&mut self, project: &Convolution, residual: Option<View>) -> Result<(), GoldenError> {
        let (expected, _) = padded(self.fixture.arrays.get("y")?, "NHWC")?;
        let y = self.case.output("y", expected.len(), FORWARD, Box::new(move || expected.clone()));
        let Convolution { rows, channels, y: projected, .. } = *project;
        let step = match residual {
            Some(x) => Add { rows, channels }.step("residual", projected, x, y),
            None => ActivationForward { rows, channels, activation: Activation::None }.step("copy", projected, y),
        };
        self.case.plan.push(step);
        Ok(())
    }

    /// From the gradient by a convolution's activated result to that by its raw one.
    fn activation_backward(&mut self, convolution: &Convolution, gy: View) -> Result<View, GoldenError> {
        let Convolution { rows, channels, y, .. } = *convolution;
        let by_normalised = self.rows("gradient of normalised", rows, channels);
        let layer = ActivationBackward { rows, channels, activation: Activation::Relu6 };
        self.case.plan.push(layer.step("ReLU6 dx", gy, y, by_normalised));
        self.batch_norm_backward(convolution, by_normalised)
    }

    /// Compares the gradients by gamma and beta, and gives the one by the raw result.
    fn batch_norm_backward(&mut self, convolution: &Convolution, gy: View) -> Result<View, GoldenError> {
        let Convolution { names, rows, channels, raw, statistics, gamma, .. } = *convolution;
        let (epsilon, training, row_parts) = (self.epsilon, self.training, parts(rows));
        let of_parts = ["parts of dgamma", "parts of dbeta"].map(|label| self.rows(label, row_parts.count(), channels));
        let layer = BatchNormDw { rows: row_parts, channels, epsilon };
        self.case.plan.push(layer.step("batch norm dw", gy, raw, statistics, of_parts));
        let gradients =
            [self.fixture.gradient(&mut self.case, names.dgamma, "C")?, self.fixture.gradient(&mut self.case, names.dbeta, "C")?];
        for (of_parts, gradient) in of_parts.into_iter().zip(gradients) {
            let sum = SumOfParts { count: row_parts.count(), elements: channels };
            self.case.plan.push(sum.step("sum of parts", of_parts, gradient));
        }
        let by_raw = self.rows("gradient of raw", rows, channels);
        let layer = BatchNormDx { rows, channels, epsilon, training };
        let weights = [gamma, gradients[0], gradients[1]];
        self.case.plan.push(layer.step("batch norm dx", gy, raw, statistics, weights, by_raw));
        Ok(by_raw)
    }

    /// Compares the gradient by the weights; the one by the input, with a shortcut's added, goes to `dx`.
    fn pointwise_backward(
        &mut self,
        convolution: &Convolution,
        gy: View,
        shortcut: Option<View>,
        dx: View,
    ) -> Result<(), GoldenError> {
        let Convolution { names, w, rows, channels, inputs, x, .. } = *convolution;
        let dw = self.fixture.gradient(&mut self.case, names.dw, "HWIO")?;
        let (layer, lanes) = (DenseDw { rows: parts(rows), inputs, outputs: channels }, self.target.lanes);
        let family = self.target.dense_dw(channels);
        push_sum(&mut self.case, layer.rows, inputs * channels, dw, |y| layer.step("dw", family, lanes, x, gy, y));
        let transposed = self.rows("w transposed", inputs, channels);
        self.case.plan.push(Transpose { rows: inputs, columns: channels }.step("transpose", w, transposed));
        let zeros = self.zeros(inputs);
        let layer = Pointwise { rows, inputs: channels, outputs: inputs, activation: Activation::None };
        let family = self.target.pointwise(rows, channels, inputs);
        self.case.plan.push(layer.step("dx", family, lanes, [gy, transposed, zeros], shortcut, dx));
        Ok(())
    }
}
