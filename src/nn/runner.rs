//! Runs networks on batches of images, or of faces in images: packs and uploads the pixels, runs the plan, and reads the results
//! back.

use super::ModelError;
use super::dense::Upload;
use super::stored_image::{StoredImage, pack};
use crate::data::Rgb8Image;
use crate::device::{DeviceError, PendingRead};
use crate::ops::{Align, AlignmentRecord, ImageRecord, Interpolation, ResizeNormalise};
use crate::plan::{Plan, PlanError, View};
use crate::profiles::{Device, DeviceProfile};
use crate::scheduler::Program;

/// Maps 8-bit RGB values to the network's input: value · scale + shift, channel by channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Factors for red, green and blue. They apply to values from 0 to 255.
    pub scale: [f32; 3],
    /// Offsets for red, green and blue, added after scaling.
    pub shift: [f32; 3],
}

/// The shape of a batch of images, and how images are turned into the network's input.
#[derive(Debug, Clone)]
pub struct BatchShape {
    /// Number of images in a batch, at least 1.
    pub batch: u32,
    /// Height and width of an image after resizing, in pixels.
    pub size: u32,
    /// How pixels are interpolated when an image is resized.
    pub interpolation: Interpolation,
    /// Height and width of the frame in which faces are aligned before they are resized; `None` for whole images.
    pub frame: Option<[u32; 2]>,
    /// How pixel values are scaled.
    pub normalisation: Normalisation,
    /// The device that the network runs on. Its precision is that of the input tensor.
    pub profile: DeviceProfile,
}

/// Appends a network to a plan. The function gets the input \[batch, size, size, 4\] and returns the result
/// \[batch, padded outputs\] and the data to upload before the first run.
pub type BuildNetwork<'a> = dyn Fn(&mut Plan, View) -> (View, Vec<Upload>) + 'a;

/// Runs a network on batches of images. The images may have different sizes. The plan is compiled at the first batch.
pub struct ImageRunner<'a> {
    shape: BatchShape,
    build: Box<BuildNetwork<'a>>,
    outputs: usize,
    ready: Option<Ready>,
}

/// The compiled program and its views.
struct Ready {
    program: Program,
    /// Size in bytes of the tensor of pixels.
    pixel_bytes: u64,
    pixels: View,
    images: View,
    /// The alignments of faces, if the runner takes faces.
    alignments: Option<View>,
    result: View,
}

/// Images that were submitted to the device. Pass them to [`ImageRunner::finish`] to get the results.
#[must_use]
pub struct Started {
    /// The pending results of each part of the images, with the number of images in the part.
    parts: Vec<(PendingRead, usize)>,
}

/// Initial size in bytes of the buffer for the pixels of a batch. A batch with more pixels gets a larger buffer.
const FIRST_PIXEL_BYTES: u64 = 4 << 20;

