//! Input gradient of a depthwise convolution.

use super::choice::choose;
use super::{Choice, Depthwise, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of `shaders/conv/depthwise_backward_input.wgsl`.
    struct DepthwiseBackwardInputParams {
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

/// The kernel of [`DepthwiseBackwardInput`]. One thread computes four channels of a tile of pixels. Variants differ in stride and
/// tile. At stride 2 the sides of a tile are even, so that it holds whole blocks of 2 × 2 pixels.
pub static DEPTHWISE_BACKWARD_INPUT: Kernel = Kernel {
    name: "depthwise_backward_input",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise_backward_input.wgsl"),
    params: DepthwiseBackwardInputParams::FIELDS,
    bindings: &[read("gy"), read("w"), read_write("dx")],
    variants: &[
        Variant { name: "stride 1, 4x7", constants: &[("STRIDE", 1), ("TILE_ROWS", 4), ("TILE_COLUMNS", 7)], subgroup: false },
        Variant { name: "stride 1, 2x4", constants: &[("STRIDE", 1), ("TILE_ROWS", 2), ("TILE_COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 2, 4x8", constants: &[("STRIDE", 2), ("TILE_ROWS", 4), ("TILE_COLUMNS", 8)], subgroup: false },
        Variant { name: "stride 2, 2x4", constants: &[("STRIDE", 2), ("TILE_ROWS", 2), ("TILE_COLUMNS", 4)], subgroup: false },
    ],
    overrides: &[],
};

/// Computes dx, the gradient with respect to the input of `layer`, from the gradient before the layer's activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DepthwiseBackwardInput {
    /// The layer.
    pub layer: Depthwise,
}

impl DepthwiseBackwardInput {
    /// Returns whether a variant has the layer's stride.
    fn suits(self, variant: &Variant) -> bool {
        variant.constant("STRIDE") == self.layer.stride
    }

    /// Returns the variants with the layer's stride.
    pub fn variants(self) -> impl Iterator<Item = &'static Variant> {
        DEPTHWISE_BACKWARD_INPUT.variants.iter().filter(move |variant| self.suits(variant))
    }

    /// Returns the kernel and variant that the profile prefers.
    pub fn choice(self, profile: &DeviceProfile) -> Choice {
        let Depthwise { batch, size, channels, stride, .. } = self.layer;
        let shape = OperationShape::DepthwiseBackwardInput { batch, size, channels, stride };
        choose(profile, shape, |variant| self.suits(variant))
    }

    /// Returns the step that computes `dx`, which has the layer's input size. `gy` has the layer's output size.
    pub fn step(self, label: &str, variant: &'static Variant, gy: View, w: View, dx: View) -> Step {
        let layer = self.layer;
        let [in_height, in_width] = layer.size;
        let [out_height, out_width] = layer.out_size();
        let [top, left] = layer.size.map(|size| layer.padding.before(size, layer.stride));
        // At stride 2 the tiles are aligned with the padded image.
        let [hidden_rows, hidden_columns] = [top, left].map(|before| (layer.stride - 1) * before);
        let tiles = u64::from((in_height + hidden_rows).div_ceil(variant.constant("TILE_ROWS")))
            * u64::from((in_width + hidden_columns).div_ceil(variant.constant("TILE_COLUMNS")));
        let (batch, channels) = (u64::from(layer.batch), u64::from(layer.channels));
        let (inputs, outputs) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        Encoding {
            kernel: &DEPTHWISE_BACKWARD_INPUT,
            variant,
            lanes: None,
            overrides: Vec::new(),
            params: DepthwiseBackwardInputParams {
                batch: layer.batch,
                in_height,
                in_width,
                out_height,
                out_width,
                channels: layer.channels,
                top,
                left,
            },
            bindings: &[gy, w, dx],
            workgroups: (batch * tiles * (channels / 4)).div_ceil(64),
            cost: Cost { flops: 18 * batch * outputs * channels, bytes: 4 * channels * (batch * (inputs + outputs) + 9) },
        }
        .step(label)
    }
}
