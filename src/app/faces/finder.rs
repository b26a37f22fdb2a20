//! Finds the faces in photographs of any size.

use crate::data::Rgb8Image;
use crate::nn::face_detector::{Alignment, Face, FaceAligner, FaceDetector, STRIDES, decode, suppress};
use crate::nn::{ModelError, weights};
use crate::ops::{PixelFormat, ResizeArea};
use crate::plan::{Plan, View};
use crate::profiles::Device;
use crate::scheduler::Program;

use super::levels::{BYTES_A_PIXEL, least_face, levels, padded};
use crate::app::error::Error;
use crate::app::open::model_path;

/// Faces that overlap a better one by more than this share are the same face.
const MOST_OVERLAP: f32 = 0.45;
/// The angle in degrees from which a face is looked at once more, upright. The detector places eyes and mouth less exactly in
/// turned faces.
const TURNED: f64 = 10.0;
/// Number of sizes of photographs for which programs are kept.
const KEPT_PROGRAMS: usize = 4;

/// How faces are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceOptions {
    /// The least score of a face, from 0 to 1.
    pub threshold: f32,
    /// The width in pixels of the smallest face to look for. `None` looks for faces of at least a 50th of the photograph's longer
    /// side. Faces of fewer than 20 pixels are often not found.
    pub smallest: Option<u32>,
}

impl Default for FaceOptions {
    fn default() -> FaceOptions {
        FaceOptions { threshold: 0.8, smallest: None }
    }
}

/// A face in a photograph, and how it is cut out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundFace {
    /// Box, score and landmarks.
    pub face: Face,
    /// How the aligned face lies in the photograph. If the face is turned, it follows from a second look at the face upright, and
    /// not from the landmarks above.
    pub alignment: Alignment,
}

/// Finds the faces in photographs. Programs are kept, so that photographs of equal size are compiled for once.
///
/// ```no_run
/// use lineament::app::FaceOptions;
/// use lineament::{AdapterRequest, Device, FaceFinder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::open(&AdapterRequest::default())?;
/// let mut finder = FaceFinder::open(&device, FaceOptions::default())?;
/// for found in finder.find(&lineament::data::decode("group.jpg".as_ref())?)? {
///     println!("{:?} with score {}", found.face.bounds, found.face.score);
/// }
/// # Ok(())
/// # }
/// ```
pub struct FaceFinder<'a> {
    device: &'a Device,
    detector: FaceDetector,
    options: FaceOptions,
    aligner: FaceAligner,
    /// The least width of faces that were found, if the adapter allowed no finer search than that.
    limited: Option<u32>,
    /// The programs by size, the one used last at the end.
    programs: Vec<Programs>,
}

/// The programs for photographs whose levels have the same sizes.
struct Programs {
    /// Height and width of the detector's inputs, the finest first.
    levels: Vec<[u32; 2]>,
    /// Bytes of pixels that are uploaded at once.
    pixel_bytes: u64,
    /// Shrinks the photograph, or a band of its rows, to the finest level.
    shrink: Program,
    pixels: View,
    /// Shrinks the finest level to the others and runs the detector on all.
    detect: Program,
    /// The results of each level at each stride.
    results: Vec<[View; 3]>,
    /// The steps that shrink the finest level to the others.
    steps: Vec<usize>,
}

