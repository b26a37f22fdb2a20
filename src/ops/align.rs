//! Cuts aligned faces out of 8-bit RGB images and converts them to the input of a network.

use super::{Encoding, Interpolation, params};
use crate::plan::{Cost, HALF, Kernel, Precision, Step, Variant, View, read, write_stored};

params! {
    /// `Params` of `shaders/image/align.wgsl`.
    struct AlignParams {
        batch: u32,
        height: u32,
        width: u32,
        frame_height: u32,
        frame_width: u32,
        scale_red: f32,
        scale_green: f32,
        scale_blue: f32,
        shift_red: f32,
        shift_green: f32,
        shift_blue: f32,
    }
}

/// The kernel of [`Align`]. One thread computes one output pixel.
pub static ALIGN: Kernel = Kernel {
    name: "align",
    group: "image",
    source: include_str!("../../shaders/image/align.wgsl"),
    params: AlignParams::FIELDS,
    bindings: &[read("pixels"), read("images"), read("alignments"), write_stored("y")],
    variants: &[
        Variant { name: "default", constants: &[], subgroup: false },
        Variant { name: "to f16", constants: &[HALF], subgroup: false },
    ],
    overrides: &[("BETWEEN", &[0, 1])],
};

/// How one face lies in its image, in the layout that the shader reads.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AlignmentRecord {
    /// The first two rows of the matrix that maps (row, column, 1) of the frame to (row, column) of the image.
    pub matrix: [[f32; 3]; 2],
    /// Width of the cubic kernel in pixels of the image, at least 1. It is larger where the face is shrunk.
    pub spread: f32,
    /// Pads the record to 32 bytes.
    pub unused: u32,
}

impl AlignmentRecord {
    /// The record of a place in a batch that shows nothing. It takes hardly any time, and its result is not used.
    pub const UNUSED: AlignmentRecord = AlignmentRecord { matrix: [[0.0; 3]; 2], spread: 1.0, unused: 0 };
}

/// Cuts a face out of each image of a batch, with cubic interpolation and repeated edges, and normalises it to a tensor
/// \[batch, height, width, 4\]. The face is first laid out in a frame, such as CelebA's 178 × 218 pixels. The result shows the
/// frame at another size: pixel by pixel as [`Interpolation::Nearest`] resizes it, or between the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Align {
    /// Number of images.
    pub batch: u32,
    /// Height and width of the result.
    pub size: [u32; 2],
    /// Height and width of the frame.
    pub frame: [u32; 2],
    /// Factors of red, green and blue, applied to values from 0 to 255.
    pub scale: [f32; 3],
    /// Values added to red, green and blue after scaling.
    pub shift: [f32; 3],
    /// Which place of the frame an output pixel shows.
    pub interpolation: Interpolation,
}

impl Align {
    /// Returns the variant that stores its result at the given precision.
    pub fn variant(precision: Precision) -> &'static Variant {
        ALIGN.variant(match precision {
            Precision::F32 => "default",
            Precision::F16 => "to f16",
        })
    }

    /// Returns the step that computes `y` at the variant's precision. The views are packed bytes, one [`super::ImageRecord`] per
    /// image, and one [`AlignmentRecord`] per image.
    pub fn step(self, label: &str, variant: &'static Variant, [pixels, images, alignments]: [View; 3], y: View) -> Step {
        let ([scale_red, scale_green, scale_blue], [shift_red, shift_green, shift_blue]) = (self.scale, self.shift);
        let Align { batch, size: [height, width], frame: [frame_height, frame_width], .. } = self;
        let outputs = u64::from(batch) * u64::from(height) * u64::from(width);
        let between = u8::from(self.interpolation == Interpolation::Bilinear);
        Encoding {
            kernel: &ALIGN,
            variant,
            lanes: None,
            overrides: vec![("BETWEEN", f64::from(between))],
            params: AlignParams {
                batch,
                height,
                width,
                frame_height,
                frame_width,
                scale_red,
                scale_green,
                scale_blue,
                shift_red,
                shift_green,
                shift_blue,
            },
            bindings: &[pixels, images, alignments, y],
            workgroups: outputs.div_ceil(64),
            // The spread is not known here; this is the cost of interpolation.
            cost: Cost { flops: 128 * outputs, bytes: (48 + 4 * variant.precision().bytes()) * outputs },
        }
        .step(label)
    }
}
