//! Depthwise 3×3 convolution with stride 1 or 2. There are two families of kernels, one for GPUs and one for CPUs.

use super::activation::{ACTIVATION, INPUT_ACTIVATION};
use super::choice::choose;
use super::layer_input::NORMALISE;
use super::{Activation, Choice, Encoding, LayerInput, Padding, params};
use crate::plan::{Binding, Cost, HALF, Kernel, Precision, Step, Variant, View, WIDE, read, read_stored, write_stored};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of both `depthwise` shaders.
    struct DepthwiseParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        channels: u32,
        top: u32,
        left: u32,
        epsilon: f32,
        /// Number of rows of a strip.
        strip_rows: u32,
    }
}

const BINDINGS: &[Binding] =
    &[read_stored("x"), read_stored("w"), read("bias"), read("statistics"), read("affine"), write_stored("y")];

/// The family for GPUs. One thread moves down a strip of pixels with four channels, and keeps the sums of the rows that its window
/// covers. A strip ends at the edge of the image, so the image is at least as wide as a strip.
pub static DEPTHWISE: Kernel = Kernel {
    name: "depthwise",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise.wgsl"),
    params: DepthwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "stride 1, 4 across", constants: &[("STRIDE", 1), ("COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 2, 4 across", constants: &[("STRIDE", 2), ("COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 1, 3 across", constants: &[("STRIDE", 1), ("COLUMNS", 3)], subgroup: false },
        Variant { name: "stride 1, 1 across", constants: &[("STRIDE", 1), ("COLUMNS", 1)], subgroup: false },
        Variant { name: "stride 2, 1 across", constants: &[("STRIDE", 2), ("COLUMNS", 1)], subgroup: false },
        Variant { name: "stride 1, 4 across of f16", constants: &[HALF, ("STRIDE", 1), ("COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 2, 4 across of f16", constants: &[HALF, ("STRIDE", 2), ("COLUMNS", 4)], subgroup: false },
        Variant { name: "stride 1, 1 across of f16", constants: &[HALF, ("STRIDE", 1), ("COLUMNS", 1)], subgroup: false },
        Variant { name: "stride 2, 1 across of f16", constants: &[HALF, ("STRIDE", 2), ("COLUMNS", 1)], subgroup: false },
    ],
    overrides: &[ACTIVATION, NORMALISE, INPUT_ACTIVATION],
};

/// The family for CPUs. One thread moves down a strip of pixels with four or eight channels and keeps only the sums. Each thread
/// does much work, so the workgroups are small, which gives the threads of a CPU equal shares.
pub static DEPTHWISE_STRIP: Kernel = Kernel {
    name: "depthwise_strip",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise_strip.wgsl"),
    params: DepthwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant {
            name: "stride 1, 14x7",
            constants: &[("STRIDE", 1), ("ROWS", 14), ("COLUMNS", 7), ("THREADS", 32)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 14x4",
            constants: &[("STRIDE", 2), ("ROWS", 14), ("COLUMNS", 4), ("THREADS", 32)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 14x7 wide",
            constants: &[WIDE, ("STRIDE", 1), ("ROWS", 14), ("COLUMNS", 7), ("THREADS", 8)],
            subgroup: false,
        },
        Variant {
            name: "stride 1, 14x8 wide",
            constants: &[WIDE, ("STRIDE", 1), ("ROWS", 14), ("COLUMNS", 8), ("THREADS", 8)],
            subgroup: false,
        },
        Variant {
            name: "stride 2, 14x4 wide",
            constants: &[WIDE, ("STRIDE", 2), ("ROWS", 14), ("COLUMNS", 4), ("THREADS", 8)],
            subgroup: false,
        },
    ],
    overrides: &[ACTIVATION, NORMALISE, INPUT_ACTIVATION],
};

/// Returns whether a variant belongs to the family for CPUs. Its strips have a fixed number of rows, and may extend beyond the
/// right edge of the image.
fn is_of_cpus(variant: &Variant) -> bool {
    variant.constants.iter().any(|(name, _)| *name == "ROWS")
}

/// Returns the number of rows of a strip on a GPU, for images of `height` × `across` strips of one row. Long strips load fewer rows
/// twice, and many short ones occupy a large GPU.
pub(super) fn strip_rows(batch: u32, [height, across]: [u32; 2], quads: u32) -> u32 {
    /// Number of threads from which a GPU has enough to do.
    const ENOUGH: u64 = 32_768;
    let threads = u64::from(batch) * u64::from(height) * u64::from(across) * u64::from(quads);
    threads.div_ceil(ENOUGH).clamp(2, 28) as u32
}

/// Iterates over the variants of both families that store activations and weights at the given precision.
pub fn depthwise_variants(precision: Precision) -> impl Iterator<Item = Choice> {
    super::variants_of([&DEPTHWISE, &DEPTHWISE_STRIP], precision)
}

/// A depthwise 3×3 convolution with bias and activation on \[batch, height, width, channels\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Depthwise {
    /// Number of images.
    pub batch: u32,
    /// Height and width of the input.
    pub size: [u32; 2],
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// 1 or 2. The variant must have the same stride.
    pub stride: u32,
    /// Where zeros are added around the image.
    pub padding: Padding,
    /// The activation, applied to the result.
    pub activation: Activation,
}

impl Depthwise {
    /// Returns height and width of the output: those of the input divided by the stride, rounded up. Both paddings give the same
    /// size.
    pub fn out_size(self) -> [u32; 2] {
        self.size.map(|size| size.div_ceil(self.stride))
    }

    /// Returns whether a variant of either family can compute this layer.
    pub fn suits(self, variant: &Variant) -> bool {
        let fits = is_of_cpus(variant) || self.out_size()[1] >= variant.constant("COLUMNS");
        variant.constant("STRIDE") == self.stride && fits && variant.suits_channels([self.channels])
    }

    /// Returns the variants for 32-bit floats that can compute this layer.
    pub fn variants(self) -> impl Iterator<Item = Choice> {
        depthwise_variants(Precision::F32).filter(move |(_, variant)| self.suits(variant))
    }

    /// Returns the kernel and variant that the profile prefers.
    pub fn choice(self, profile: &DeviceProfile) -> Choice {
        let Depthwise { batch, size, channels, stride, .. } = self;
        choose(profile, OperationShape::Depthwise { batch, size, channels, stride }, |variant| self.suits(variant))
    }

    /// Returns the kernel and variant that the profile prefers for an input that is normalised while it is loaded. That takes
    /// registers, so variants with many sums do not fit into the registers of every GPU.
    pub fn choice_for_raw(self, profile: &DeviceProfile) -> Choice {
        /// Sums of four numbers each, beside which the normalisation fits.
        const MOST_SUMS: u32 = 9;
        let Depthwise { batch, size, channels, stride, .. } = self;
        let fits = |variant: &Variant| is_of_cpus(variant) || variant.constant("COLUMNS") * (4 - stride) <= MOST_SUMS;
        let suits = |variant: &Variant| self.suits(variant) && fits(variant);
        choose(profile, OperationShape::Depthwise { batch, size, channels, stride }, suits)
    }

    /// Returns the step that computes `y`. The views are x, w and bias.
    pub fn step(self, label: &str, choice: Choice, [x, w, bias]: [View; 3], y: View) -> Step {
        self.step_on(label, choice, x.into(), [w, bias], y)
    }

    /// Returns the step that computes `y` from an input that may have to be normalised while it is loaded. The other views are w
    /// and bias.
    pub fn step_on(self, label: &str, choice: Choice, x: LayerInput, weights: [View; 2], y: View) -> Step {
        let [out_height, out_width] = self.out_size();
        let most = if choice.0.is(&DEPTHWISE_STRIP) {
            choice.1.constant("ROWS")
        } else {
            strip_rows(self.batch, [out_height, out_width.div_ceil(choice.1.constant("COLUMNS"))], self.channels / 4)
        };
        self.step_in_strips(label, choice, x, weights, y, most)
    }

    /// Does the same as [`step_on`](Self::step_on), in strips of at most `most_rows` rows.
    pub fn step_in_strips(
        self,
        label: &str,
        (kernel, variant): Choice,
        x: LayerInput,
        [w, bias]: [View; 2],
        y: View,
        most_rows: u32,
    ) -> Step {
        let [statistics, affine] = x.bindings();
        let [in_height, in_width] = self.size;
        let [out_height, out_width] = self.out_size();
        let (batch, channels) = (u64::from(self.batch), u64::from(self.channels));
        let (inputs, outputs) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        // All strips get about the same number of rows.
        let rows = out_height.div_ceil(out_height.div_ceil(most_rows));
        let (strips, across) = (out_height.div_ceil(rows), out_width.div_ceil(variant.constant("COLUMNS")));
        let workgroups = if kernel.is(&DEPTHWISE_STRIP) {
            let threads = batch * u64::from(strips * across) * (channels / u64::from(variant.channels_at_once()));
            threads.div_ceil(u64::from(variant.constant("THREADS")))
        } else {
            batch * u64::from(strips) * (u64::from(across) * (channels / 4)).div_ceil(64)
        };
        Encoding {
            kernel,
            variant,
            lanes: None,
            overrides: [&[self.activation.as_override()][..], &x.overrides()].concat(),
            params: DepthwiseParams {
                batch: self.batch,
                in_height,
                in_width,
                out_height,
                out_width,
                channels: self.channels,
                top: self.padding.before(in_height, self.stride),
                left: self.padding.before(in_width, self.stride),
                epsilon: x.epsilon(),
                strip_rows: rows,
            },
            bindings: &[x.view, w, bias, statistics, affine, y],
            workgroups,
            cost: Cost {
                flops: 18 * batch * outputs * channels,
                bytes: channels * (variant.precision().bytes() * (batch * (inputs + outputs) + 9) + 4),
            },
        }
        .step(label)
    }
}
