//! Running a network over batches of images: pack, upload, run, read back.

use super::ModelError;
use super::dense::Upload;
use crate::data::Rgb8Image;
use crate::device::{DeviceError, PendingRead};
use crate::ops::{ImageRecord, Interpolation, ResizeNormalise};
use crate::plan::{Plan, PlanError, View};
use crate::profiles::{Device, DeviceProfile};
use crate::scheduler::Program;

/// From 8-bit RGB to what the network reads: value · scale + shift, channel by channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Factor for red, green and blue, on values 0 to 255.
    pub scale: [f32; 3],
    /// Added after scaling.
    pub shift: [f32; 3],
}

/// What a batch looks like on its way in.
#[derive(Debug, Clone)]
pub struct BatchShape {
    /// Images a batch.
    pub batch: u32,
    /// Height and width after resizing.
    pub size: u32,
    /// How images are resized.
    pub interpolation: Interpolation,
    /// How their values are scaled.
    pub normalisation: Normalisation,
    /// What it runs on, and what its input is stored as there.
    pub profile: DeviceProfile,
}

/// Appends a network to a plan: from the input \[batch, size, size, 4\] to its result, and what to upload.
pub type BuildNetwork<'a> = dyn Fn(&mut Plan, View) -> (View, Vec<Upload>) + 'a;

/// A network made ready for batches of images of any size.
pub struct ImageRunner<'a> {
    shape: BatchShape,
    build: Box<BuildNetwork<'a>>,
    outputs: usize,
    ready: Option<Ready>,
}

struct Ready {
    program: Program,
    pixel_bytes: u64,
    pixels: View,
    images: View,
    result: View,
}

/// A batch that the device works on: the rows of its parts, and how many images each has.
#[must_use]
pub struct Started {
    parts: Vec<(PendingRead, usize)>,
}

/// Room for the pixels of a batch at first; grown where a batch needs more.
const FIRST_PIXEL_BYTES: u64 = 4 << 20;

impl<'a> ImageRunner<'a> {
    /// A runner of the network that `build` appends, with `outputs` values an image (its rows are padded to four).
    pub fn new(shape: BatchShape, outputs: u32, build: Box<BuildNetwork<'a>>) -> ImageRunner<'a> {
        ImageRunner { shape, build, outputs: outputs as usize, ready: None }
    }

    /// The plan for batches whose pixels take at most `pixel_bytes`.
    pub(crate) fn plan(&self, pixel_bytes: u64) -> (Plan, [View; 3], Vec<Upload>) {
        let BatchShape { batch, size, interpolation, normalisation: Normalisation { scale, shift }, ref profile } = self.shape;
        let mut plan = Plan::new("network");
        let pixels = plan.persistent("pixels", pixel_bytes);
        let images = plan.persistent("image records", u64::from(batch) * size_of::<ImageRecord>() as u64);
        let input = plan.transient("input", u64::from(batch) * u64::from(size * size) * 4 * profile.precision.bytes());
        let resize = ResizeNormalise { batch, size, scale, shift, interpolation };
        plan.push(resize.step("resize and normalise", resize.variant(profile), [pixels, images], input));
        let (result, uploads) = (self.build)(&mut plan, input);
        (plan, [pixels, images, result], uploads)
    }

    /// The result of up to a batch of images, row by row without padding. With fewer images than a batch the rest of
    /// the GPU's work is thrown away; images with more pixels than the adapter can bind at once are run in parts.
    ///
    /// # Errors
    /// A single image has more pixels than the adapter can bind, or whatever the device reports.
    pub fn run(&mut self, device: &Device, images: &[&Rgb8Image]) -> Result<Vec<f32>, ModelError> {
        let started = self.start(device, images)?;
        self.finish(device, started)
    }

    /// Submits what [`ImageRunner::run`] does, without waiting for it: the next batch can be decoded, packed and uploaded meanwhile.
    ///
    /// # Errors
    /// As [`ImageRunner::run`].
    pub fn start(&mut self, device: &Device, images: &[&Rgb8Image]) -> Result<Started, ModelError> {
        let bytes: u64 = images.iter().map(|image| image.pixels.len().next_multiple_of(4) as u64).sum();
        if images.len() > 1 && bytes > device.capabilities().binding_bytes {
            let (first, second) = images.split_at(images.len() / 2);
            let mut started = self.start(device, first)?;
            started.parts.extend(self.start(device, second)?.parts);
            return Ok(started);
        }
        let (records, bytes) = pack(images, self.shape.batch as usize);
        let ready = self.ready(device, bytes.len() as u64)?;
        ready.program.write(device, ready.pixels, &bytes);
        ready.program.write(device, ready.images, bytemuck::cast_slice(&records));
        ready.program.run(device)?;
        let read = ready.program.read_later(device, ready.result);
        Ok(Started { parts: read.map(|read| (read, images.len())).into_iter().collect() })
    }

    /// The rows of a batch that was started; batches may be finished in any order.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn finish(&self, device: &Device, started: Started) -> Result<Vec<f32>, ModelError> {
        let mut results = Vec::new();
        for (read, images) in started.parts {
            let rows: Vec<f32> = read.take(device)?;
            let stride = rows.len() / self.shape.batch as usize;
            results.extend(rows.chunks_exact(stride).take(images).flat_map(|row| &row[..self.outputs]));
        }
        Ok(results)
    }

