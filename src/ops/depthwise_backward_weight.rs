//! Weight gradient of a depthwise convolution.

use super::activation::INPUT_ACTIVATION;
use super::layer_input::NORMALISE;
use super::{Depthwise, Encoding, LayerInput, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `shaders/conv/depthwise_backward_weight.wgsl`.
    struct DepthwiseBackwardWeightParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        channels: u32,
        top: u32,
        left: u32,
        rows_a_part: u32,
        epsilon: f32,
    }
}

/// The kernel of [`DepthwiseBackwardWeight`]. One thread sums the nine taps of four channels over a part of the output's rows of
/// pixels, and walks along three rows at a time. Images with fewer rows are summed row by row.
pub static DEPTHWISE_BACKWARD_WEIGHT: Kernel = Kernel {
    name: "depthwise_backward_weight",
    group: "conv",
    source: include_str!("../../shaders/conv/depthwise_backward_weight.wgsl"),
    params: DepthwiseBackwardWeightParams::FIELDS,
    bindings: &[read("x"), read("gy"), read("statistics"), read("affine"), read_write("dw")],
    variants: &[
        Variant { name: "stride 1, 3 rows", constants: &[("STRIDE", 1), ("ROWS", 3)], subgroup: false },
        Variant { name: "stride 2, 3 rows", constants: &[("STRIDE", 2), ("ROWS", 3)], subgroup: false },
        Variant { name: "stride 1, 1 row", constants: &[("STRIDE", 1), ("ROWS", 1)], subgroup: false },
        Variant { name: "stride 2, 1 row", constants: &[("STRIDE", 2), ("ROWS", 1)], subgroup: false },
    ],
    overrides: &[NORMALISE, INPUT_ACTIVATION],
};

/// Computes dw \[parts, 3, 3, channels\], the gradient with respect to the weights of `layer`, from the gradient before the
/// layer's activation.
/// [`SumOfParts`](super::SumOfParts) adds the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DepthwiseBackwardWeight {
    /// The layer.
    pub layer: Depthwise,
    /// The batch × output height rows of pixels. A part is one chain of additions, so it should have a few thousand pixels at
    /// most.
    pub rows: RowParts,
}

impl DepthwiseBackwardWeight {
    /// Returns the parts into which the rows of pixels of `layer` are split for a device. They hold as many rows as the variant
    /// walks along at a time, or a multiple.
    pub fn parts(profile: &DeviceProfile, layer: Depthwise) -> RowParts {
        let parts = profile.pixel_row_parts(layer.batch, layer.out_size(), layer.channels / 4);
        let rows_a_part = parts.rows_a_part.next_multiple_of(variant_for(layer).constant("ROWS"));
        RowParts { rows_a_part, ..parts }
    }

    /// Returns the variant with the layer's stride that suits the height of its output.
    ///
    /// # Panics
    /// Panics if the stride is neither 1 nor 2.
    pub fn variant(self) -> &'static Variant {
        variant_for(self.layer)
    }

    /// Returns the step that computes `dw`. `x` is the layer's input, and `gy` has the layer's output size.
    pub fn step(self, label: &str, x: impl Into<LayerInput>, gy: View, dw: View) -> Step {
        let x: LayerInput = x.into();
        let [statistics, affine] = x.bindings();
        let layer = self.layer;
        let [in_height, in_width] = layer.size;
        let [out_height, out_width] = layer.out_size();
        let (batch, channels, parts) = (u64::from(layer.batch), u64::from(layer.channels), u64::from(self.rows.count()));
        let (inputs, outputs) = (u64::from(in_height * in_width), u64::from(out_height * out_width));
        Encoding {
            kernel: &DEPTHWISE_BACKWARD_WEIGHT,
            variant: self.variant(),
            lanes: None,
            overrides: x.overrides().to_vec(),
            params: DepthwiseBackwardWeightParams {
                batch: layer.batch,
                in_height,
                in_width,
                out_height,
                out_width,
                channels: layer.channels,
                top: layer.padding.before(in_height, layer.stride),
                left: layer.padding.before(in_width, layer.stride),
                rows_a_part: self.rows.rows_a_part,
                epsilon: x.epsilon(),
            },
            bindings: &[x.view, gy, statistics, affine, dw],
            workgroups: (parts * (channels / 4)).div_ceil(64),
            cost: Cost { flops: 18 * batch * outputs * channels, bytes: 4 * channels * (batch * (inputs + outputs) + 9 * parts) },
        }
        .step(label)
    }
}

/// Returns the first variant with the layer's stride that walks along no more rows than the output has.
fn variant_for(layer: Depthwise) -> &'static Variant {
    let suits =
        |variant: &&Variant| variant.constant("STRIDE") == layer.stride && variant.constant("ROWS") <= layer.out_size()[0];
    let found = DEPTHWISE_BACKWARD_WEIGHT.variants.iter().find(suits);
    found.unwrap_or_else(|| panic!("no weight gradient of a depthwise convolution has stride {}", layer.stride))
}
