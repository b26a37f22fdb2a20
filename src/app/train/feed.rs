//! Brings images to the network's input: packs, uploads, resizes, augments and normalises them.

use std::ops::Range;

use super::augmentation::Augmentation;
use crate::device::Buffer;
use crate::nn::{ModelError, Normalisation, StoredImage, pack};
use crate::ops::{Augment, ImageRecord, TransformRecord};
use crate::plan::{Plan, View};
use crate::profiles::Device;
use crate::scheduler::{Footprint, Program};

/// Initial size of the pixel buffer. It grows if the images of a batch need more.
const FIRST_PIXEL_BYTES: u64 = 8 << 20;

/// The shape of the images that a feed produces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FeedShape {
    /// Number of images in a batch.
    pub batch: u32,
    /// Height and width of the result.
    pub size: u32,
    /// How values are scaled.
    pub normalisation: Normalisation,
}

/// Fills the input of one program with images.
pub(super) struct Feed {
    shape: FeedShape,
    input: Buffer,
    ready: Option<Ready>,
}

struct Ready {
    program: Program,
    pixel_bytes: u64,
    views: [View; 3],
}

impl Feed {
    /// Returns a feed into `input`, shape \[batch, size, size, 4\], with a pixel buffer for images of usual size.
    ///
    /// # Errors
    /// The device fails.
    pub fn new(device: &Device, shape: FeedShape, input: Buffer) -> Result<Feed, ModelError> {
        let ready = Some(shape.program(device, &input, FIRST_PIXEL_BYTES)?);
        Ok(Feed { shape, input, ready })
    }

    /// Submits the work that fills the input with `images`, each transformed by its entry in `augmentations`. If the images have
    /// more pixels than the adapter can bind at once, they are uploaded in several parts.
    ///
    /// # Errors
    /// The device fails.
    pub fn run(&mut self, device: &Device, images: &[StoredImage], augmentations: &[Augmentation]) -> Result<(), ModelError> {
        let size = [self.shape.size; 2];
        let transforms: Vec<TransformRecord> = augmentations.iter().map(|augmentation| augmentation.record(size)).collect();
        let batch = self.shape.batch as usize;
        for part in parts(images, device.capabilities().binding_bytes) {
            let (mut records, bytes) = pack(&images[part.clone()], part.len());
            // The kernel leaves out images that are not there.
            let absent = ImageRecord { first_word: 0, width: 0, height: 0, windows: 0 };
            records.splice(0..0, vec![absent; part.start]);
            records.resize(batch, absent);
            let Ready { program, views: [pixels, places, given], .. } = self.ready(device, bytes.len() as u64)?;
            program.write(device, *pixels, &bytes);
            program.write(device, *places, bytemuck::cast_slice(&records));
            program.write(device, *given, bytemuck::cast_slice(&transforms));
            program.run(device)?;
        }
        Ok(())
    }

    fn ready(&mut self, device: &Device, bytes: u64) -> Result<&Ready, ModelError> {
        let limit = device.capabilities().binding_bytes;
        if bytes > limit {
            return Err(ModelError::TooManyPixels { bytes, limit });
        }
        if self.ready.as_ref().is_none_or(|ready| ready.pixel_bytes < bytes) {
            // The old buffer is freed before the larger one is allocated.
            self.ready = None;
            let pixel_bytes = bytes.next_power_of_two().clamp(FIRST_PIXEL_BYTES, limit / 4 * 4).max(bytes);
            self.ready = Some(self.shape.program(device, &self.input, pixel_bytes)?);
        }
        self.ready.as_ref().ok_or(ModelError::TooManyPixels { bytes, limit })
    }
}

/// Divides images into ranges whose pixels have at most `limit` bytes, except that a single image may have more.
fn parts(images: &[StoredImage], limit: u64) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, image) in images.iter().enumerate() {
        match parts.last_mut() {
            Some(part) if bytes + image.bytes() <= limit => {
                part.end = index + 1;
                bytes += image.bytes();
            }
            _ => {
                parts.push(index..index + 1);
                bytes = image.bytes();
            }
        }
    }
    parts
}

impl FeedShape {
    /// Returns the number of bytes that a feed allocates on the device.
    pub fn device_bytes(&self, device: &Device) -> u64 {
        let (plan, [_, _, _, y]) = self.plan(FIRST_PIXEL_BYTES);
        Footprint::new(device, &plan, &[y], None).bytes
    }

    fn program(&self, device: &Device, input: &Buffer, pixel_bytes: u64) -> Result<Ready, ModelError> {
        let (plan, [pixels, images, given, y]) = self.plan(pixel_bytes);
        let program = Program::new(device, &plan, &[(y, input)])?;
        Ok(Ready { program, pixel_bytes, views: [pixels, images, given] })
    }

    /// Returns the plan with its views: pixels, image records, transforms and the result.
    pub fn plan(&self, pixel_bytes: u64) -> (Plan, [View; 4]) {
        let FeedShape { batch, size, normalisation: Normalisation { scale, shift } } = *self;
        let mut plan = Plan::new("images");
        let each = u64::from(batch);
        let pixels = plan.persistent("pixels", pixel_bytes);
        let images = plan.persistent("image records", each * size_of::<ImageRecord>() as u64);
        let given = plan.persistent("transforms", each * size_of::<TransformRecord>() as u64);
        let y = plan.persistent("input", 16 * each * u64::from(size) * u64::from(size));
        let augment = Augment { batch, height: size, width: size, scale, shift };
        plan.push(augment.step("resize, augment and normalise", pixels, images, given, y));
        (plan, [pixels, images, given, y])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rgb8Image;

    #[test]
    fn parts_are_filled_up_to_the_limit() {
        let image = |width: u32| Rgb8Image { width, height: 1, pixels: vec![0; 3 * width as usize] };
        let images = [4, 4, 4, 1, 40, 1, 1].map(image);
        let stored: Vec<StoredImage> = images.iter().map(StoredImage::from).collect();
        assert_eq!(parts(&stored, 24), [0..2, 2..4, 4..5, 5..7]);
        assert_eq!(parts(&stored, 1), [0..1, 1..2, 2..3, 3..4, 4..5, 5..6, 6..7]);
        assert_eq!(parts(&stored, 10_000), vec![0..7]);
        assert!(parts(&[], 24).is_empty());
    }
}
