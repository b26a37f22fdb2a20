//! Cases of pointwise convolution and dense layers, in all five kernels.

use lineament::ops::{Activation, Choice, OperandScale, Pointwise, pointwise_mixed_variants, pointwise_variants};
use lineament::plan::{Precision, WeightLayout};

use super::rounded::rounded;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::pointwise::pointwise;
use lineament::ops::reference::random::values;

/// (rows, inputs, outputs, activation, residual): one vector of each, primes, and a tile ± 1.
const TESTS: &[(u32, u32, u32, Activation, bool)] = &[
    (1, 4, 4, Activation::None, false),
    (7, 12, 20, Activation::Relu6, true),
    (31, 16, 24, Activation::Relu, false),
    (33, 36, 28, Activation::Sigmoid, false),
    (65, 68, 132, Activation::None, true),
    (63, 64, 60, Activation::Relu6, false),
    (257, 8, 36, Activation::None, false),
    // Tiles of 16 and 128 rows, 16 to 128 columns and 8 to 64 inputs: full, one vector short, and one vector past the last.
    (15, 60, 12, Activation::Relu, false),
    (17, 132, 20, Activation::None, true),
    (127, 28, 124, Activation::Relu6, false),
    (128, 64, 128, Activation::None, false),
    (129, 100, 68, Activation::None, true),
    // Multiples of eight, for variants that load eight values at a time: one block, a last tile that is not full, and panels.
    (1, 8, 8, Activation::Sigmoid, false),
    (57, 24, 40, Activation::Relu6, true),
    (65, 72, 136, Activation::None, true),
];

/// (kernel, variant, rows, inputs and outputs). These shapes need more than 65,535 workgroups, so that the grid is folded. Only
/// variants with the smallest tiles have one, because the others would need a large tensor.
const FOLDED: &[(&str, &str, u32, u32)] = &[
    ("pointwise_subgroup", "1x32", 8 * 65_536 + 3, 4),
    ("pointwise_columns", "1 row wide", 65_536 + 3, 8),
    ("pointwise_registers", "4x4", 32 * 65_536 + 3, 4),
];

/// (rows, inputs, outputs): the layers that make up most of MobileNetV2 at 224 × 224, with batch 8.
const BENCHMARKS: &[(u32, u32, u32)] = &[
    (8 * 112 * 112, 16, 96),
    (8 * 56 * 56, 96, 24),
    (8 * 28 * 28, 32, 192),
    (8 * 28 * 28, 192, 32),
    (8 * 14 * 14, 64, 384),
    (8 * 14 * 14, 384, 64),
    (8 * 14 * 14, 576, 96),
    (8 * 7 * 7, 160, 960),
    (8 * 7 * 7, 960, 160),
    (8 * 7 * 7, 320, 1280),
    // The first layer of the head, for one image and for small batches.
    (1, 1280, 1536),
    (2, 1280, 1536),
    (4, 1280, 1536),
    (8, 1280, 1536),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    let variants = [Precision::F32, Precision::F16].into_iter().flat_map(pointwise_variants).chain(pointwise_mixed_variants());
    for family in variants.filter(|(_, variant)| context.runs(variant)) {
        if context.purpose == Purpose::Benchmark {
            for &(rows, inputs, outputs) in BENCHMARKS {
                let layout = WeightLayout::Panels;
                let shape = Pointwise { rows, inputs, outputs, layout, activation: Activation::Relu6 };
                cases.push(case(shape, family, false, context));
            }
            continue;
        }
        let folded = FOLDED.iter().filter(|(kernel, variant, ..)| (*kernel, *variant) == (family.0.name, family.1.name));
        let folded = folded.map(|&(.., rows, channels)| (rows, channels, channels, Activation::None, false));
        for (rows, inputs, outputs, activation, residual) in TESTS.iter().copied().chain(folded) {
            // Up to 32 columns are a single panel, and then both layouts are the same.
            let layouts = [WeightLayout::Rows, WeightLayout::Panels].into_iter().take(if outputs > 32 { 2 } else { 1 });
            for layout in layouts {
                let shape = Pointwise { rows, inputs, outputs, layout, activation };
                if shape.suits(family.1) {
                    cases.push(case(shape, family, residual, context));
                    // This shape has several tiles in every variant, so its grid can be folded.
                    if (rows, inputs) == (65, 72) {
                        cases.extend(case(shape, family, residual, context).folded());
                    }
                }
            }
        }
    }
    cases
}

/// The magnitude of the inputs of variants for mixed precision.
const SMALL: f32 = 1.0 / (1 << 20) as f32;

/// Returns the scale of the inputs of variants for mixed precision: that of gradients or, in one shape, a scale beyond which half
/// of the inputs exceed the range of 16-bit floats.
fn scale_of(shape: Pointwise) -> OperandScale {
    if (shape.rows, shape.inputs) == (31, 16) { OperandScale::power(37) } else { OperandScale::GRADIENT }
}

fn case(shape: Pointwise, family: Choice, residual: bool, context: Context) -> Case {
    let Pointwise { rows, inputs, outputs, layout, activation } = shape;
    let shortcut = if residual { ", residual" } else { "" };
    let name = format!("{rows}x{inputs} · {inputs}x{outputs} in {layout}, {activation:?}{shortcut}");
    let mut case = Case::new(family.0.name, family.1.name, name, context.purpose);
    let [m, k, n] = [rows, inputs, outputs].map(|size| size as usize);
    let precision = family.1.precision();
    let stored = |stream: u64, count: usize| precision.rounded(&values(1, stream, count));
    let (mut x, mut w, bias) = (stored(0, m * k), stored(1, k * n), values(1, 2, n));
    let is_mixed = family.1.rounds_operands();
    let scale = if is_mixed { scale_of(shape) } else { OperandScale::NONE };
    if is_mixed {
        // Without the scale, such small numbers lose most of their bits. The products are as large as those of other variants.
        x.iter_mut().for_each(|value| *value *= SMALL);
        w.iter_mut().for_each(|value| *value /= SMALL * 32.0);
    }
    let shortcut = residual.then(|| stored(3, m * n));
    let views = [
        case.stored("x", precision, &x),
        case.stored("w", precision, &layout.arranged(w.clone(), outputs)),
        case.input("bias", &bias),
    ];
    let residual = shortcut.as_ref().map(|values| case.stored("residual", precision, values));
    let bounds = match precision {
        Precision::F32 => Bounds::float(1e-11, 2e-5),
        // Products and their sums are not rounded to 16 bits, only the result is.
        Precision::F16 if family.1.is_cooperative() => Bounds::half(2e-7, 5e-3),
        // The products, the sums of sixteen products and the result are rounded to 16 bits.
        Precision::F16 => Bounds::half(1e-6, 2e-2),
    };
    if is_mixed {
        (x, w) = (rounded(&x, scale), rounded(&w, OperandScale::NONE));
    }
    let expected = move || pointwise([m, k, n], activation, [&x, &w, &bias], shortcut.as_deref());
    let y = case.output("y", m * n, bounds, Box::new(expected));
    let lanes = context.capabilities.subgroup_size;
    let step = shape.step_scaled(&case.name.clone(), family, lanes, views, residual, y, scale);
    case.plan.push(step);
    case
}
