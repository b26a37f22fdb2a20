//! The expansion and the depthwise convolution of an inverted residual, in one kernel.

use super::SubgroupSize;
use super::activation::ACTIVATION;
use super::choice::choose_of;
use super::{Choice, Depthwise, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, WIDE, WeightLayout, read, read_stored, write_stored};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of `shaders/conv/expand_depthwise.wgsl`.
    struct ExpandDepthwiseParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        channels: u32,
        top: u32,
        left: u32,
        strip_rows: u32,
        inputs: u32,
        panel_quads: u32,
    }
}

/// The kernel of [`ExpandDepthwise`]. One lane keeps four channels and moves down a strip. It computes the expansion of each row
/// when the window reaches that row.
pub static EXPAND_DEPTHWISE: Kernel = Kernel {
    name: "expand_depthwise",
    group: "conv",
    source: include_str!("../../shaders/conv/expand_depthwise.wgsl"),
    params: ExpandDepthwiseParams::FIELDS,
    bindings: &[read_stored("x"), read_stored("w_expand"), read("bias_expand"), read("w"), read("bias"), write_stored("y")],
    variants: &[
        Variant {
            name: "stride 1, 56x7 of 24 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 1), ("ROWS", 56), ("COLUMNS", 7), ("INPUT_QUADS", 6)],
            subgroup: true,
        },
        Variant {
            name: "stride 1, 56x8 of 24 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 1), ("ROWS", 56), ("COLUMNS", 8), ("INPUT_QUADS", 6)],
            subgroup: true,
        },
        Variant {
            name: "stride 1, 56x7 of 32 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 1), ("ROWS", 56), ("COLUMNS", 7), ("INPUT_QUADS", 8)],
            subgroup: true,
        },
        Variant {
            name: "stride 1, 56x8 of 32 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 1), ("ROWS", 56), ("COLUMNS", 8), ("INPUT_QUADS", 8)],
            subgroup: true,
        },
        Variant {
            name: "stride 2, 28x4 of 24 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 2), ("ROWS", 28), ("COLUMNS", 4), ("INPUT_QUADS", 6)],
            subgroup: true,
        },
        Variant {
            name: "stride 2, 28x4 of 32 wide",
            constants: &[WIDE, ("PARTS", 1), ("STRIDE", 2), ("ROWS", 28), ("COLUMNS", 4), ("INPUT_QUADS", 8)],
            subgroup: true,
        },
    ],
    overrides: &[ACTIVATION],
};

/// A pointwise convolution from `inputs` channels, followed by a depthwise one. Both layers end in the activation of the
/// depthwise layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExpandDepthwise {
    /// Number of input channels, a multiple of four.
    pub inputs: u32,
    /// The depthwise layer.
    pub depthwise: Depthwise,
}

impl ExpandDepthwise {
    /// Returns whether a variant can compute both layers.
    pub fn suits(self, variant: &Variant) -> bool {
        variant.constant("STRIDE") == self.depthwise.stride
            && self.inputs <= 4 * variant.constant("INPUT_QUADS")
            && variant.suits_channels([self.inputs, self.depthwise.channels])
    }

    /// Returns the kernel and variant that the profile prefers, or `None` if the two layers should run separately.
    pub fn choice(self, profile: &DeviceProfile) -> Option<Choice> {
        let Depthwise { batch, size, channels, stride, .. } = self.depthwise;
        let shape = OperationShape::ExpandDepthwise { batch, size, inputs: self.inputs, channels, stride };
        let suits = |(kernel, variant): Choice| {
            if kernel.is(&EXPAND_DEPTHWISE) { self.suits(variant) } else { self.depthwise.suits(variant) }
        };
        let choice = choose_of(profile, shape, suits);
        choice.0.is(&EXPAND_DEPTHWISE).then_some(choice)
    }

    /// Returns the step that computes `y`. `bindings` holds x, then weight and bias of the pointwise layer, then those of the
    /// depthwise layer. The weight of the pointwise layer has the layout [`WeightLayout::Panels`].
    pub fn step(
        self,
        label: &str,
        (kernel, variant): Choice,
        lanes: impl Into<SubgroupSize>,
        bindings: [View; 5],
        y: View,
    ) -> Step {
        let lanes = lanes.into().get();
        let Depthwise { batch, size: [in_height, in_width], channels, stride, padding, activation } = self.depthwise;
        let [out_height, out_width] = self.depthwise.out_size();
        let strips = out_height.div_ceil(variant.constant("ROWS"));
        let strip_rows = out_height.div_ceil(strips);
        let [inputs, n, c] = [self.inputs, batch, channels].map(u64::from);
        let [read, written] = [in_height * in_width, out_height * out_width].map(|pixels| n * u64::from(pixels));
        let places = out_height.div_ceil(strip_rows) * out_width.div_ceil(variant.constant("COLUMNS"));
        let [x, w_expand, bias_expand, w, bias] = bindings;
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: vec![activation.as_override()],
            params: ExpandDepthwiseParams {
                batch,
                in_height,
                in_width,
                out_height,
                out_width,
                channels,
                top: padding.before(in_height, stride),
                left: padding.before(in_width, stride),
                strip_rows,
                inputs: self.inputs,
                panel_quads: WeightLayout::Panels.panel(channels) / 4,
            },
            bindings: &[x, w_expand, bias_expand, w, bias, y],
            workgroups: n * u64::from(places) * u64::from((channels / 4).div_ceil(lanes.unwrap_or(1))),
            cost: Cost {
                flops: 2 * inputs * c * read + 18 * c * written,
                bytes: 4 * (inputs * read + c * written + (inputs + 11) * c),
            },
        }
        .step(label)
    }
}
