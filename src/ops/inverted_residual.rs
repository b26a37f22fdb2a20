//! A whole inverted residual in one kernel: expansion, depthwise convolution, projection, and the addition of the input.

use super::activation::ACTIVATION;
use super::choice::choose_of;
use super::{Choice, Depthwise, Encoding, Pointwise, params};
use crate::ops::Activation;
use crate::plan::{Cost, HALF, Kernel, Precision, Step, Variant, View, WeightLayout, read, read_stored, write_stored};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of `shaders/conv/inverted_residual.wgsl`.
    struct InvertedResidualParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        inputs: u32,
        channels: u32,
        outputs: u32,
        top: u32,
        left: u32,
        /// Number of column quads in a panel of the expansion's weights.
        expand_panel: u32,
        /// Number of column quads in a panel of the projection's weights.
        project_panel: u32,
        /// 1 if the input is added to the output.
        residual: u32,
    }
}

/// Declares variants, each with its twin for 16-bit floats. `GROUPS` threads share four outputs, and each of them sums every
/// `GROUPS`-th pixel of the tile: `PIXELS` in all. A patch is the pixels that a thread convolves: two at stride 1, one at stride 2. A
/// row of the window of a tile has `PAIRS` pairs of columns, and the whole window `WINDOW`.
macro_rules! variants {
    ($([$name:literal, $half:literal] $constants:tt)*) => {
        &[
            $(
                Variant { name: $name, constants: variants!(@ [] $constants), subgroup: false },
                Variant { name: $half, constants: variants!(@ [HALF,] $constants), subgroup: false },
            )*
        ]
    };
    (@ [$($half:expr,)?] [$stride:expr, $rows:expr, $columns:expr, $inputs:expr, $local:expr, $hidden:expr, $groups:expr]) => {
        &[
            $($half,)?
            ("THREADS", 128),
            ("STRIDE", $stride),
            ("ROWS", $rows),
            ("COLUMNS", $columns),
            ("INPUT_QUADS", $inputs),
            ("LOCAL_QUADS", $local),
            ("HIDDEN_QUADS", $hidden),
            ("GROUPS", $groups),
            ("OUTPUT_QUADS", 128 / $groups),
            ("PIXELS", ($rows * $columns + $groups - 1) / $groups),
            ("PATCHES", $rows * $columns * $stride / 2),
            ("PAIRS", (($columns - 1) * $stride + 4) / 2),
            ("WINDOW", (($rows - 1) * $stride + 3) * ((($columns - 1) * $stride + 4) / 2)),
        ]
    };
}

/// The kernel of [`InvertedResidual`]. A workgroup computes all channels of a tile of pixels, a few hidden channels at a time, which
/// stay in workgroup memory. It needs at most 16 KiB and no subgroups.
pub static INVERTED_RESIDUAL: Kernel = Kernel {
    name: "inverted_residual",
    group: "conv",
    source: include_str!("../../shaders/conv/inverted_residual.wgsl"),
    params: InvertedResidualParams::FIELDS,
    bindings: &[
        read_stored("x"),
        read_stored("w_expand"),
        read("bias_expand"),
        read_stored("w"),
        read("bias"),
        read_stored("w_project"),
        read("bias_project"),
        write_stored("y"),
    ],
    // Stride, rows and columns of the tile, input quads, those of them in workgroup memory, hidden quads in a slice, and groups of
    // pixels. A name ends with the largest numbers of inputs and outputs.
    variants: variants! {
        ["stride 1, 6x14 of 24 to 24", "stride 1, 6x14 of 24 to 24 of f16"] [1, 6, 14, 6, 0, 3, 21]
        ["stride 1, 6x14 of 32 to 36", "stride 1, 6x14 of 32 to 36 of f16"] [1, 6, 14, 8, 3, 2, 14]
        ["stride 2, 7x7 of 24 to 36", "stride 2, 7x7 of 24 to 36 of f16"] [2, 7, 7, 6, 0, 2, 13]
        ["stride 2, 7x7 of 32 to 28", "stride 2, 7x7 of 32 to 28 of f16"] [2, 7, 7, 8, 1, 2, 17]
        ["stride 2, 3x7 of 32 to 72", "stride 2, 3x7 of 32 to 72 of f16"] [2, 3, 7, 8, 2, 3, 7]
    },
    overrides: &[ACTIVATION],
};

/// Iterates over the variants that store activations and weights at the given precision.
pub fn inverted_residual_variants(precision: Precision) -> impl Iterator<Item = Choice> {
    super::variants_of([&INVERTED_RESIDUAL], precision)
}

