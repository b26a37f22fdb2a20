//! Tests that the tables of the device profiles fit the kernels: tables name variants that exist, and every variant is used.

use std::collections::BTreeSet;

use super::*;
use crate::plan::{Capabilities, Plan, Precision, RowParts, VariantId, WeightLayout};
use crate::profiles::{DeviceClass, DeviceProfile, Operation, OperationShape};

/// A shape of each operation.
fn example(operation: Operation) -> OperationShape {
    let (batch, size, channels, stride) = (1, [14, 14], 16, 1);
    match operation {
        Operation::Stem => OperationShape::Stem { batch, size, inputs: 4, rgb: true, outputs: 16, stride: 2 },
        Operation::Depthwise => OperationShape::Depthwise { batch, size, channels, stride },
        Operation::ExpandDepthwise => OperationShape::ExpandDepthwise { batch, size, inputs: 8, channels, stride },
        Operation::InvertedResidual => OperationShape::InvertedResidual { batch, size, inputs: 8, channels, outputs: 12, stride },
        Operation::DepthwiseBackwardInput => OperationShape::DepthwiseBackwardInput { batch, size, channels, stride },
        Operation::Pointwise => OperationShape::Pointwise { rows: 7, inputs: 8, outputs: 16, layout: WeightLayout::Panels },
        Operation::DenseBackwardWeight => OperationShape::DenseBackwardWeight { rows: 7, rows_a_part: 7, inputs: 8, outputs: 16 },
    }
}

/// The kernels that compute an operation.
fn kernels(operation: Operation) -> Vec<&'static Kernel> {
    match operation {
        Operation::Stem => vec![&STEM, &STEM_STRIP],
        Operation::Depthwise => vec![&DEPTHWISE, &DEPTHWISE_STRIP],
        Operation::ExpandDepthwise => vec![&EXPAND_DEPTHWISE],
        // The variants of the last layer alone mean that the layers run separately.
        Operation::InvertedResidual => [&[&INVERTED_RESIDUAL][..], &kernels(Operation::Pointwise)].concat(),
        Operation::DepthwiseBackwardInput => vec![&DEPTHWISE_BACKWARD_INPUT],
        Operation::Pointwise => {
            vec![&POINTWISE_SUBGROUP, &POINTWISE_COLUMNS, &POINTWISE_REGISTERS, &POINTWISE_WORKGROUP, &POINTWISE_COOPERATIVE]
        }
        Operation::DenseBackwardWeight => {
            vec![&DENSE_BACKWARD_WEIGHT_SUBGROUP, &DENSE_BACKWARD_WEIGHT_REGISTERS, &DENSE_BACKWARD_WEIGHT_COOPERATIVE]
        }
    }
}

/// A profile of every class with every combination of capabilities that a choice depends on.
pub(crate) fn profiles() -> Vec<DeviceProfile> {
    let mut profiles = Vec::new();
    for class in DeviceClass::ALL {
        let software = class == DeviceClass::Software;
        for subgroup_size in [None, Some(4), Some(8), Some(16), Some(32)] {
            for (shader_int64, matrix_side) in [(false, None), (true, None), (false, Some(8)), (false, Some(16))] {
                let capabilities =
                    Capabilities { shader_int64, shader_f16: true, matrix_side, ..Capabilities::webgpu(software, subgroup_size) };
                profiles.push(DeviceProfile::of_class(class, capabilities));
            }
        }
    }
    profiles
}

/// Shapes in a grid over everything that tables ask about.
pub(crate) fn shapes() -> Vec<OperationShape> {
    const WIDTHS: [u32; 12] = [4, 12, 16, 24, 32, 36, 40, 64, 96, 128, 160, 192];
    const ROWS: [u32; 19] = [1, 2, 8, 9, 16, 36, 49, 64, 72, 144, 196, 256, 392, 784, 1568, 3136, 8192, 12_544, 100_352];
    let mut shapes = Vec::new();
    for (inputs, outputs) in WIDTHS.into_iter().flat_map(|inputs| WIDTHS.map(|outputs| (inputs, outputs))) {
        for rows in ROWS {
            shapes.push(OperationShape::Pointwise { rows, inputs, outputs, layout: WeightLayout::Panels });
            shapes.push(OperationShape::DenseBackwardWeight { rows, rows_a_part: rows, inputs, outputs });
        }
        for (side, stride) in [(2, 1), (2, 2), (3, 1), (7, 1), (8, 1), (14, 2), (15, 2), (28, 1), (32, 2)] {
            let (batch, size, channels) = (1, [side, side], outputs);
            shapes.extend([
                OperationShape::Depthwise { batch, size, channels, stride },
                OperationShape::DepthwiseBackwardInput { batch, size, channels, stride },
                OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride },
                OperationShape::InvertedResidual { batch: 512, size, inputs, channels: 96, outputs, stride },
                OperationShape::Stem { batch, size, inputs, rgb: inputs == 4, outputs, stride },
            ]);
        }
    }
    shapes
}

