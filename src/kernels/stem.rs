//! Dense 3×3 convolution: the network's first layer.

use super::{ACTIVATIONS, Activation, Cost, Encoding, Kernel, Padding, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/conv/stem.wgsl`.
    struct StemParams {
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

/// A thread keeps a few pixels × output channels.
pub static STEM: Kernel = Kernel {
    name: "stem",
    group: "conv",
    source: include_str!("../../shaders/conv/stem.wgsl"),
    params: StemParams::FIELDS,
    bindings: &[read("x"), read("w"), read("bias"), read_write("y")],
    variants: &[
        Variant { name: "8x8", constants: &[("PIXELS", 8), ("OUTPUTS", 8)], subgroup: false },
        Variant { name: "4x8", constants: &[("PIXELS", 4), ("OUTPUTS", 8)], subgroup: false },
        Variant { name: "1x4", constants: &[("PIXELS", 1), ("OUTPUTS", 4)], subgroup: false },
    ],
    overrides: &[ACTIVATIONS],
};

/// A 3×3 convolution with bias and activation: \[batch, height, width, inputs\] to \[batch, ⌈height/stride⌉, ⌈width/stride⌉, outputs\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stem {
    /// Images.
    pub batch: u32,
    /// Input height and width.
    pub size: [u32; 2],
    /// Input channels, a multiple of four: 4 for RGB and a zero.
    pub inputs: u32,
    /// Output channels, a multiple of four.
    pub outputs: u32,
    /// 1 or 2.
    pub stride: u32,
    /// Where the zeros go.
    pub padding: Padding,
    /// Applied to the result.
    pub activation: Activation,
}

impl Stem {
    /// Output height and width.
    pub fn out_size(self) -> [u32; 2] {
        self.size.map(|size| size.div_ceil(self.stride))
    }

    /// The dispatch; `bindings` are x, w and bias.
    pub fn step(self, label: &str, variant: &'static Variant, [x, w, bias]: [View; 3], y: View) -> Step {
        let [in_height, in_width] = self.size;
        let [out_height, out_width] = self.out_size();
        let (pixels, tile_outputs) = (variant.constant("PIXELS"), variant.constant("OUTPUTS"));
        let (batch, inputs, outputs) = (u64::from(self.batch), u64::from(self.inputs), u64::from(self.outputs));
        let (in_pixels, out_pixels) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        let tiles =
            u64::from(out_height) * u64::from(out_width.div_ceil(pixels)) * u64::from(self.outputs.div_ceil(tile_outputs));
        Encoding {
            kernel: &STEM,
            variant,
            lanes: None,
            overrides: vec![("ACTIVATION", self.activation as u32 as f64)],
            params: StemParams {
                batch: self.batch,
                in_height,
                in_width,
                inputs: self.inputs,
                out_height,
                out_width,
                outputs: self.outputs,
                stride: self.stride,
                top: self.padding.before(in_height, self.stride),
                left: self.padding.before(in_width, self.stride),
            },
            bindings: &[x, w, bias, y],
            workgroups: (batch * tiles).div_ceil(64),
            cost: Cost {
                flops: 18 * batch * out_pixels * inputs * outputs,
                bytes: 4 * (batch * (in_pixels * inputs + out_pixels * outputs) + (9 * inputs + 1) * outputs),
            },
        }
        .step(label)
    }
}