/// A pointwise convolution from `inputs` channels, a depthwise one, and a pointwise one to `outputs` channels. The first two layers
/// end in the activation of the depthwise layer, and the last one has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvertedResidual {
    /// Number of input channels, a multiple of four.
    pub inputs: u32,
    /// The depthwise layer. Its channels are the hidden channels of the block.
    pub depthwise: Depthwise,
    /// Number of output channels, a multiple of four.
    pub outputs: u32,
    /// Whether the input is added to the output. The stride is then 1, and there are as many outputs as inputs.
    pub residual: bool,
}

impl InvertedResidual {
    /// Returns whether a variant can compute the block.
    pub fn suits(self, variant: &Variant) -> bool {
        variant.constant("STRIDE") == self.depthwise.stride
            && self.inputs <= 4 * variant.constant("INPUT_QUADS")
            && self.outputs <= 4 * variant.constant("OUTPUT_QUADS")
    }

    /// Returns the last layer, for the case that the layers run separately.
    pub fn projection(self) -> Pointwise {
        let Depthwise { batch, channels: inputs, .. } = self.depthwise;
        let [height, width] = self.depthwise.out_size();
        let (rows, layout, activation) = (batch * height * width, WeightLayout::Panels, Activation::None);
        Pointwise { rows, inputs, outputs: self.outputs, layout, activation }
    }

    /// Returns the kernel and variant that the profile prefers, or `None` if the layers should run separately.
    pub fn choice(self, profile: &DeviceProfile) -> Option<Choice> {
        let mut variants = inverted_residual_variants(profile.precision);
        if !variants.any(|(_, variant)| self.suits(variant)) {
            return None;
        }
        let Depthwise { batch, size, channels, stride, .. } = self.depthwise;
        let (inputs, outputs) = (self.inputs, self.outputs);
        let shape = OperationShape::InvertedResidual { batch, size, inputs, channels, outputs, stride };
        let suits = |(kernel, variant): Choice| {
            if kernel.is(&INVERTED_RESIDUAL) { self.suits(variant) } else { self.projection().suits(variant) }
        };
        let choice = choose_of(profile, shape, suits);
        choice.0.is(&INVERTED_RESIDUAL).then_some(choice)
    }

    /// Returns the step that computes `y`. `bindings` holds x, then weight and bias of the expansion, of the depthwise layer and of
    /// the projection. The weights of the pointwise layers have the layout [`WeightLayout::Panels`].
    ///
    /// # Panics
    /// Panics if the block is residual and its output has another shape than its input.
    pub fn step(self, label: &str, (kernel, variant): Choice, bindings: [View; 7], y: View) -> Step {
        let Depthwise { batch, size: [in_height, in_width], channels, stride, padding, activation } = self.depthwise;
        let panels = WeightLayout::Panels;
        assert_eq!(panels.panel(u32::MAX), 32, "the shader divides by the width of a panel");
        assert!(!self.residual || (stride == 1 && self.inputs == self.outputs), "{label}: input and output differ in shape");
        let [out_height, out_width] = self.depthwise.out_size();
        let [rows, columns] = ["ROWS", "COLUMNS"].map(|name| variant.constant(name));
        let [n, inputs, c, outputs] = [batch, self.inputs, channels, self.outputs].map(u64::from);
        let [read, written] = [in_height * in_width, out_height * out_width].map(|pixels| n * u64::from(pixels));
        let [x, w_expand, bias_expand, w, bias, w_project, bias_project] = bindings;
        Encoding {
            kernel,
            variant,
            lanes: None,
            overrides: vec![activation.as_override()],
            params: InvertedResidualParams {
                batch,
                in_height,
                in_width,
                out_height,
                out_width,
                inputs: self.inputs,
                channels,
                outputs: self.outputs,
                top: padding.before(in_height, stride),
                left: padding.before(in_width, stride),
                expand_panel: panels.panel(channels) / 4,
                project_panel: panels.panel(self.outputs) / 4,
                residual: u32::from(self.residual),
            },
            bindings: &[x, w_expand, bias_expand, w, bias, w_project, bias_project, y],
            workgroups: n * u64::from(out_height.div_ceil(rows) * out_width.div_ceil(columns)),
            cost: Cost {
                flops: 2 * inputs * c * read + (18 + 2 * outputs) * c * written,
                bytes: variant.precision().bytes() * (inputs * read + outputs * written + (inputs + 9 + outputs) * c)
                    + 4 * (2 * c + outputs),
            },
        }
        .step(label)
    }
}