impl<'a> ImageRunner<'a> {
    /// Creates a runner for the network that `build` appends to a plan. `outputs` is the number of values per image; the
    /// network's rows are padded to a multiple of four.
    pub fn new(shape: BatchShape, outputs: u32, build: Box<BuildNetwork<'a>>) -> ImageRunner<'a> {
        ImageRunner { shape, build, outputs: outputs as usize, ready: None }
    }

    /// Returns the plan for batches with at most `pixel_bytes` bytes of pixels; its views of pixels, image records and result;
    /// the view of alignments, if it takes faces; and the data to upload.
    pub(crate) fn plan(&self, pixel_bytes: u64) -> (Plan, [View; 3], Option<View>, Vec<Upload>) {
        let BatchShape { batch, size, interpolation, frame, normalisation: Normalisation { scale, shift }, ref profile } =
            self.shape;
        let mut plan = Plan::new("network");
        let pixels = plan.persistent("pixels", pixel_bytes);
        let images = plan.persistent("image records", u64::from(batch) * size_of::<ImageRecord>() as u64);
        let input = plan.transient("input", u64::from(batch) * u64::from(size * size) * 4 * profile.precision.bytes());
        let alignments = frame.map(|frame| {
            let alignments = plan.persistent("alignments", u64::from(batch) * size_of::<AlignmentRecord>() as u64);
            let align = Align { batch, size: [size, size], frame, scale, shift, interpolation };
            let variant = Align::variant(profile.precision);
            plan.push(align.step("align and normalise", variant, [pixels, images, alignments], input));
            alignments
        });
        if alignments.is_none() {
            let resize = ResizeNormalise { batch, size, scale, shift, interpolation };
            plan.push(resize.step("resize and normalise", resize.variant(profile), [pixels, images], input));
        }
        let (result, uploads) = (self.build)(&mut plan, input);
        (plan, [pixels, images, result], alignments, uploads)
    }

    /// Runs the network on images and returns the results \[images, outputs\] without padding.
    ///
    /// The GPU always computes a whole batch; results of missing images are discarded. If there are more images than a batch
    /// holds, or more pixels than the adapter can bind at once, the images are run in several parts.
    ///
    /// # Errors
    /// Returns [`ModelError::TooManyPixels`] if a single image has more bytes of pixels than the adapter can bind,
    /// [`ModelError::BatchTooLarge`] if the activations of a batch do not fit a binding, or the device's error.
    pub fn run(&mut self, device: &Device, images: &[&Rgb8Image]) -> Result<Vec<f32>, ModelError> {
        let started = self.start(device, images)?;
        self.finish(device, started)
    }

    /// Submits the work of [`ImageRunner::run`] without waiting for it. Meanwhile the caller can decode and submit the next
    /// images.
    ///
    /// # Errors
    /// Returns the errors of [`ImageRunner::run`].
    pub fn start(&mut self, device: &Device, images: &[&Rgb8Image]) -> Result<Started, ModelError> {
        let stored: Vec<StoredImage> = images.iter().map(|image| StoredImage::from(*image)).collect();
        self.start_stored(device, &stored, &[])
    }

    /// Returns what this runner reads of an image. Large images are smaller in this form.
    pub(crate) fn stored(&self, image: Rgb8Image) -> StoredImage<'static> {
        StoredImage::of(image, self.shape.size, self.shape.interpolation)
    }

    /// Submits the work of [`ImageRunner::start`] for images in the form that [`ImageRunner::stored`] returns. If the images are
    /// faces, each is a whole part of a photograph with an alignment, which says how the face lies in it.
    ///
    /// # Errors
    /// Returns the errors of [`ImageRunner::run`].
    ///
    /// # Panics
    /// Panics if there are alignments, but not one for each image, or no frame in the batch's shape.
    pub(crate) fn start_stored(
        &mut self,
        device: &Device,
        images: &[StoredImage],
        alignments: &[AlignmentRecord],
    ) -> Result<Started, ModelError> {
        assert!(alignments.is_empty() || alignments.len() == images.len(), "each image has an alignment");
        assert!(alignments.is_empty() || self.shape.frame.is_some(), "a runner of faces has a frame");
        if images.is_empty() {
            return Ok(Started { parts: Vec::new() });
        }
        let batch = self.shape.batch as usize;
        let bytes: u64 = images.iter().map(StoredImage::bytes).sum();
        if images.len() > 1 && (images.len() > batch || bytes > device.capabilities().binding_bytes) {
            let half = images.len() / 2;
            let ((first, second), aligned) = (images.split_at(half), alignments.split_at(half.min(alignments.len())));
            let mut started = self.start_stored(device, first, aligned.0)?;
            started.parts.extend(self.start_stored(device, second, aligned.1)?.parts);
            return Ok(started);
        }
        let (records, bytes) = pack(images, batch);
        let ready = self.ready(device, bytes.len() as u64)?;
        ready.program.write(device, ready.pixels, &bytes);
        ready.program.write(device, ready.images, bytemuck::cast_slice(&records));
        if let Some(view) = ready.alignments {
            let mut alignments = alignments.to_vec();
            alignments.resize(batch, AlignmentRecord::UNUSED);
            ready.program.write(device, view, bytemuck::cast_slice(&alignments));
        }
        ready.program.run(device)?;
        let read = ready.program.read_later(device, ready.result)?;
        Ok(Started { parts: vec![(read, images.len())] })
    }

    /// Waits for submitted images and returns their results \[images, outputs\]. Submissions may be finished in any order.
    ///
    /// # Errors
    /// Returns the device's error.
    pub fn finish(&self, device: &Device, started: Started) -> Result<Vec<f32>, ModelError> {
        let mut results = Vec::new();
        for (read, images) in started.parts {
            let rows: Vec<f32> = read.take(device)?;
            let stride = rows.len() / self.shape.batch as usize;
            results.extend(rows.chunks_exact(stride).take(images).flat_map(|row| &row[..self.outputs]));
        }
        Ok(results)
    }

