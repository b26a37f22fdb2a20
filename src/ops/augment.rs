//! From 8-bit RGB images of any size to the network's input, each turned, shifted, sheared, zoomed and mirrored on the way.

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

/// A thread computes one output pixel.
pub static AUGMENT: Kernel = Kernel {
    name: "augment",
    group: "image",
    source: include_str!("../../shaders/image/augment.wgsl"),
    params: AugmentParams::FIELDS,
    bindings: &[read("pixels"), read("images"), read("transforms"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// How one image of a batch is augmented, as the shader reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TransformRecord {
    /// The upper two rows of M, which maps (row, column, 1) of the output to (row, column) of the resized image.
    pub matrix: [[f32; 3]; 2],
    /// 1 where the result is mirrored left to right, else 0.
    pub mirrored: u32,
    /// Fills the record to 32 bytes.
    pub unused: u32,
}

/// 8-bit RGB images to \[batch, height, width, 4\]: resized by nearest pixel, mapped bilinearly with clamped coordinates,
/// mirrored, then value · scale + shift, channel by channel. This is `load_img(target_size=(height, width))`,
/// `apply_transform` with `fill_mode="nearest"` and a rescaling of keras_preprocessing 1.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    /// Images.
    pub batch: u32,
    /// Rows of the result.
    pub height: u32,
    /// Columns of the result.
    pub width: u32,
    /// Factor for red, green and blue, on values 0 to 255.
    pub scale: [f32; 3],
    /// Added to red, green and blue after scaling.
    pub shift: [f32; 3],
}

impl Augment {
    /// The dispatch: `pixels` are packed bytes, `images` one [`super::ImageRecord`] an image and `transforms` one
    /// [`TransformRecord`] an image.
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
