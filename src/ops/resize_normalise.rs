//! From 8-bit RGB images of any size to the network's input.

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

/// A thread computes an output pixel at a time, or two where it stores eight numbers at once.
pub static RESIZE_NORMALISE: Kernel = Kernel {
    name: "resize_normalise",
    group: "image",
    source: include_str!("../../shaders/image/resize_normalise.wgsl"),
    params: ResizeNormaliseParams::FIELDS,
    bindings: &[read("pixels"), read("images"), write_stored("y")],
    variants: &[
        Variant { name: "default", constants: &[("THREADS", 32)], subgroup: false },
        // A software adapter switches between the threads of a larger workgroup.
        Variant { name: "wide", constants: &[WIDE, ("THREADS", 8)], subgroup: false },
        Variant { name: "to f16", constants: &[HALF, ("THREADS", 32)], subgroup: false },
    ],
    overrides: &[("BILINEAR", &[0, 1])],
};

/// How a source pixel is found for an output pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// floor((i + ½) · in / out), as Pillow's `NEAREST` and Keras' `load_img`.
    Nearest,
    /// Between the four pixels around (i + ½) · in / out − ½, clamped, without antialiasing, as `cv2.resize`.
    Bilinear,
}

/// Where an image lies among the pixels of its batch, as the shader reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ImageRecord {
    /// Index of its first 32-bit word.
    pub first_word: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Fills the record to 16 bytes.
    pub unused: u32,
}

/// 8-bit RGB images to \[batch, size, size, 4\]: resized · scale + shift, channel by channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizeNormalise {
    /// Images.
    pub batch: u32,
    /// Output height and width.
    pub size: u32,
    /// Factor for red, green and blue, on values 0 to 255.
    pub scale: [f32; 3],
    /// Added to red, green and blue after scaling.
    pub shift: [f32; 3],
    /// Nearest or bilinear.
    pub interpolation: Interpolation,
}

impl ResizeNormalise {
    /// Whether a variant can compute it: two pixels at once are of one row.
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

    /// The dispatch: `pixels` are packed bytes, `images` one [`ImageRecord`] an image; `y` is stored as the variant says.
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
