//! Input gradient of a depthwise convolution.

use super::choice::choose;
use super::depthwise::strip_rows;
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
        /// Number of rows of blocks of a strip.
        strip_rows: u32,
    }
}

/// The kernel of [`DepthwiseBackwardInput`]. One thread moves down a strip of blocks of `stride` × `stride` pixels, with four
/// channels, and keeps the sums of the rows that a gradient reaches. A strip ends with the last block of a row, so there are at
/// least as many blocks as a strip is wide.
pub static DEPTHWISE_BACKWARD_INPUT: Kernel = Kernel {
    name: "depthwise_backward_input",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise_backward_input.wgsl"),
    params: DepthwiseBackwardInputParams::FIELDS,
    bindings: &[read("gy"), read("w"), read_write("dx")],
    variants: &[
        Variant { name: "stride 1, 4 across", constants: &[("STRIDE", 1), ("COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 1, 1 across", constants: &[("STRIDE", 1), ("COLUMNS", 1)], subgroup: false },
        Variant { name: "stride 2, 2 across", constants: &[("STRIDE", 2), ("COLUMNS", 2)], subgroup: false },
        Variant { name: "stride 2, 1 across", constants: &[("STRIDE", 2), ("COLUMNS", 1)], subgroup: false },
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
    /// Returns whether a variant has the layer's stride, and its strips are not wider than the image.
    fn suits(self, variant: &Variant) -> bool {
        variant.constant("STRIDE") == self.layer.stride && variant.constant("COLUMNS") <= self.blocks()[1]
    }

    /// Returns how many blocks of `stride` × `stride` pixels there are down and across. At stride 2, they are aligned with the
    /// padded image.
    fn blocks(self) -> [u32; 2] {
        let Depthwise { size, stride, padding, .. } = self.layer;
        size.map(|size| (size + (stride - 1) * padding.before(size, stride)).div_ceil(stride))
    }

    /// Returns the variants that can compute the gradient.
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
        let [down, across] = self.blocks();
        let across = across.div_ceil(variant.constant("COLUMNS"));
        let most_rows = strip_rows(self.layer.batch, [down, across], self.layer.channels / 4);
        self.step_in_strips(label, variant, [gy, w], dx, most_rows)
    }

    /// Does the same as [`step`](Self::step), in strips of at most `most_rows` rows of blocks.
    pub fn step_in_strips(self, label: &str, variant: &'static Variant, [gy, w]: [View; 2], dx: View, most_rows: u32) -> Step {
        let layer = self.layer;
        let [in_height, in_width] = layer.size;
        let [out_height, out_width] = layer.out_size();
        let [top, left] = layer.size.map(|size| layer.padding.before(size, layer.stride));
        let [down, across] = self.blocks();
        // All strips get about the same number of rows.
        let rows = down.div_ceil(down.div_ceil(most_rows));
        let across = across.div_ceil(variant.constant("COLUMNS"));
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
                strip_rows: rows,
            },
            bindings: &[gy, w, dx],
            workgroups: batch * u64::from(down.div_ceil(rows)) * (u64::from(across) * (channels / 4)).div_ceil(64),
            cost: Cost { flops: 18 * batch * outputs * channels, bytes: 4 * channels * (batch * (inputs + outputs) + 9) },
        }
        .step(label)
    }
}
