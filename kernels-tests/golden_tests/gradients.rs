//! Gradients of the convolutions and of pooling in the `kernels` group. Every sum over rows is computed in several parts.

use lineament::ops::{
    Activation, Choice, ColumnSum, DEPTHWISE_BACKWARD_INPUT, DEPTHWISE_BACKWARD_WEIGHT, DenseBackwardWeight,
    DepthwiseBackwardInput, DepthwiseBackwardWeight, GLOBAL_AVERAGE_POOL_BACKWARD_INPUT, GlobalAveragePool,
    GlobalAveragePoolBackwardInput, Pointwise, STEM_BACKWARD_WEIGHT, StemBackwardInput, StemBackwardWeight, SumOfParts,
    Transpose, dense_backward_weight_variants, pointwise_variants,
};
use lineament::plan::{Precision, RowParts, Step, View, WeightLayout};
use lineament::profiles::Device;

use crate::commands::test::missing;
use crate::golden_tests::data::GoldenError;
use crate::golden_tests::kernels::{Fixture, depthwise_layer, stem_layer};
use crate::golden_tests::layers::parts;
use crate::harness::case::{Case, Purpose};

/// Appends the step that sums the rows of each part, and the step that adds up the parts. Each part has `elements` elements.
pub fn push_sum(case: &mut Case, rows: RowParts, elements: u32, y: View, step: impl FnOnce(View) -> Step) {
    let of_parts = case.plan.transient("parts", 4 * u64::from(rows.count()) * u64::from(elements));
    case.plan.push(step(of_parts));
    case.plan.push(SumOfParts { count: rows.count(), elements }.step("sum of parts", of_parts, y));
}

fn case(fixture: &Fixture, kernel: &'static str, variant: &'static str) -> Case {
    Case::new(kernel, variant, fixture.file.to_string(), Purpose::Test)
}

/// Adds an array of the fixture as an input of a case.
fn input(case: &mut Case, fixture: &Fixture, name: &str, layout: &str) -> Result<View, GoldenError> {
    let (values, _) = fixture.input(name, layout)?;
    Ok(case.input(name, &values))
}

/// Adds the steps that compute the bias gradient, which is compared.
fn push_bias(case: &mut Case, fixture: &Fixture, gy: View) -> Result<(), GoldenError> {
    let (_, shape) = fixture.input("gy", "NHWC")?;
    let (rows, channels) = (parts(shape[..3].iter().product()), shape[3]);
    let db = fixture.gradient(case, "db", "C")?;
    push_sum(case, rows, channels, db, |y| ColumnSum { rows, channels }.step("db", gy, y));
    Ok(())
}

/// Returns the case of all gradients of a dense 3×3 convolution.
pub fn stem(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let layer = stem_layer(fixture)?;
    let mut case = case(fixture, STEM_BACKWARD_WEIGHT.name, "default");
    let [x, gy] = [input(&mut case, fixture, "x", "NHWC")?, input(&mut case, fixture, "gy", "NHWC")?];
    let w = input(&mut case, fixture, "w", "HWIO")?;
    let dx = fixture.gradient(&mut case, "dx", "NHWC")?;
    case.plan.push(StemBackwardInput { layer }.step("dx", gy, w, dx));
    let weight_gradient = fixture.gradient(&mut case, "dw", "HWIO")?;
    let rows = parts(layer.batch * layer.out_size()[0]);
    push_sum(&mut case, rows, 9 * layer.inputs * layer.outputs, weight_gradient, |y| {
        StemBackwardWeight { layer, rows }.step("weight gradient", x, gy, y)
    });
    push_bias(&mut case, fixture, gy)?;
    Ok(vec![case])
}

