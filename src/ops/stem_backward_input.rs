//! Input gradient of a dense 3×3 convolution.

use super::{Encoding, Stem, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/conv/stem_backward_input.wgsl`.
    struct StemBackwardInputParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        inputs: u32,
        out_height: u32,
        out_width: u32,
        outputs: u32,
        stride: u32,
        top: u32,
        left: u32,
    }
}

/// The kernel of [`StemBackwardInput`]. One thread computes four channels of a pixel.
pub static STEM_BACKWARD_INPUT: Kernel = Kernel {
    name: "stem_backward_input",
    group: "conv",
    source: include_str!("../../shaders/conv/stem_backward_input.wgsl"),
    params: StemBackwardInputParams::FIELDS,
    bindings: &[read("gy"), read("w"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes dx \[batch, height, width, inputs\], the gradient with respect to the input of `layer`, from the gradient before the
/// layer's activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StemBackwardInput {
    /// The layer.
    pub layer: Stem,
}

impl StemBackwardInput {
    /// Returns the step that computes `dx`, which has the layer's input size. `gy` has the layer's output size.
    pub fn step(self, label: &str, gy: View, w: View, dx: View) -> Step {
        let layer = self.layer;
        let [in_height, in_width] = layer.size;
        let [out_height, out_width] = layer.out_size();
        let (batch, inputs, outputs) = (u64::from(layer.batch), u64::from(layer.inputs), u64::from(layer.outputs));
        let (in_pixels, out_pixels) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        Encoding {
            kernel: &STEM_BACKWARD_INPUT,
            variant: &STEM_BACKWARD_INPUT.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: StemBackwardInputParams {
                batch: layer.batch,
                in_height,
                in_width,
                inputs: layer.inputs,
                out_height,
                out_width,
                outputs: layer.outputs,
                stride: layer.stride,
                top: layer.padding.before(in_height, layer.stride),
                left: layer.padding.before(in_width, layer.stride),
            },
            bindings: &[gy, w, dx],
            workgroups: (batch * in_pixels * (inputs / 4)).div_ceil(64),
            cost: Cost {
                flops: 18 * batch * out_pixels * inputs * outputs,
                bytes: 4 * (batch * (in_pixels * inputs + out_pixels * outputs) + 9 * inputs * outputs),
            },
        }
        .step(label)
    }
}
