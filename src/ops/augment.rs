//! Converts 8-bit RGB images of any size to the input of a network, and rotates, shifts, shears, zooms and mirrors each of them.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/image/augment.wgsl`.
    struct AugmentParams {
        batch: u32,
        height: u32,
        width: u32,
        scale_red: f32,
        scale_green: f32,
        scale_blue: f32,
        shift_red: f32,
        shift_green: f32,
        shift_blue: f32,
    }
}

/// The kernel of [`Augment`]. One thread computes one output pixel.
pub static AUGMENT: Kernel = Kernel {
    name: "augment",
    group: "image",
    source: include_str!("../../shaders/image/augment.wgsl"),
    params: AugmentParams::FIELDS,
    bindings: &[read("pixels"), read("images"), read("transforms"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// The transformation of one image of a batch, in the layout that the shader reads.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TransformRecord {
    /// The first two rows of the matrix M, which maps (row, column, 1) of the output to (row, column) of the resized image.
    pub matrix: [[f32; 3]; 2],
    /// 1 if the result is mirrored left to right, else 0.
    pub mirrored: u32,
    /// Pads the record to 32 bytes.
    pub unused: u32,
}

/// Converts 8-bit RGB images to a tensor \[batch, height, width, 4\].
///
/// Each image is resized by nearest neighbours, transformed with bilinear interpolation and clamped coordinates, and mirrored if
/// its record says so. Then value · scale + shift is computed for each channel; the fourth channel is 0. This corresponds to
/// `load_img(target_size=(height, width))`, `apply_transform` with `fill_mode="nearest"`, and rescaling, in keras_preprocessing
/// 1.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    /// Number of images.
    pub batch: u32,
    /// Number of rows of the result.
    pub height: u32,
    /// Number of columns of the result.
    pub width: u32,
    /// Factors of red, green and blue, applied to values from 0 to 255.
    pub scale: [f32; 3],
    /// Values added to red, green and blue after scaling.
    pub shift: [f32; 3],
}

impl Augment {
    /// Returns the step that computes `y` \[batch, height, width, 4\]. `pixels` holds packed bytes, `images` one
    /// [`super::ImageRecord`] per image, and `transforms` one [`TransformRecord`] per image.
    pub fn step(self, label: &str, pixels: View, images: View, transforms: View, y: View) -> Step {
        let ([scale_red, scale_green, scale_blue], [shift_red, shift_green, shift_blue]) = (self.scale, self.shift);
        let Augment { batch, height, width, .. } = self;
        let outputs = u64::from(batch) * u64::from(height) * u64::from(width);
        Encoding {
            kernel: &AUGMENT,
            variant: &AUGMENT.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: AugmentParams {
                batch,
                height,
                width,
                scale_red,
                scale_green,
                scale_blue,
                shift_red,
                shift_green,
                shift_blue,
            },
            bindings: &[pixels, images, transforms, y],
            workgroups: outputs.div_ceil(64),
            cost: Cost { flops: 32 * outputs, bytes: 28 * outputs },
        }
        .step(label)
    }
}
