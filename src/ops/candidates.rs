//! The variants that the autotuner compares for a shape.

use super::{
    Activation, Choice, DEPTHWISE_BACKWARD_INPUT, DenseBackwardWeight, Depthwise, DepthwiseBackwardInput, EXPAND_DEPTHWISE,
    ExpandDepthwise, Padding, Pointwise, Stem, dense_backward_weight_variants, depthwise_variants, pointwise_variants,
    stem_variants,
};
use crate::plan::{Kernel, Precision, RowParts, WeightLayout};
use crate::profiles::{DeviceProfile, OperationShape};

/// Where windows start and what follows a layer do not matter to the choice of a variant.
const ANY: (Padding, Activation) = (Padding::TensorflowSame, Activation::None);

/// Returns every variant of 32-bit floats that computes a shape on a device.
pub fn candidates(shape: OperationShape, profile: &DeviceProfile) -> Vec<Choice> {
    let runs = |(_, variant): &Choice| variant.lacks(&profile.capabilities).is_none();
    let of = |kernel: &'static Kernel| kernel.variants.iter().map(move |variant| (kernel, variant));
    match shape {
        OperationShape::Stem { .. } => {
            let layer = stem_of(shape);
            stem_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
        }
        OperationShape::Depthwise { .. } => {
            let layer = depthwise_of(shape);
            depthwise_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
        }
        OperationShape::ExpandDepthwise { .. } => {
            let layer = expand_depthwise_of(shape);
            let fused = of(&EXPAND_DEPTHWISE).filter(runs).filter(|(_, variant)| layer.suits(variant));
            fused.chain([layer.depthwise.choice(&profile.shipped())]).collect()
        }
        OperationShape::DepthwiseBackwardInput { stride, .. } => {
            of(&DEPTHWISE_BACKWARD_INPUT).filter(|(_, variant)| variant.constant("STRIDE") == stride).collect()
        }
        OperationShape::Pointwise { .. } => {
            let layer = pointwise_of(shape);
            pointwise_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
        }
        OperationShape::DenseBackwardWeight { .. } => dense_backward_weight_variants().filter(runs).collect(),
    }
}

/// Returns every variant that a measurement of a shape runs: the candidates and, for an expansion, the pointwise variant that
/// runs first where the two layers are separate dispatches.
pub fn measured(shape: OperationShape, profile: &DeviceProfile) -> Vec<Choice> {
    let mut choices = candidates(shape, profile);
    if let OperationShape::ExpandDepthwise { .. } = shape {
        choices.push(expand_of(shape).choice(&profile.shipped()));
    }
    choices
}

/// Returns the choice for a shape where nothing was measured.
pub fn shipped(shape: OperationShape, profile: &DeviceProfile) -> Choice {
    let profile = &profile.shipped();
    match shape {
        OperationShape::Stem { .. } => stem_of(shape).choice(profile),
        OperationShape::Depthwise { .. } => depthwise_of(shape).choice(profile),
        OperationShape::ExpandDepthwise { .. } => {
            let layer = expand_depthwise_of(shape);
            layer.choice(profile).unwrap_or_else(|| layer.depthwise.choice(profile))
        }
        OperationShape::DepthwiseBackwardInput { .. } => DepthwiseBackwardInput { layer: depthwise_of(shape) }.choice(profile),
        OperationShape::Pointwise { .. } => pointwise_of(shape).choice(profile),
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs }.choice(profile)
        }
    }
}

/// Returns the pointwise layer of an expansion, as it runs where the two layers are separate dispatches.
pub fn expand_of(shape: OperationShape) -> Pointwise {
    let ExpandDepthwise { inputs, depthwise: Depthwise { batch, size: [height, width], channels: outputs, .. } } =
        expand_depthwise_of(shape);
    let rows = batch * height * width;
    Pointwise { rows, inputs, outputs, layout: WeightLayout::Panels, activation: Activation::None }
}

/// Returns both layers of an expansion.
///
/// # Panics
/// The shape is of another operation; so also in the functions below.
pub fn expand_depthwise_of(shape: OperationShape) -> ExpandDepthwise {
    let OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride } = shape else { wrong(shape) };
    let (padding, activation) = ANY;
    ExpandDepthwise { inputs, depthwise: Depthwise { batch, size, channels, stride, padding, activation } }
}

/// Returns a first layer.
pub fn stem_of(shape: OperationShape) -> Stem {
    let OperationShape::Stem { batch, size, inputs, rgb, outputs, stride } = shape else { wrong(shape) };
    let (padding, activation) = ANY;
    Stem { batch, size, inputs, rgb, outputs, stride, padding, activation }
}

/// Returns a depthwise convolution, for itself or for its input gradient.
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
pub fn pointwise_of(shape: OperationShape) -> Pointwise {
    let OperationShape::Pointwise { rows, inputs, outputs, layout } = shape else { wrong(shape) };
    Pointwise { rows, inputs, outputs, layout, activation: Activation::None }
}

fn wrong(shape: OperationShape) -> ! {
    panic!("{shape} is another operation than the one asked for")
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
            // Depthwise strips need no subgroups.
            let expected = capabilities.software && capabilities.shader_int64;
            assert_eq!(moves_eight_at_once, expected, "{capabilities:?}");
        }
    }
}
