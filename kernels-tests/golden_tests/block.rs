//! The inverted residual blocks of the `kernels` group in inference mode, with batch norm folded into the convolutions.

use lineament::ops::{Activation, Choice, Depthwise, InvertedResidual, Padding, Pointwise, inverted_residual_variants};
use lineament::plan::{Precision, View, WeightLayout};
use lineament::profiles::{Device, DeviceProfile};

use crate::golden_tests::data::{Array, GoldenError};
use crate::golden_tests::kernels::{FORWARD, Fixture, padded};
use crate::harness::case::{Case, Purpose};

/// A convolution of the block with its batch norm folded into it, in the layout of the kernels.
struct Folded {
    w: Vec<f32>,
    shape: Vec<u32>,
    bias: Vec<f32>,
}

/// Folds `{part}_w` and its batch norm: w·γ/√(σ² + ε) and β − μ·γ/√(σ² + ε), in double precision.
fn fold(fixture: &Fixture, part: &str, layout: &str) -> Result<Folded, GoldenError> {
    let epsilon = fixture.entry["params"]["eps"].as_f64().ok_or_else(|| fixture.unusable("eps"))?;
    let array = |name: &str| fixture.arrays.get(&format!("{part}_{name}"));
    let [gamma, beta, mean, variance] = [array("gamma")?, array("beta")?, array("mean")?, array("var")?];
    let mut w = array("w")?.arranged(layout)?;
    let channels = gamma.values.len();
    let same = [beta, mean, variance].iter().all(|array| array.values.len() == channels);
    if !same || w.shape.last() != Some(&channels) {
        let reason = format!("it and its batch norm must all have the {channels} channels of {part}_gamma");
        return Err(GoldenError::Tensor { tensor: format!("{part}_w"), reason });
    }
    let scale: Vec<f64> = (0..channels).map(|c| gamma.values[c] / (variance.values[c] + epsilon).sqrt()).collect();
    for (at, value) in w.values.iter_mut().enumerate() {
        *value *= scale[at % channels];
    }
    let bias = (0..channels).map(|c| beta.values[c] - mean.values[c] * scale[c]).collect();
    let bias = Array { shape: vec![channels], layout: "C".to_string(), values: bias };
    let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
    let (w, shape) = padded(&w, layout)?;
    Ok(Folded { w: single(w), shape, bias: single(padded(&bias, "C")?.0) })
}

/// Returns the cases of a block: layer by layer, with the variants that the network would choose, and in one kernel, with every
/// variant that can compute it.
pub fn inference(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let profile = device.profile();
    let mut cases = whole(fixture)?;
    let (x, x_shape) = fixture.input("x", "NHWC")?;
    let (batch, mut size, mut channels) = (x_shape[0], [x_shape[1], x_shape[2]], x_shape[3]);
    let stride = fixture.number("stride")?;
    let residual = fixture.entry["params"]["residual"].as_bool().ok_or_else(|| fixture.unusable("residual"))?;
    if fixture.entry["params"]["padding"] != "TensorFlow SAME" {
        return Err(fixture.unusable("padding"));
    }
    let mut case = Case::new("block", "inference", fixture.file.to_string(), Purpose::Test);
    let input = case.input("x", &x);
    let mut current = input;
    let bytes = |size: [u32; 2], channels: u32| 4 * u64::from(batch) * u64::from(size[0] * size[1]) * u64::from(channels);

    if fixture.number("expand")? != 1 {
        let expand = fold(fixture, "expand", "HWIO")?;
        let y = case.plan.transient("expanded", bytes(size, expand.shape[3]));
        push_pointwise(&mut case, profile, &expand, (batch * size[0] * size[1], Activation::Relu6), current, None, y);
        (current, channels) = (y, expand.shape[3]);
    }
    let part = fold(fixture, "depthwise", "HW1C")?;
    let shape = Depthwise { batch, size, channels, stride, padding: Padding::TensorflowSame, activation: Activation::Relu6 };
    size = shape.out_size();
    let y = case.plan.transient("depthwise", bytes(size, channels));
    let views = [current, case.input("depthwise_w", &part.w), case.input("depthwise_b", &part.bias)];
    case.plan.push(shape.step("depthwise", shape.choice(profile), views, y));

    let project = fold(fixture, "project", "HWIO")?;
    let (expected, _) = padded(fixture.arrays.get("y")?, "NHWC")?;
    let result = case.output("y", expected.len(), FORWARD, Box::new(move || expected.clone()));
    let rows = batch * size[0] * size[1];
    push_pointwise(&mut case, profile, &project, (rows, Activation::None), y, residual.then_some(input), result);
    cases.push(case);
    Ok(cases)
}

/// Returns the cases of a block in one kernel, or none if the block has no expansion.
fn whole(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    if fixture.number("expand")? == 1 {
        return Ok(Vec::new());
    }
    let parts = [("expand", "HWIO"), ("depthwise", "HW1C"), ("project", "HWIO")];
    let [expand, convolve, project] = parts.map(|(part, layout)| fold(fixture, part, layout));
    let [expand, convolve, project] = [expand?, convolve?, project?];
    let (x, x_shape) = fixture.input("x", "NHWC")?;
    let (inputs, channels, outputs) = (x_shape[3], expand.shape[3], project.shape[3]);
    let (padding, activation) = (Padding::TensorflowSame, Activation::Relu6);
    let (batch, size, stride) = (x_shape[0], [x_shape[1], x_shape[2]], fixture.number("stride")?);
    let residual = fixture.entry["params"]["residual"] == true;
    let depthwise = Depthwise { batch, size, channels, stride, padding, activation };
    let block = InvertedResidual { inputs, depthwise, outputs, residual };
    let (expected, _) = padded(fixture.arrays.get("y")?, "NHWC")?;
    let suiting = inverted_residual_variants(Precision::F32).filter(|(_, variant)| block.suits(variant));
    let case = |choice: Choice| {
        let mut case = Case::new(choice.0.name, choice.1.name, fixture.file.to_string(), Purpose::Test);
        let panels = |w: &[f32], columns| WeightLayout::Panels.arranged(w.to_vec(), columns);
        let views = [
            case.input("x", &x),
            case.input("w_expand", &panels(&expand.w, channels)),
            case.input("bias_expand", &expand.bias),
            case.input("w", &convolve.w),
            case.input("bias", &convolve.bias),
            case.input("w_project", &panels(&project.w, outputs)),
            case.input("bias_project", &project.bias),
        ];
        let expected = expected.clone();
        let result = case.output("y", expected.len(), FORWARD, Box::new(move || expected.clone()));
        case.plan.push(block.step("block", choice, views, result));
        case
    };
    Ok(suiting.map(case).collect())
}

fn push_pointwise(
    case: &mut Case,
    profile: &DeviceProfile,
    part: &Folded,
    (rows, activation): (u32, Activation),
    x: View,
    residual: Option<View>,
    y: View,
) {
    let (inputs, outputs) = (part.shape[2], part.shape[3]);
    let views = [x, case.input("w", &part.w), case.input("bias", &part.bias)];
    let shape = Pointwise { rows, inputs, outputs, layout: WeightLayout::Rows, activation };
    case.plan.push(shape.step("pointwise", shape.choice(profile), profile.capabilities.subgroup_size, views, residual, y));
}
