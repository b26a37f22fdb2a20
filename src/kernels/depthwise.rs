//! Depthwise 3×3 convolution, stride 1 and 2.

use super::{ACTIVATIONS, Activation, Cost, Encoding, Kernel, Padding, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/conv/depthwise.wgsl`.
    struct DepthwiseParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        channels: u32,
        top: u32,
        left: u32,
    }
}

/// A thread keeps a tile of pixels × four channels; variants differ in stride and tile.
pub static DEPTHWISE: Kernel = Kernel {
    name: "depthwise",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise.wgsl"),
    params: DepthwiseParams::FIELDS,
    bindings: &[read("x"), read("w"), read("bias"), read_write("y")],
    variants: &[
        Variant { name: "stride 1, 4x7", constants: &[("STRIDE", 1), ("TILE_ROWS", 4), ("TILE_COLUMNS", 7)], subgroup: false },
        Variant { name: "stride 1, 7x7", constants: &[("STRIDE", 1), ("TILE_ROWS", 7), ("TILE_COLUMNS", 7)], subgroup: false },
        Variant { name: "stride 1, 2x4", constants: &[("STRIDE", 1), ("TILE_ROWS", 2), ("TILE_COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 1, 1x1", constants: &[("STRIDE", 1), ("TILE_ROWS", 1), ("TILE_COLUMNS", 1)], subgroup: false },
        Variant { name: "stride 2, 4x7", constants: &[("STRIDE", 2), ("TILE_ROWS", 4), ("TILE_COLUMNS", 7)], subgroup: false },
        Variant { name: "stride 2, 2x4", constants: &[("STRIDE", 2), ("TILE_ROWS", 2), ("TILE_COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 2, 1x1", constants: &[("STRIDE", 2), ("TILE_ROWS", 1), ("TILE_COLUMNS", 1)], subgroup: false },
    ],
    overrides: &[ACTIVATIONS],
};

/// A depthwise 3×3 convolution with bias and activation on \[batch, height, width, channels\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Depthwise {
    /// Images.
    pub batch: u32,
    /// Input height and width.
    pub size: [u32; 2],
    /// Channels, a multiple of four.
    pub channels: u32,
    /// 1 or 2; the variant must be of the same stride.
    pub stride: u32,
    /// Where the zeros go.
    pub padding: Padding,
    /// Applied to the result.
    pub activation: Activation,
}

impl Depthwise {
    /// Output height and width: the input's divided by the stride, rounded up, with either padding.
    pub fn out_size(self) -> [u32; 2] {
        self.size.map(|size| size.div_ceil(self.stride))
    }

    /// The variants that fit this layer's stride.
    pub fn variants(self) -> impl Iterator<Item = &'static Variant> {
        DEPTHWISE.variants.iter().filter(move |variant| variant.constant("STRIDE") == self.stride)
    }

    /// The dispatch; `bindings` are x, w and bias.
    pub fn step(self, label: &str, variant: &'static Variant, [x, w, bias]: [View; 3], y: View) -> Step {
        let [in_height, in_width] = self.size;
        let [out_height, out_width] = self.out_size();
        let tiles = u64::from(out_height.div_ceil(variant.constant("TILE_ROWS")))
            * u64::from(out_width.div_ceil(variant.constant("TILE_COLUMNS")));
        let (batch, channels) = (u64::from(self.batch), u64::from(self.channels));
        let (inputs, outputs) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        Encoding {
            kernel: &DEPTHWISE,
            variant,
            lanes: None,
            overrides: vec![("ACTIVATION", self.activation as u32 as f64)],
            params: DepthwiseParams {
                batch: self.batch,
                in_height,
                in_width,
                out_height,
                out_width,
                channels: self.channels,
                top: self.padding.before(in_height, self.stride),
                left: self.padding.before(in_width, self.stride),
            },
            bindings: &[x, w, bias, y],
            workgroups: (batch * tiles * (channels / 4)).div_ceil(64),
            cost: Cost { flops: 18 * batch * outputs * channels, bytes: 4 * channels * (batch * (inputs + outputs) + 10) },
        }
        .step(label)
    }
}