#[test]
fn every_row_of_every_table_names_a_variant_of_its_operation() {
    for class in DeviceClass::ALL {
        for row in class.rows() {
            let (kernel, variant) = resolve(&row.variant).unwrap_or_else(|| panic!("{class:?}: there is no `{}`", row.variant));
            let computes = kernels(row.operation).iter().any(|known| known.name == kernel.name);
            assert!(computes, "{class:?}: `{}` does not compute {:?}", row.variant, row.operation);
            assert_eq!(
                (variant.precision(), variant.rounds_operands()),
                (row.precision, row.mixed),
                "{class:?}: {}",
                row.variant
            );
            for condition in row.when {
                let is_known = example(row.operation).quantity(condition.quantity()).is_some();
                assert!(is_known, "{class:?}: {condition:?} says nothing about {:?}", row.operation);
            }
            let provenance = row.provenance;
            for text in [provenance.tool, provenance.device, provenance.figure] {
                assert!(!text.is_empty(), "{class:?}: `{}` has no provenance", row.variant);
            }
            let date: Vec<&str> = provenance.date.split('-').collect();
            assert_eq!(date.iter().map(|part| part.len()).collect::<Vec<_>>(), [4, 2, 2], "{class:?}: {}", provenance.date);
        }
    }
}

#[test]
fn every_variant_is_the_choice_of_some_profile_for_some_shape() {
    let (profiles, shapes) = (profiles(), shapes());
    let mut shipped: BTreeSet<VariantId> = BTreeSet::new();
    for profile in &profiles {
        shipped.extend(shapes.iter().map(|shape| identity(candidates::shipped(*shape, profile))));
        let half = profile.with_precision(Precision::F16);
        for shape in &shapes {
            match shape.operation() {
                Operation::Stem => shipped.extend([identity(candidates::stem_of(*shape).choice(&half))]),
                Operation::Depthwise => shipped.extend([identity(candidates::depthwise_of(*shape).choice(&half))]),
                Operation::InvertedResidual => {
                    shipped.extend(candidates::inverted_residual_of(*shape).choice(&half).map(identity))
                }
                Operation::Pointwise => {
                    let pointwise = candidates::pointwise_of(*shape);
                    shipped.extend([&half, &profile.with_mixed(true)].map(|profile| identity(pointwise.choice(profile))))
                }
                _ => {}
            }
            if let OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } = *shape {
                let product = DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs };
                shipped.extend([identity(product.choice(&profile.with_mixed(true)))]);
            }
        }
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let resize = ResizeNormalise { batch: 1, size: 224, scale: [1.0; 3], shift: [0.0; 3], interpolation };
            for profile in [profile, &half] {
                shipped.extend([identity((&RESIZE_NORMALISE, resize.variant(profile)))]);
            }
        }
        shipped.extend([identity(KmeansAccumulateBits::choice(profile))]);
        for clusters in 1..=KmeansAssignAccumulate::MAX_CLUSTERS {
            for columns in [36, 40] {
                let shape = KmeansShape { rows: 100, columns, clusters, restarts: 1 };
                shipped.extend([identity((&KMEANS_ASSIGN_ACCUMULATE, KmeansAssignAccumulate::variant(profile, shape)))]);
            }
        }
        for format in [RowFormat::Numbers, RowFormat::Bits] {
            for count in 1..=64 {
                let kernels: &[&'static Kernel] = match format {
                    RowFormat::Numbers => &[&KMEANS_POTENTIAL, &PAIRWISE, &NEIGHBOURS],
                    RowFormat::Bits => &[&PAIRWISE, &NEIGHBOURS],
                };
                shipped
                    .extend(kernels.iter().map(|kernel| identity((*kernel, distance_variant(profile, kernel, format, count)))));
                for columns in [12, 40, 72, 128] {
                    let kmeans = KmeansShape { rows: 100, columns, clusters: count, restarts: 1 };
                    shipped.extend([identity(KmeansAssign::choice(profile, kmeans, format))]);
                    let metric = Metric::Euclidean;
                    let slice =
                        SilhouetteSlice { rows: count, columns, format, clusters: 2, first_row: 0, end_row: count, metric };
                    shipped.extend([identity((&SILHOUETTE, silhouette_variant(profile, slice)))]);
                }
            }
        }
    }
    for precision in [Precision::F32, Precision::F16] {
        shipped.insert(identity((&ALIGN, Align::variant(precision))));
        let view = Plan::new("pool").persistent("tensor", 64);
        let step = GlobalAveragePool { batch: 1, positions: 4, channels: 4 }.step("pool", precision, view, view);
        shipped.insert(VariantId { kernel: step.kernel, variant: step.variant });
    }
    for (batch, size, stride) in [(1, [8, 8], 1), (1, [8, 8], 2), (1, [2, 2], 1), (1, [2, 2], 2)] {
        let (padding, activation) = (Padding::Symmetric, Activation::None);
        let layer = Depthwise { batch, size, channels: 8, stride, padding, activation };
        let rows = DepthwiseBackwardWeight::parts(&profiles[0], layer);
        shipped.extend([identity((&DEPTHWISE_BACKWARD_WEIGHT, DepthwiseBackwardWeight { layer, rows }.variant()))]);
        for rgb in [false, true] {
            let layer = Stem { batch, size, inputs: 4, rgb, outputs: 8, stride, padding, activation };
            let rows = StemBackwardWeight::parts(&profiles[0], layer);
            shipped.extend([identity((&STEM_BACKWARD_WEIGHT, StemBackwardWeight { layer, rows }.variant()))]);
        }
    }
    for kernel in ALL {
        // The ceilings of a device are measured with every variant of these kernels, so no profile chooses one of them.
        if [FUSED_MULTIPLY_ADD.name, STREAM.name].contains(&kernel.name) || kernel.variants.len() == 1 {
            continue;
        }
        for variant in kernel.variants {
            assert!(shipped.contains(&identity((kernel, variant))), "no profile ships {} {}", kernel.name, variant.name);
        }
    }
}
