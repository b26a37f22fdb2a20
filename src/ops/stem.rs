//! Dense 3×3 convolution, which is the network's first layer. There are two kernels.

use super::SubgroupSize;
use super::activation::ACTIVATION;
use super::choice::choose;
use super::{Activation, Choice, Encoding, Padding, params};
use crate::plan::{Cost, HALF, Kernel, Precision, Step, Variant, View, WIDE, read, read_stored, write_stored};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of the `stem` shaders.
    struct StemParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        inputs: u32,
        out_height: u32,
        out_width: u32,
        outputs: u32,
        top: u32,
        left: u32,
    }
}

/// The kernel for RGB images at stride 2, on devices with subgroups and 64-bit integers. A lane computes a strip of a row and
/// loads each pixel once for a row of taps. The lanes load the weights together and broadcast them.
pub static STEM_STRIP: Kernel = Kernel {
    name: "stem_strip",
    group: "conv",
    source: include_str!("../../shaders/conv/stem_strip.wgsl"),
    params: StemParams::FIELDS,
    bindings: &[read_stored("x"), read_stored("w"), read("bias"), write_stored("y")],
    variants: &[
        Variant { name: "7x32 wide", constants: &[WIDE, ("STRIDE", 2), ("PIXELS", 7), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "8x32 wide", constants: &[WIDE, ("STRIDE", 2), ("PIXELS", 8), ("COLUMNS", 32)], subgroup: true },
    ],
    overrides: &[ACTIVATION],
};

/// Iterates over the variants of both kernels that store activations and weights at the given precision.
pub fn stem_variants(precision: Precision) -> impl Iterator<Item = Choice> {
    super::variants_of([&STEM_STRIP, &STEM], precision)
}

/// The kernel for every device. Two threads compute the same pixels, and each sixteen output channels. The weights of a workgroup
/// lie in workgroup memory. The pixels of a thread end at the edge of the image, so the output is at least as wide.
pub static STEM: Kernel = Kernel {
    name: "stem",
    group: "conv",
    source: include_str!("../../shaders/conv/stem.wgsl"),
    params: StemParams::FIELDS,
    bindings: &[read_stored("x"), read_stored("w"), read("bias"), write_stored("y")],
    variants: &[
        Variant {
            name: "stride 2, 4x16 of rgb",
            constants: &[("STRIDE", 2), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 3)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 4x16",
            constants: &[("STRIDE", 2), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 4x16",
            constants: &[("STRIDE", 1), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 1x16",
            constants: &[("STRIDE", 2), ("PIXELS", 1), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 1x16",
            constants: &[("STRIDE", 1), ("PIXELS", 1), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 4x16 of rgb in f16",
            constants: &[HALF, ("STRIDE", 2), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 3)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 4x16 of f16",
            constants: &[HALF, ("STRIDE", 2), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 4x16 of f16",
            constants: &[HALF, ("STRIDE", 1), ("PIXELS", 4), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 1x16 of f16",
            constants: &[HALF, ("STRIDE", 2), ("PIXELS", 1), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 1x16 of f16",
            constants: &[HALF, ("STRIDE", 1), ("PIXELS", 1), ("QUADS", 4), ("INPUTS", 4)],
            subgroup: false,
        },
    ],
    overrides: &[ACTIVATION],
};

/// A 3×3 convolution with bias and activation, from \[batch, height, width, inputs\] to
/// \[batch, ⌈height / stride⌉, ⌈width / stride⌉, outputs\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stem {
    /// Number of images.
    pub batch: u32,
    /// Height and width of the input.
    pub size: [u32; 2],
    /// Number of input channels, a multiple of four: 4 for RGB, with a fourth channel of zeros.
    pub inputs: u32,
    /// Whether there are four input channels and the fourth holds only zeros. A kernel may then leave it out.
    pub rgb: bool,
    /// Number of output channels, a multiple of four.
    pub outputs: u32,
    /// 1 or 2.
    pub stride: u32,
    /// Where zeros are added around the image.
    pub padding: Padding,
    /// The activation, applied to the result.
    pub activation: Activation,
}

impl Stem {
    /// Returns whether a variant can compute the layer. Variants with subgroups leave out the fourth input channel and load
    /// pixels in pairs. Other variants with three inputs leave it out, too.
    pub fn suits(self, variant: &Variant) -> bool {
        let is_rgb = self.rgb && self.inputs == 4;
        let suits_inputs = if variant.subgroup {
            is_rgb && self.size[1].is_multiple_of(2)
        } else {
            (is_rgb || variant.constant("INPUTS") == 4) && variant.constant("PIXELS") <= self.out_size()[1]
        };
        variant.constant("STRIDE") == self.stride && variant.suits_channels([self.outputs]) && suits_inputs
    }

    /// Returns height and width of the output.
    pub fn out_size(self) -> [u32; 2] {
        self.size.map(|size| size.div_ceil(self.stride))
    }

    /// Returns the kernel and variant that the profile prefers.
    pub fn choice(self, profile: &DeviceProfile) -> Choice {
        let Stem { batch, size, inputs, rgb, outputs, stride, .. } = self;
        let shape = OperationShape::Stem { batch, size, inputs, rgb, outputs, stride };
        choose(profile, shape, |variant| self.suits(variant))
    }

    /// Returns the step that computes `y`. `lanes` is the subgroup size, which only the kernel with subgroups needs.
    pub fn step(
        self,
        label: &str,
        (kernel, variant): Choice,
        lanes: impl Into<SubgroupSize>,
        [x, w, bias]: [View; 3],
        y: View,
    ) -> Step {
        let lanes = lanes.into().get();
        let stored = variant.precision().bytes();
        let [in_height, in_width] = self.size;
        let [out_height, out_width] = self.out_size();
        let (batch, inputs, outputs) = (u64::from(self.batch), u64::from(self.inputs), u64::from(self.outputs));
        let (in_pixels, out_pixels) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        let across = u64::from(out_width.div_ceil(variant.constant("PIXELS")));
        let strips = batch * u64::from(out_height) * across;
        let workgroups = if kernel.is(&STEM_STRIP) {
            strips.div_ceil(u64::from(lanes.unwrap_or(1))) * outputs.div_ceil(u64::from(variant.constant("COLUMNS")))
        } else {
            strips.div_ceil(32) * (outputs / 4).div_ceil(u64::from(2 * variant.constant("QUADS")))
        };
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: vec![self.activation.as_override()],
            params: StemParams {
                batch: self.batch,
                in_height,
                in_width,
                inputs: self.inputs,
                out_height,
                out_width,
                outputs: self.outputs,
                top: self.padding.before(in_height, self.stride),
                left: self.padding.before(in_width, self.stride),
            },
            bindings: &[x, w, bias, y],
            workgroups,
            cost: Cost {
                flops: 18 * batch * out_pixels * inputs * outputs,
                bytes: stored * (batch * (in_pixels * inputs + out_pixels * outputs) + 9 * inputs * outputs) + 4 * outputs,
            },
        }
        .step(label)
    }
}