    /// Turns a plan error about a binding that is too large into one that names the largest batch that fits. Activations
    /// grow in proportion to the batch, so that batch can be computed. If not even one image fits, the plan's error remains.
    fn explain(&self, error: DeviceError) -> ModelError {
        let batch = self.shape.batch;
        if let DeviceError::Plan(PlanError::BindingTooLarge { bytes, limit, .. }) = &error {
            let fits = (u64::from(batch) * limit / bytes) as u32;
            if fits > 0 {
                return ModelError::BatchTooLarge { batch, fits };
            }
        }
        error.into()
    }

    /// Returns the compiled program with room for `bytes` bytes of pixels. Compiles a new one if there is none or it is too
    /// small.
    fn ready(&mut self, device: &Device, bytes: u64) -> Result<&Ready, ModelError> {
        // A program that is too small is dropped here, before the memory of the next one is allocated.
        let ready = match self.ready.take().filter(|ready| ready.pixel_bytes >= bytes) {
            Some(ready) => ready,
            None => self.compile(device, bytes)?,
        };
        Ok(self.ready.insert(ready))
    }

    /// Compiles the program with room for at least `bytes` bytes of pixels, and uploads its weights.
    fn compile(&self, device: &Device, bytes: u64) -> Result<Ready, ModelError> {
        let limit = device.capabilities().binding_bytes;
        if bytes > limit {
            return Err(ModelError::TooManyPixels { bytes, limit });
        }
        let pixel_bytes = bytes.next_power_of_two().clamp(FIRST_PIXEL_BYTES, limit / 4 * 4).max(bytes);
        let (plan, [pixels, images, result], alignments, uploads) = self.plan(pixel_bytes);
        let program = Program::new(device, &plan, &[]).map_err(|error| self.explain(error))?;
        uploads.iter().for_each(|(view, bytes)| program.write(device, *view, bytes));
        Ok(Ready { program, pixel_bytes, pixels, images, alignments, result })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::nn::Model;

    #[test]
    fn batches_in_flight_keep_their_own_results() {
        let Some(device) = crate::testing::device() else { return };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mobilenet_v2_celeba.safetensors");
        let model = Model { size: 96, ..Model::open(&path, None).expect("the shipped model") };
        let image = |width: u32, factor: usize| Rgb8Image {
            width,
            height: 1200,
            pixels: (0..width as usize * 3600).map(|at| (at * factor % 251) as u8).collect(),
        };
        // The last image exceeds the initial pixel buffer, so the program is compiled again while other batches are in flight.
        let images = [image(90, 31), image(91, 57), image(1300, 13)];
        let mut runner = model.runner(&device, 2, Interpolation::Nearest);
        let alone = images.each_ref().map(|image| runner.run(&device, &[image]).expect("attributes"));
        assert!(alone[0] != alone[1] && alone[1] != alone[2] && alone[0].len() == 37);
        let mut runner = model.runner(&device, 2, Interpolation::Nearest);
        let started = images.each_ref().map(|image| runner.start(&device, &[image]).expect("a submitted batch"));
        let mut finished: Vec<_> =
            started.into_iter().rev().map(|one| runner.finish(&device, one).expect("attributes")).collect();
        finished.reverse();
        assert_eq!(finished, alone);
        // A large image is uploaded in part, with the same result.
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let mut runner = model.runner(&device, 1, interpolation);
            let whole = runner.run(&device, &[&images[2]]).expect("attributes");
            let stored = runner.stored(images[2].clone());
            assert!(stored.bytes() < images[2].pixels.len() as u64 / 2);
            let started = runner.start_stored(&device, &[stored], &[]).expect("a submitted image");
            assert_eq!(runner.finish(&device, started).expect("attributes"), whole, "{interpolation:?}");
        }
        // Three images exceed the batch of two, so they are run in two parts.
        let together = runner.run(&device, &images.each_ref()).expect("attributes");
        assert_eq!(together, alone.concat());
        assert!(runner.run(&device, &[]).expect("no images").is_empty());
    }
}
