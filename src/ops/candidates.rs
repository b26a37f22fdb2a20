//! The variants that the autotuner compares for a shape.

use super::{
    Activation, Choice, DEPTHWISE_BACKWARD_INPUT, DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, EXPAND_DEPTHWISE,
    ExpandDepthwise, InvertedResidual, Padding, Pointwise, Stem, dense_backward_weight_variants, identity,
    inverted_residual_variants, pointwise_variants, stem_variants,
};
use crate::plan::{Precision, RowParts, WeightLayout};
use crate::profiles::{DeviceProfile, Operation, OperationShape, Winners};

/// The padding and the activation of layers that are made from shapes. The choice of a variant does not depend on either.
const ANY: (Padding, Activation) = (Padding::TensorflowSame, Activation::None);

/// Returns the variants for 32-bit floats that can compute a shape on a device.
pub fn candidates(shape: OperationShape, profile: &DeviceProfile) -> Vec<Choice> {
    let runs = |(_, variant): &Choice| variant.lacks(&profile.capabilities).is_none();
    match shape {
        OperationShape::Stem { .. } => {
            let layer = stem_of(shape);
            stem_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
        }
        OperationShape::Depthwise { .. } => depthwise_of(shape).variants().filter(runs).collect(),
        OperationShape::ExpandDepthwise { .. } => {
            let layer = expand_depthwise_of(shape);
            let fused = EXPAND_DEPTHWISE.variants.iter().map(|variant| (&EXPAND_DEPTHWISE, variant));
            let suitable = fused.filter(runs).filter(|(_, variant)| layer.suits(variant));
            suitable.chain([layer.depthwise.choice(&profile.shipped())]).collect()
        }
        OperationShape::InvertedResidual { .. } => {
            let block = inverted_residual_of(shape);
            let fused = inverted_residual_variants(Precision::F32).filter(runs).filter(|(_, variant)| block.suits(variant));
            fused.chain([block.projection().choice(&profile.shipped())]).collect()
        }
        OperationShape::DepthwiseBackwardInput { .. } => {
            let gradient = DepthwiseBackwardInput { layer: depthwise_of(shape) };
            gradient.variants().map(|variant| (&DEPTHWISE_BACKWARD_INPUT, variant)).collect()
        }
        OperationShape::Pointwise { .. } => {
            let layer = pointwise_of(shape);
            pointwise_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
        }
        OperationShape::DenseBackwardWeight { .. } => dense_backward_weight_variants().filter(runs).collect(),
    }
}

/// Returns the variants that a measurement of a shape runs: the candidates and, for several layers in one kernel, the variants of
/// the other layers when the layers are separate dispatches.
pub fn measured(shape: OperationShape, profile: &DeviceProfile) -> Vec<Choice> {
    let mut choices = candidates(shape, profile);
    let shipped = &profile.shipped();
    match shape {
        OperationShape::ExpandDepthwise { .. } => choices.push(expand_of(shape).choice(shipped)),
        OperationShape::InvertedResidual { .. } => {
            let pair = expansion_of(inverted_residual_of(shape));
            choices.extend(match expand_depthwise_of(pair).choice(shipped) {
                Some(fused) => vec![fused],
                None => vec![expand_of(pair).choice(shipped), expand_depthwise_of(pair).depthwise.choice(shipped)],
            });
        }
        _ => {}
    }
    choices
}

/// Returns winners that run every inverted residual among `shapes` in one kernel, whether or not this pays. Tests compare the
/// results of whole networks with and without them.
pub fn whole_blocks(shapes: impl IntoIterator<Item = OperationShape>, profile: &DeviceProfile) -> Winners {
    let blocks = shapes.into_iter().filter(|shape| shape.operation() == Operation::InvertedResidual);
    let whole = blocks.filter_map(|shape| candidates(shape, profile).first().map(|choice| (shape, identity(*choice))));
    Winners::new(whole.collect())
}

/// Returns the choice for a shape that was not measured.
pub fn shipped(shape: OperationShape, profile: &DeviceProfile) -> Choice {
    let profile = &profile.shipped();
    match shape {
        OperationShape::Stem { .. } => stem_of(shape).choice(profile),
        OperationShape::Depthwise { .. } => depthwise_of(shape).choice(profile),
        OperationShape::ExpandDepthwise { .. } => {
            let layer = expand_depthwise_of(shape);
            layer.choice(profile).unwrap_or_else(|| layer.depthwise.choice(profile))
        }
        OperationShape::InvertedResidual { .. } => {
            let block = inverted_residual_of(shape);
            block.choice(profile).unwrap_or_else(|| block.projection().choice(profile))
        }
        OperationShape::DepthwiseBackwardInput { .. } => DepthwiseBackwardInput { layer: depthwise_of(shape) }.choice(profile),
        OperationShape::Pointwise { .. } => pointwise_of(shape).choice(profile),
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs }.choice(profile)
        }
    }
}

