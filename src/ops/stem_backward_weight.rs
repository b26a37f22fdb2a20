//! Weight gradient of a dense 3×3 convolution.

use super::{Encoding, Stem, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `shaders/conv/stem_backward_weight.wgsl`.
    struct StemBackwardWeightParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        inputs: u32,
        out_height: u32,
        out_width: u32,
        outputs: u32,
        top: u32,
        left: u32,
        rows_a_part: u32,
    }
}

/// The kernel of [`StemBackwardWeight`]. One thread keeps the sums of a row of taps over a part of the output's rows of pixels.
pub static STEM_BACKWARD_WEIGHT: Kernel = Kernel {
    name: "stem_backward_weight",
    group: "conv",
    source: include_str!("../../shaders/conv/stem_backward_weight.wgsl"),
    params: StemBackwardWeightParams::FIELDS,
    bindings: &[read("x"), read("gy"), read_write("dw")],
    variants: &[
        Variant { name: "stride 2, rgb", constants: &[("STRIDE", 2), ("QUADS", 2), ("INPUTS", 3)], subgroup: false },
        Variant { name: "stride 2", constants: &[("STRIDE", 2), ("QUADS", 1), ("INPUTS", 4)], subgroup: false },
        Variant { name: "stride 1", constants: &[("STRIDE", 1), ("QUADS", 1), ("INPUTS", 4)], subgroup: false },
    ],
    overrides: &[],
};

/// Computes dw \[parts, 3, 3, inputs, outputs\], the gradient with respect to the weights of `layer`, from the gradient before
/// the layer's activation.
/// [`SumOfParts`](super::SumOfParts) adds the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StemBackwardWeight {
    /// The layer.
    pub layer: Stem,
    /// The batch × output height rows of pixels. A part is one chain of additions, so it should have a few thousand pixels at
    /// most.
    pub rows: RowParts,
}

impl StemBackwardWeight {
    /// Returns the parts into which the rows of pixels of `layer` are split for a device.
    pub fn parts(profile: &DeviceProfile, layer: Stem) -> RowParts {
        profile.pixel_row_parts(layer.batch, layer.out_size(), threads_a_part(layer))
    }

    /// Returns the variant with the layer's stride, for RGB images the one that leaves out the fourth input channel.
    ///
    /// # Panics
    /// Panics if the stride is neither 1 nor 2.
    pub fn variant(self) -> &'static Variant {
        variant_for(self.layer)
    }

    /// Returns the step that computes `dw`. `x` is the layer's input, and `gy` has the layer's output size.
    pub fn step(self, label: &str, x: View, gy: View, dw: View) -> Step {
        let layer = self.layer;
        let [in_height, in_width] = layer.size;
        let [out_height, out_width] = layer.out_size();
        let (inputs, outputs) = (u64::from(layer.inputs), u64::from(layer.outputs));
        let (batch, parts) = (u64::from(layer.batch), u64::from(self.rows.count()));
        let (in_pixels, out_pixels) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        Encoding {
            kernel: &STEM_BACKWARD_WEIGHT,
            variant: self.variant(),
            lanes: None,
            overrides: Vec::new(),
            params: StemBackwardWeightParams {
                batch: layer.batch,
                in_height,
                in_width,
                inputs: layer.inputs,
                out_height,
                out_width,
                outputs: layer.outputs,
                top: layer.padding.before(in_height, layer.stride),
                left: layer.padding.before(in_width, layer.stride),
                rows_a_part: self.rows.rows_a_part,
            },
            bindings: &[x, gy, dw],
            workgroups: (parts * u64::from(threads_a_part(layer))).div_ceil(64),
            cost: Cost {
                flops: 18 * batch * out_pixels * inputs * outputs,
                bytes: 4 * (batch * (in_pixels * inputs + out_pixels * outputs) + 9 * parts * inputs * outputs),
            },
        }
        .step(label)
    }
}

/// Returns the first variant that suits a layer.
fn variant_for(layer: Stem) -> &'static Variant {
    let is_rgb = layer.rgb && layer.inputs == 4;
    let suits = |variant: &&Variant| variant.constant("STRIDE") == layer.stride && (is_rgb || variant.constant("INPUTS") == 4);
    let found = STEM_BACKWARD_WEIGHT.variants.iter().find(suits);
    found.unwrap_or_else(|| panic!("no weight gradient of a first layer has stride {}", layer.stride))
}

/// Returns how many threads sum a part. Each of them sums one row of taps, four inputs and some outputs.
fn threads_a_part(layer: Stem) -> u32 {
    3 * (layer.inputs / 4) * (layer.outputs / 4).div_ceil(variant_for(layer).constant("QUADS"))
}
