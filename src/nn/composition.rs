//! Composition: replaces two consecutive pointwise convolutions without an activation in between by one, whose weight is the
//! product of theirs. In MobileNetV2 these are the projection of the first block and the expansion of the second.

use super::backbone::Backbone;
use super::network::{Convolution, ConvolutionKind};
use crate::ops::{Activation, padded_channels};
use crate::plan::WeightLayout;

/// Largest number of additional multiply-adds for each value that is no longer written and read. Every kind of device computes at
/// least this many in the time that the memory traffic takes.
const MULTIPLY_ADDS_PER_NUMBER: u32 = 100;

impl Backbone {
    /// Returns this backbone with layers composed where this saves time. [`Backbone::layers`] does not change.
    pub fn composed(self) -> Backbone {
        let mut composed = Backbone::empty(self.layers().to_vec(), self.padding());
        let mut at = 0;
        while at < self.run.len() {
            let first = &self.run[at];
            match self.run.get(at + 1).filter(|second| can_compose(first, second, &self.run)) {
                Some(second) => {
                    let (weight, bias) = product([first, second], [at, at + 1].map(|layer| self.weight_and_bias(layer)));
                    composed.push(composition(first, second), &weight, &bias);
                    at += 2;
                }
                None => {
                    let (weight, bias) = self.weight_and_bias(at);
                    composed.push(first.clone(), weight, bias);
                    at += 1;
                }
            }
        }
        composed
    }
}

/// Returns whether two consecutive layers can be composed: they are pointwise, only `second` reads the result of `first`, and
/// the additional work is worth it.
fn can_compose(first: &Convolution, second: &Convolution, layers: &[Convolution]) -> bool {
    let is_shortcut = layers.iter().any(|layer| layer.block == second.block && layer.residual);
    let more = (first.inputs * second.outputs).saturating_sub(first.outputs * (first.inputs + second.outputs));
    [first, second].iter().all(|layer| layer.kind == ConvolutionKind::Pointwise)
        && first.activation == Activation::None
        && !first.residual
        && !is_shortcut
        && more <= MULTIPLY_ADDS_PER_NUMBER * first.outputs
}

/// Returns the description of the layer that replaces both.
fn composition(first: &Convolution, second: &Convolution) -> Convolution {
    let both = |first: &str, second: &str| format!("{first} × {second}");
    Convolution {
        name: both(&first.name, &second.name),
        norm: both(&first.norm, &second.norm),
        inputs: first.inputs,
        ..second.clone()
    }
}

/// Returns the weight W₁·W₂ and the bias b₁·W₂ + b₂, computed in f64. Arguments and results are in the layout of kernels.
fn product([first, second]: [&Convolution; 2], [(w1, b1), (w2, b2)]: [(&[f32], &[f32]); 2]) -> (Vec<f32>, Vec<f32>) {
    let [inputs, between, outputs] =
        [first.inputs, first.outputs, second.outputs].map(|channels| padded_channels(channels) as usize);
    let layout = WeightLayout::Panels;
    let of_first = |input, channel| f64::from(w1[layout.index([inputs, between], input, channel)]);
    let of_second = |channel, output| f64::from(w2[layout.index([between, outputs], channel, output)]);
    let mut rows = vec![0.0; inputs * outputs];
    for input in 0..inputs {
        for output in 0..outputs {
            let sum: f64 = (0..between).map(|channel| of_first(input, channel) * of_second(channel, output)).sum();
            rows[input * outputs + output] = sum as f32;
        }
    }
    let moved = |output| (0..between).map(|channel| f64::from(b1[channel]) * of_second(channel, output)).sum::<f64>();
    let bias = (0..outputs).map(|output| (f64::from(b2[output]) + moved(output)) as f32).collect();
    (layout.arranged(rows, outputs as u32), bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::mobilenet_v2::{WIDTHS, mobilenet_v2};
    use crate::ops::Padding;

    /// Returns a backbone with arbitrary weights.
    fn made_up(width: f32) -> Backbone {
        let tensor = |name: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            Ok((0..count).map(|at| ((at * 37 + name.len() * 11) % 101) as f32 / 101.0 + 0.1).collect())
        };
        Backbone::load(&mobilenet_v2(width, Padding::TensorflowSame, 1e-3), &tensor).expect("made-up weights")
    }

    #[test]
    fn the_first_projection_and_the_second_expansion_are_composed_at_every_width() {
        for width in WIDTHS {
            let backbone = made_up(width);
            let composed = backbone.clone().composed();
            assert_eq!(composed.layers(), backbone.layers());
            assert_eq!(composed.run.len(), 51, "width {width}");
            let layer = &composed.run[2];
            assert_eq!(layer.name, "features.1.conv.1 × features.2.conv.0.0");
            assert_eq!([layer.inputs, layer.outputs], [backbone.run[2].inputs, backbone.run[3].outputs]);
            assert!(layer.activation == Activation::Relu6 && !layer.residual && layer.block == 2);
        }
    }

    #[test]
    fn the_composed_layer_computes_the_same_as_the_two() {
        let backbone = made_up(1.0);
        let composed = backbone.clone().composed();
        let x: Vec<f64> = (0..32).map(|at| f64::from(at * 7 % 13) / 6.5 - 1.0).collect();
        let run = |backbone: &Backbone, at: usize, x: &[f64]| -> Vec<f64> {
            let (layer, (weight, bias)) = (&backbone.run[at], backbone.weight_and_bias(at));
            let shape = [layer.inputs, layer.outputs].map(|channels| channels as usize);
            let weight = |input, output| f64::from(weight[WeightLayout::Panels.index(shape, input, output)]);
            (0..shape[1]).map(|n| f64::from(bias[n]) + x.iter().enumerate().map(|(k, x)| x * weight(k, n)).sum::<f64>()).collect()
        };
        let (two, one) = (run(&backbone, 3, &run(&backbone, 2, &x)), run(&composed, 2, &x));
        assert_eq!(two.len(), 96);
        for (two, one) in two.iter().zip(&one) {
            assert!((two - one).abs() <= 1e-5 * two.abs().max(1.0), "{two} and {one}");
        }
        // The layers after them are unchanged.
        for at in 3..composed.run.len() {
            assert_eq!(composed.run[at], backbone.run[at + 1]);
            assert_eq!(composed.weight_and_bias(at), backbone.weight_and_bias(at + 1));
        }
    }
}