impl<'a> FaceFinder<'a> {
    /// Returns a finder with the shipped detector.
    ///
    /// # Errors
    /// The detector's file is not found or cannot be used, or the threshold is not from 0 to 1.
    pub fn open(device: &'a Device, options: FaceOptions) -> Result<FaceFinder<'a>, Error> {
        let detector = FaceDetector::open(&model_path(None, weights::FACE_DETECTOR)?)?;
        FaceFinder::new(device, detector, options)
    }

    /// Returns a finder with the given detector.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the threshold is not from 0 to 1.
    pub fn new(device: &'a Device, detector: FaceDetector, options: FaceOptions) -> Result<FaceFinder<'a>, Error> {
        if !(0.0..=1.0).contains(&options.threshold) {
            let problem = format!("the least score of a face is {}; choose a number from 0 to 1", options.threshold);
            return Err(Error::Misuse(problem));
        }
        Ok(FaceFinder { device, detector, options, aligner: FaceAligner::default(), limited: None, programs: Vec::new() })
    }

    /// Returns the detector.
    pub fn detector(&self) -> &FaceDetector {
        &self.detector
    }

    /// Returns the options.
    pub fn options(&self) -> FaceOptions {
        self.options
    }

    /// Returns the width in pixels below which faces were not found in some photograph, although the options ask for smaller
    /// ones: a finer search would exceed the adapter's limits.
    pub fn limited(&self) -> Option<u32> {
        self.limited
    }

    /// Returns the faces in a photograph, the largest first.
    ///
    /// # Errors
    /// The device fails.
    pub fn find(&mut self, photograph: &Rgb8Image) -> Result<Vec<FoundFace>, Error> {
        let aligned = |face: Face| Alignment::of(&face).map(|alignment| FoundFace { face, alignment });
        let mut found: Vec<FoundFace> = self.detect(photograph)?.into_iter().filter_map(aligned).collect();
        let turned = found.iter_mut().filter(|found| found.alignment.angle().abs() > TURNED);
        let turned: Vec<&mut FoundFace> = turned.collect();
        let cuts: Vec<_> = turned.iter().map(|found| found.alignment.cut(photograph)).collect();
        let upright = self.aligner.aligned(self.device, &cuts)?;
        for (found, picture) in turned.into_iter().zip(&upright) {
            if let Some(again) = self.detect(picture)?.first() {
                let landmarks =
                    again.landmarks.map(|place| found.alignment.place(place.map(f64::from)).map(|value| value as f32));
                found.alignment = Alignment::of(&Face { landmarks, ..found.face }).unwrap_or(found.alignment);
            }
        }
        Ok(found)
    }

    /// Returns the faces as the detector places them, the largest first.
    fn detect(&mut self, photograph: &Rgb8Image) -> Result<Vec<Face>, Error> {
        let source = [photograph.height, photograph.width];
        let binding = self.device.capabilities().binding_bytes;
        let inner = levels(source, self.options.smallest, binding);
        if let Some(wanted) = self.options.smallest {
            let least = least_face(source, inner[0]);
            // Sizes are whole pixels, so a face can be off by a few percent.
            if u64::from(least) * 100 > u64::from(wanted.max(least_face(source, source))) * 105 {
                self.limited = self.limited.max(Some(least));
            }
        }
        let row_bytes = 3 * u64::from(photograph.width);
        let bytes = (row_bytes * u64::from(photograph.height)).next_multiple_of(4);
        let pixel_bytes = bytes.next_power_of_two().min(binding / 4 * 4);
        let finest =
            ResizeArea { source, pitch: photograph.width, inner: inner[0], size: padded(inner[0]), format: PixelFormat::Bytes };
        let bands = finest.bands((pixel_bytes / row_bytes) as u32);
        let threshold = self.options.threshold;
        let device = self.device;
        let programs = self.programs_for(&inner, pixel_bytes)?;
        for band in &bands {
            let rows = band.source.start as usize * row_bytes as usize..band.source.end as usize * row_bytes as usize;
            write_bytes(device, &programs.shrink, programs.pixels, &photograph.pixels[rows]);
            programs.shrink.set_params(device, 0, &finest.params(band));
            programs.shrink.run(device)?;
        }
        for (step, level) in programs.steps.iter().zip(&inner[1..]) {
            // The finest level is padded, so its rows are wider than the photograph in it.
            let (pitch, size) = (finest.size[1], padded(*level));
            let coarser = ResizeArea { source: inner[0], pitch, inner: *level, size, format: PixelFormat::Floats };
            programs.detect.set_params(device, *step, &coarser.params(&coarser.whole()));
        }
        programs.detect.run(device)?;
        let mut pending = Vec::new();
        for (index, results) in programs.results.iter().enumerate() {
            for (stride, view) in STRIDES.into_iter().zip(results) {
                pending.push((index, stride, programs.detect.read_later(device, *view)?));
            }
        }
        let mut of_levels = vec![Vec::new(); inner.len()];
        for (index, stride, read) in pending {
            let values: Vec<f32> = read.take(device).map_err(ModelError::from)?;
            let level = inner[index];
            let [down, across] = [0, 1].map(|axis| source[axis] as f32 / level[axis] as f32);
            let found = decode(&values, padded(level)[1] / stride, stride, threshold);
            of_levels[index].extend(found.into_iter().map(|face| face.scaled([across, down])));
        }
        let mut faces: Vec<Face> = Vec::new();
        for of_level in of_levels {
            // A finer level says more exactly where a face lies, so a coarser one only adds what is not found there.
            let mut more = suppress(of_level, MOST_OVERLAP);
            more.retain(|face| faces.iter().all(|finer| finer.overlap(face) <= MOST_OVERLAP));
            faces.append(&mut more);
        }
        faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
        Ok(faces)
    }

    /// Returns the programs for a photograph with these levels and so many bytes of pixels at once. Compiles them if there are
    /// none.
    fn programs_for(&mut self, inner: &[[u32; 2]], pixel_bytes: u64) -> Result<&Programs, Error> {
        let levels: Vec<[u32; 2]> = inner.iter().copied().map(padded).collect();
        let known = self.programs.iter().position(|programs| programs.levels == levels && programs.pixel_bytes == pixel_bytes);
        let programs = match known {
            Some(at) => self.programs.remove(at),
            None => {
                // The memory of the oldest programs is freed before that of the new ones is allocated.
                self.programs.drain(..self.programs.len().saturating_sub(KEPT_PROGRAMS - 1));
                self.compile(levels, pixel_bytes)?
            }
        };
        self.programs.push(programs);
        Ok(&self.programs[self.programs.len() - 1])
    }

    fn compile(&self, levels: Vec<[u32; 2]>, pixel_bytes: u64) -> Result<Programs, Error> {
        let (device, profile) = (self.device, self.device.profile());
        let bytes = |[height, width]: [u32; 2]| BYTES_A_PIXEL * u64::from(height) * u64::from(width);
        let mut plan = Plan::new("shrink photograph");
        let pixels = plan.persistent("pixels", pixel_bytes);
        let image = plan.persistent("photograph", bytes(levels[0]));
        plan.push(unknown_size(levels[0], PixelFormat::Bytes).step("shrink photograph", pixels, image));
        let shrink = Program::new(device, &plan, &[]).map_err(ModelError::from)?;
        let Some(buffer) = shrink.buffer(image.tensor) else { unreachable!("the photograph is a persistent tensor") };

        let mut plan = Plan::new("face detector");
        let (weights, values) = self.detector.plan_weights(&mut plan);
        let first = plan.persistent("photograph", bytes(levels[0]));
        let (mut results, mut steps) = (Vec::new(), Vec::new());
        for (index, size) in levels.iter().copied().enumerate() {
            let mut image = first;
            if index > 0 {
                image = plan.transient("smaller photograph", bytes(size));
                steps.push(plan.steps().len());
                plan.push(unknown_size(size, PixelFormat::Floats).step("shrink photograph", first, image));
            }
            results.push(self.detector.plan(&mut plan, profile, size, weights, image));
        }
        let detect = Program::new(device, &plan, &[(first, buffer)]).map_err(ModelError::from)?;
        detect.write(device, weights, &values);
        Ok(Programs { levels, pixel_bytes, shrink, pixels, detect, results, steps })
    }
}

/// Returns the operation that shrinks a photograph to a part of `size`. The photograph's own size is set before each run.
fn unknown_size(size: [u32; 2], format: PixelFormat) -> ResizeArea {
    ResizeArea { source: size, pitch: size[1], inner: size, size, format }
}

/// Writes bytes to the start of a tensor. The last word is filled up with zeros.
fn write_bytes(device: &Device, program: &Program, view: View, bytes: &[u8]) {
    let whole = bytes.len() / 4 * 4;
    program.write(device, view, &bytes[..whole]);
    if whole < bytes.len() {
        let mut last = [0; 4];
        last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
        program.write(device, View { offset: view.offset + whole as u64, bytes: 4, ..view }, &last);
    }
}