/// Returns the cases of the input gradient of a depthwise convolution in every variant, and the case of its weight and bias
/// gradients.
pub fn depthwise(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let layer = depthwise_layer(fixture)?;
    let mut cases = Vec::new();
    for variant in (DepthwiseBackwardInput { layer }).variants() {
        let mut case = case(fixture, DEPTHWISE_BACKWARD_INPUT.name, variant.name);
        let [gy, w] = [input(&mut case, fixture, "gy", "NHWC")?, input(&mut case, fixture, "w", "HW1C")?];
        let dx = fixture.gradient(&mut case, "dx", "NHWC")?;
        case.plan.push(DepthwiseBackwardInput { layer }.step("dx", variant, gy, w, dx));
        cases.push(case);
    }
    let mut case = case(fixture, DEPTHWISE_BACKWARD_WEIGHT.name, "default");
    let [x, gy] = [input(&mut case, fixture, "x", "NHWC")?, input(&mut case, fixture, "gy", "NHWC")?];
    let weight_gradient = fixture.gradient(&mut case, "dw", "HW1C")?;
    let rows = parts(layer.batch * layer.out_size()[0]);
    push_sum(&mut case, rows, 9 * layer.channels, weight_gradient, |y| {
        DepthwiseBackwardWeight { layer, rows }.step("weight gradient", x, gy, y)
    });
    push_bias(&mut case, fixture, gy)?;
    cases.push(case);
    Ok(cases)
}

/// Returns the cases of all gradients of a pointwise convolution, in every variant.
pub fn pointwise(device: &Device, fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let ((_, x_shape), (_, w_shape)) = (fixture.input("x", "NHWC")?, fixture.input("w", "HWIO")?);
    let (rows, inputs, outputs) = (x_shape[..3].iter().product(), x_shape[3], w_shape[3]);
    let layer = Pointwise { rows, inputs: outputs, outputs: inputs, layout: WeightLayout::Rows, activation: Activation::None };
    let mut cases = Vec::new();
    let runs = |(_, variant): &Choice| missing(device, variant).is_none() && layer.suits(variant);
    for family in pointwise_variants(Precision::F32).filter(runs) {
        let mut case = case(fixture, family.0.name, family.1.name);
        let [gy, w] = [input(&mut case, fixture, "gy", "NHWC")?, input(&mut case, fixture, "w", "HWIO")?];
        let zeros = case.input("zeros", &vec![0.0f32; inputs as usize]);
        let transposed = case.plan.transient("w transposed", 4 * u64::from(inputs) * u64::from(outputs));
        case.plan.push(Transpose { rows: inputs, columns: outputs }.step("transpose", w, transposed));
        let dx = fixture.gradient(&mut case, "dx", "NHWC")?;
        case.plan.push(layer.step("dx", family, device.capabilities().subgroup_size, [gy, transposed, zeros], None, dx));
        cases.push(case);
    }
    for family in dense_backward_weight_variants().filter(|(_, variant)| missing(device, variant).is_none()) {
        let mut case = case(fixture, family.0.name, family.1.name);
        let [x, gy] = [input(&mut case, fixture, "x", "NHWC")?, input(&mut case, fixture, "gy", "NHWC")?];
        let weight_gradient = fixture.gradient(&mut case, "dw", "HWIO")?;
        let layer = DenseBackwardWeight { rows: parts(rows), inputs, outputs };
        push_sum(&mut case, layer.rows, inputs * outputs, weight_gradient, |y| {
            layer.step("weight gradient", family, device.capabilities().subgroup_size, x, gy, y)
        });
        push_bias(&mut case, fixture, gy)?;
        cases.push(case);
    }
    Ok(cases)
}

/// Returns the case of the input gradient of global average pooling.
pub fn global_average_pool(fixture: &Fixture) -> Result<Vec<Case>, GoldenError> {
    let (_, shape) = fixture.input("x", "NHWC")?;
    let layer = GlobalAveragePool { batch: shape[0], positions: shape[1] * shape[2], channels: shape[3] };
    let mut case = case(fixture, GLOBAL_AVERAGE_POOL_BACKWARD_INPUT.name, "default");
    let gy = input(&mut case, fixture, "gy", "NC")?;
    let dx = fixture.gradient(&mut case, "dx", "NHWC")?;
    case.plan.push(GlobalAveragePoolBackwardInput { layer }.step("dx", gy, dx));
    Ok(vec![case])
}