    /// A batch that does not fit is refused with the one that would: every activation grows with the batch.
    fn explain(&self, error: DeviceError) -> ModelError {
        match error {
            DeviceError::Plan(PlanError::BindingTooLarge { bytes, limit, .. }) => {
                let fits = u64::from(self.shape.batch) * limit / bytes;
                ModelError::BatchTooLarge { batch: self.shape.batch, fits: fits as u32 }
            }
            other => other.into(),
        }
    }

    fn ready(&mut self, device: &Device, bytes: u64) -> Result<&Ready, ModelError> {
        let fits = self.ready.as_ref().is_some_and(|ready| ready.pixel_bytes >= bytes);
        if !fits {
            self.ready = None;
            let limit = device.capabilities().binding_bytes;
            if bytes > limit {
                return Err(ModelError::TooManyPixels { bytes, limit });
            }
            let pixel_bytes = bytes.next_power_of_two().clamp(FIRST_PIXEL_BYTES, limit / 4 * 4).max(bytes);
            let (plan, [pixels, images, result], uploads) = self.plan(pixel_bytes);
            let program = Program::new(device, &plan, &[]).map_err(|error| self.explain(error))?;
            uploads.iter().for_each(|(view, bytes)| program.write(device, *view, bytes));
            self.ready = Some(Ready { program, pixel_bytes, pixels, images, result });
        }
        self.ready.as_ref().ok_or(ModelError::TooManyPixels { bytes, limit: 0 })
    }
}

/// The bytes of all images, each from a word boundary, and where each lies; the batch is filled up with the first one.
pub(crate) fn pack(images: &[&Rgb8Image], batch: usize) -> (Vec<ImageRecord>, Vec<u8>) {
    let mut records = Vec::with_capacity(batch);
    let mut bytes = Vec::with_capacity(images.iter().map(|image| image.pixels.len() + 3).sum());
    for image in images {
        records.push(ImageRecord { first_word: (bytes.len() / 4) as u32, width: image.width, height: image.height, unused: 0 });
        bytes.extend_from_slice(&image.pixels);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    if let Some(first) = records.first().copied() {
        records.resize(batch, first);
    }
    (records, bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::nn::Model;

    #[test]
    fn batches_on_their_way_keep_their_own_rows() {
        let device = Device::open(&Default::default()).expect("an adapter; run tools/setup");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mobilenet_v2_celeba.safetensors");
        let model = Model { size: 96, ..Model::open(&path, None).expect("the shipped model") };
        let image = |width: u32, factor: usize| Rgb8Image {
            width,
            height: 1200,
            pixels: (0..width as usize * 3600).map(|at| (at * factor % 251) as u8).collect(),
        };
        // The last is larger than what there is room for at first, so that the program is made anew under way.
        let images = [image(90, 31), image(91, 57), image(1300, 13)];
        let mut runner = model.runner(&device, 2, Interpolation::Nearest);
        let alone = images.each_ref().map(|image| runner.run(&device, &[image]).expect("attributes"));
        assert!(alone[0] != alone[1] && alone[1] != alone[2] && alone[0].len() == 37);
        let mut runner = model.runner(&device, 2, Interpolation::Nearest);
        let started = images.each_ref().map(|image| runner.start(&device, &[image]).expect("a batch under way"));
        let mut finished: Vec<_> =
            started.into_iter().rev().map(|one| runner.finish(&device, one).expect("attributes")).collect();
        finished.reverse();
        assert_eq!(finished, alone);
    }
}
