//! Cuts aligned faces out of photographs on the GPU, as pictures.

use super::alignment::FRAME;
use crate::data::Rgb8Image;
use crate::nn::ModelError;
use crate::nn::stored_image::{StoredImage, pack};
use crate::ops::{Align, AlignmentRecord, ImageRecord, Interpolation};
use crate::plan::{Plan, Precision, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Number of faces that are cut out at once.
const BATCH: usize = 8;

/// Initial size in bytes of the buffer for the pixels of a batch.
const FIRST_PIXEL_BYTES: u64 = 4 << 20;

/// Cuts faces out of photographs as pictures of one size. The program is compiled for the first faces and kept.
pub struct FaceAligner {
    /// Height and width of a picture.
    size: [u32; 2],
    ready: Option<Ready>,
}

impl Default for FaceAligner {
    /// Returns an aligner for pictures of [`FRAME`] pixels.
    fn default() -> FaceAligner {
        FaceAligner::new(FRAME)
    }
}

struct Ready {
    program: Program,
    pixel_bytes: u64,
    /// Pixels, image records, alignments and result.
    views: [View; 4],
}

impl FaceAligner {
    /// Returns an aligner for pictures of this height and width. They show the frame of [`FRAME`] pixels, resized by the nearest
    /// pixel.
    pub fn new(size: [u32; 2]) -> FaceAligner {
        FaceAligner { size, ready: None }
    }

    /// Returns the aligned faces. Each of `faces` is a part of a photograph, and how the face lies in it.
    ///
    /// # Errors
    /// Returns [`ModelError::TooManyPixels`] if the part for a single face exceeds what the adapter can bind, or the device's
    /// error.
    pub fn aligned(&mut self, device: &Device, faces: &[(Rgb8Image, AlignmentRecord)]) -> Result<Vec<Rgb8Image>, ModelError> {
        let bytes: u64 = faces.iter().map(|(part, _)| part.pixels.len().next_multiple_of(4) as u64).sum();
        let limit = device.capabilities().binding_bytes;
        if faces.len() > 1 && (faces.len() > BATCH || bytes > limit) {
            let (first, second) = faces.split_at(faces.len() / 2);
            let mut aligned = self.aligned(device, first)?;
            aligned.extend(self.aligned(device, second)?);
            return Ok(aligned);
        }
        if faces.is_empty() {
            return Ok(Vec::new());
        }
        if bytes > limit {
            return Err(ModelError::TooManyPixels { bytes, limit });
        }
        let parts: Vec<StoredImage> = faces.iter().map(|(part, _)| part.into()).collect();
        let (records, pixels) = pack(&parts, BATCH);
        let mut alignments: Vec<AlignmentRecord> = faces.iter().map(|(_, alignment)| *alignment).collect();
        alignments.resize(BATCH, AlignmentRecord::UNUSED);
        let ready = match self.ready.take().filter(|ready| ready.pixel_bytes >= bytes) {
            Some(ready) => ready,
            None => compile(device, self.size, bytes)?,
        };
        let Ready { program, views, .. } = self.ready.insert(ready);
        let [pixels_view, images, alignments_view, result] = *views;
        program.write(device, pixels_view, &pixels);
        program.write(device, images, bytemuck::cast_slice(&records));
        program.write(device, alignments_view, bytemuck::cast_slice(&alignments));
        program.run(device)?;
        let values = program.read(device, result)?;
        let [height, width] = self.size;
        let pictures = values.chunks_exact(4 * (height * width) as usize).take(faces.len());
        let byte = |value: &f32| value.round().clamp(0.0, 255.0) as u8;
        Ok(pictures
            .map(|picture| {
                let pixels = picture.chunks_exact(4).flat_map(|pixel| pixel[..3].iter().map(byte)).collect();
                Rgb8Image { width, height, pixels }
            })
            .collect())
    }
}

/// Compiles the program with room for at least `bytes` bytes of pixels.
fn compile(device: &Device, size: [u32; 2], bytes: u64) -> Result<Ready, ModelError> {
    let limit = device.capabilities().binding_bytes;
    let pixel_bytes = bytes.next_power_of_two().clamp(FIRST_PIXEL_BYTES, limit / 4 * 4).max(bytes);
    let mut plan = Plan::new("aligned faces");
    let pixels = plan.persistent("pixels", pixel_bytes);
    let images = plan.persistent("image records", (BATCH * size_of::<ImageRecord>()) as u64);
    let alignments = plan.persistent("alignments", (BATCH * size_of::<AlignmentRecord>()) as u64);
    let result = plan.persistent("aligned faces", 16 * BATCH as u64 * u64::from(size[0] * size[1]));
    let align = Align {
        batch: BATCH as u32,
        size,
        frame: FRAME,
        scale: [1.0; 3],
        shift: [0.0; 3],
        interpolation: Interpolation::Nearest,
    };
    let variant = Align::variant(Precision::F32);
    plan.push(align.step("align", variant, [pixels, images, alignments], result));
    let program = Program::new(device, &plan, &[])?;
    Ok(Ready { program, pixel_bytes, views: [pixels, images, alignments, result] })
}
