//! Converts 8-bit RGB images of any size to the input of a network.

use super::{Encoding, params};
use crate::plan::{Cost, HALF, Kernel, Precision, Step, Variant, View, WIDE, read, write_stored};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `shaders/image/resize_normalise.wgsl`.
    struct ResizeNormaliseParams {
        batch: u32,
        size: u32,
        scale_red: f32,
        scale_green: f32,
        scale_blue: f32,
        shift_red: f32,
        shift_green: f32,
        shift_blue: f32,
    }
}

/// The kernel of [`ResizeNormalise`]. One thread computes one output pixel at a time; variants that store eight values at once
/// compute two.
pub static RESIZE_NORMALISE: Kernel = Kernel {
    name: "resize_normalise",
    group: "image",
    source: include_str!("../../shaders/image/resize_normalise.wgsl"),
    params: ResizeNormaliseParams::FIELDS,
    bindings: &[read("pixels"), read("images"), write_stored("y")],
    variants: &[
        Variant { name: "default", constants: &[("THREADS", 32)], subgroup: false },
        // The workgroup is small because a software adapter loses time when it switches between the threads of a larger one.
        Variant { name: "wide", constants: &[WIDE, ("THREADS", 8)], subgroup: false },
        Variant { name: "to f16", constants: &[HALF, ("THREADS", 32)], subgroup: false },
    ],
    overrides: &[("BILINEAR", &[0, 1])],
};

/// The method that finds the value of an output pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The source pixel floor((i + ½) · in / out), as in Pillow's `NEAREST` and `load_img` of Keras.
    Nearest,
    /// Linear interpolation between the four pixels around (i + ½) · in / out − ½, clamped to the image and without
    /// antialiasing, as in `cv2.resize`.
    Bilinear,
}

/// The position and size of one image in the pixels of its batch, in the layout that the shader reads.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ImageRecord {
    /// Index of the first 32-bit word of the image.
    pub first_word: u32,
    /// Width of the image in pixels.
    pub width: u32,
    /// Height of the image in pixels.
    pub height: u32,
    /// 0 if all rows of the image are stored. 1 if three rows are stored for each row of the output: the nearest one and its
    /// neighbours. The image then has more than twice as many rows as the output.
    pub windows: u32,
}

/// Converts 8-bit RGB images to a tensor \[batch, size, size, 4\]: resized · scale + shift for each channel, and 0 in the fourth
/// channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizeNormalise {
    /// Number of images.
    pub batch: u32,
    /// Height and width of the output in pixels.
    pub size: u32,
    /// Factors of red, green and blue, applied to values from 0 to 255.
    pub scale: [f32; 3],
    /// Values added to red, green and blue after scaling.
    pub shift: [f32; 3],
    /// The method of interpolation.
    pub interpolation: Interpolation,
}

impl ResizeNormalise {
    /// Returns whether a variant can compute this shape. Variants that compute two pixels at once need an even size, because
    /// both pixels must be in the same row.
    pub fn suits(self, variant: &Variant) -> bool {
        !variant.is_wide() || self.size.is_multiple_of(2)
    }

    /// Returns the variant that the profile prefers.
    pub fn variant(self, profile: &DeviceProfile) -> &'static Variant {
        let [single, wide, half] = ["default", "wide", "to f16"].map(|name| RESIZE_NORMALISE.variant(name));
        let takes_two = profile.settings().resize_pixels == 2 && wide.lacks(&profile.capabilities).is_none() && self.suits(wide);
        match (profile.precision, takes_two) {
            (Precision::F16, _) => half,
            (Precision::F32, true) => wide,
            (Precision::F32, false) => single,
        }
    }

    /// Returns the step that computes `y` \[batch, size, size, 4\]. `pixels` holds packed bytes and `images` one [`ImageRecord`]
    /// per image. The variant determines the precision in which `y` is stored.
    pub fn step(self, label: &str, variant: &'static Variant, [pixels, images]: [View; 2], y: View) -> Step {
        let precision = variant.precision();
        let ([scale_red, scale_green, scale_blue], [shift_red, shift_green, shift_blue]) = (self.scale, self.shift);
        let outputs = u64::from(self.batch) * u64::from(self.size) * u64::from(self.size);
        let bilinear = self.interpolation == Interpolation::Bilinear;
        let (flops, reads) = if bilinear { (24, 12) } else { (6, 3) };
        Encoding {
            kernel: &RESIZE_NORMALISE,
            variant,
            lanes: None,
            overrides: vec![("BILINEAR", f64::from(u8::from(bilinear)))],
            params: ResizeNormaliseParams {
                batch: self.batch,
                size: self.size,
                scale_red,
                scale_green,
                scale_blue,
                shift_red,
                shift_green,
                shift_blue,
            },
            bindings: &[pixels, images, y],
            workgroups: u64::from(self.batch) * u64::from(self.size),
            cost: Cost { flops: flops * outputs, bytes: (reads + 4 * precision.bytes()) * outputs },
        }
        .step(label)
    }
}