/// Returns the pointwise layer of an expansion, for the case that the two layers are separate dispatches.
pub fn expand_of(shape: OperationShape) -> Pointwise {
    let ExpandDepthwise { inputs, depthwise: Depthwise { batch, size: [height, width], channels: outputs, .. } } =
        expand_depthwise_of(shape);
    let rows = batch * height * width;
    Pointwise { rows, inputs, outputs, layout: WeightLayout::Panels, activation: Activation::None }
}

/// Returns both layers of an expansion.
///
/// # Panics
/// Panics if the shape belongs to another operation.
pub fn expand_depthwise_of(shape: OperationShape) -> ExpandDepthwise {
    let OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride } = shape else { wrong(shape) };
    let (padding, activation) = ANY;
    ExpandDepthwise { inputs, depthwise: Depthwise { batch, size, channels, stride, padding, activation } }
}

/// Returns all layers of an inverted residual, without the addition of the input.
///
/// # Panics
/// Panics if the shape belongs to another operation.
pub fn inverted_residual_of(shape: OperationShape) -> InvertedResidual {
    let OperationShape::InvertedResidual { batch, size, inputs, channels, outputs, stride } = shape else { wrong(shape) };
    let (padding, activation) = ANY;
    let depthwise = Depthwise { batch, size, channels, stride, padding, activation };
    InvertedResidual { inputs, depthwise, outputs, residual: false }
}

/// Returns the shape of the first two layers of an inverted residual.
pub fn expansion_of(block: InvertedResidual) -> OperationShape {
    let InvertedResidual { inputs, depthwise: Depthwise { batch, size, channels, stride, .. }, .. } = block;
    OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride }
}

/// Returns the first layer of a network.
///
/// # Panics
/// Panics if the shape belongs to another operation.
pub fn stem_of(shape: OperationShape) -> Stem {
    let OperationShape::Stem { batch, size, inputs, rgb, outputs, stride } = shape else { wrong(shape) };
    let (padding, activation) = ANY;
    Stem { batch, size, inputs, rgb, outputs, stride, padding, activation }
}

/// Returns the depthwise convolution of a shape of this operation or of its input gradient.
///
/// # Panics
/// Panics if the shape belongs to another operation.
pub fn depthwise_of(shape: OperationShape) -> Depthwise {
    let (OperationShape::Depthwise { batch, size, channels, stride }
    | OperationShape::DepthwiseBackwardInput { batch, size, channels, stride }) = shape
    else {
        wrong(shape)
    };
    let (padding, activation) = ANY;
    Depthwise { batch, size, channels, stride, padding, activation }
}

/// Returns a pointwise convolution.
///
/// # Panics
/// Panics if the shape belongs to another operation.
pub fn pointwise_of(shape: OperationShape) -> Pointwise {
    let OperationShape::Pointwise { rows, inputs, outputs, layout } = shape else { wrong(shape) };
    Pointwise { rows, inputs, outputs, layout, activation: Activation::None }
}

fn wrong(shape: OperationShape) -> ! {
    panic!("the shape {shape} belongs to another operation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::shipped::{profiles, shapes};

    #[test]
    fn every_shipped_choice_suits_its_layer_and_its_device() {
        for profile in profiles() {
            let capabilities = profile.capabilities;
            let mut moves_eight_at_once = false;
            for shape in shapes() {
                let (kernel, variant) = shipped(shape, &profile);
                let is_candidate = candidates(shape, &profile)
                    .iter()
                    .any(|(known, other)| (known.name, other.name) == (kernel.name, variant.name));
                assert!(is_candidate, "{capabilities:?}: {shape} by {} {}", kernel.name, variant.name);
                moves_eight_at_once |= variant.is_wide();
            }
            // The wide depthwise strips need 64-bit integers but no subgroups.
            let expected = capabilities.software && capabilities.shader_int64;
            assert_eq!(moves_eight_at_once, expected, "{capabilities:?}");
        }
    }
}
