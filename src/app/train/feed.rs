//! Brings images to the network's input: packs, uploads, resizes, augments and normalises them.

use super::augmentation::Augmentation;
use crate::data::Rgb8Image;
use crate::device::Buffer;
use crate::nn::{ModelError, Normalisation, pack};
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

    /// Submits the work that fills the input with `images`, each transformed by its entry in `augmentations`.
    ///
    /// # Errors
    /// The images have more pixels than the adapter can bind at once, or the device fails.
    pub fn run(&mut self, device: &Device, images: &[&Rgb8Image], augmentations: &[Augmentation]) -> Result<(), ModelError> {
        let (records, bytes) = pack(images, self.shape.batch as usize);
        let size = [self.shape.size; 2];
        let transforms: Vec<TransformRecord> = augmentations.iter().map(|augmentation| augmentation.record(size)).collect();
        let Ready { program, views: [pixels, images, given], .. } = self.ready(device, bytes.len() as u64)?;
        program.write(device, *pixels, &bytes);
        program.write(device, *images, bytemuck::cast_slice(&records));
        program.write(device, *given, bytemuck::cast_slice(&transforms));
        Ok(program.run(device)?)
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
