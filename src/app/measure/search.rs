//! The work of finding and aligning the faces in a photograph, for timing.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use tempfile::NamedTempFile;

use super::bench::BenchError;
use crate::app::faces::{FaceFinder, FaceOptions};
use crate::data::Rgb8Image;
use crate::nn::face_detector::{Alignment, Face, FaceAligner};
use crate::profiles::Device;

/// Number of faces that are aligned, and the height of each in pixels.
const FACES: u32 = 4;
const FACE_HEIGHT: f32 = 400.0;

/// Height and width of the input of the shipped model.
const INPUT: u32 = 128;

/// Quality of the JPEG, about that of a phone.
const QUALITY: u8 = 90;

/// A photograph with everything that searching it needs.
pub(super) struct FaceSearch<'a> {
    device: &'a Device,
    finder: FaceFinder<'a>,
    aligner: FaceAligner,
    photograph: Rgb8Image,
    alignments: Vec<Alignment>,
}

impl<'a> FaceSearch<'a> {
    /// Returns the search of a made-up photograph of `megapixels` megapixels. There is no face in it; which faces are found does
    /// not affect the time of finding them, and the places of those that are aligned are made up.
    pub fn new(device: &'a Device, megapixels: u32) -> Result<FaceSearch<'a>, BenchError> {
        let failed = |error: crate::app::Error| BenchError::Faces(error.to_string());
        let finder = FaceFinder::open(device, FaceOptions::default()).map_err(failed)?;
        let photograph = photograph(megapixels);
        let alignments = (0..FACES).filter_map(|index| Alignment::of(&face_at(index, &photograph))).collect();
        Ok(FaceSearch { device, finder, aligner: FaceAligner::new([INPUT; 2]), photograph, alignments })
    }

    /// Finds the faces, and cuts the made-up ones out and aligns them to the size of the network's input.
    pub fn run(&mut self) -> Result<(), BenchError> {
        self.finder.find(&self.photograph).map_err(|error| BenchError::Faces(error.to_string()))?;
        let cuts: Vec<_> = self.alignments.iter().map(|alignment| alignment.cut(&self.photograph)).collect();
        self.aligner.aligned(self.device, &cuts)?;
        Ok(())
    }
}

/// Returns one of the faces that are aligned, spread over the photograph.
fn face_at(index: u32, photograph: &Rgb8Image) -> Face {
    let share = (index as f32 + 1.0) / (FACES as f32 + 1.0);
    let middle = [share * photograph.width as f32, share * photograph.height as f32];
    let place = |across: f32, down: f32| [middle[0] + across * FACE_HEIGHT, middle[1] + down * FACE_HEIGHT];
    Face {
        bounds: [middle[0], middle[1], FACE_HEIGHT, FACE_HEIGHT],
        score: 1.0,
        landmarks: [place(-0.2, -0.1), place(0.2, -0.12), place(0.0, 0.1), place(-0.15, 0.25), place(0.15, 0.23)],
    }
}

/// Returns a made-up photograph in the proportions 4 : 3: waves of several lengths.
fn photograph(megapixels: u32) -> Rgb8Image {
    let width = (f64::from(megapixels) * 1e6 * 4.0 / 3.0).sqrt() as u32;
    let height = width / 4 * 3;
    let wave = |at: u32, length: f32| (at as f32 / length).sin();
    let [across, down] = [width, height].map(|size| {
        (0..size).map(|at| wave(at, 7.0) * 12.0 + wave(at, 61.0) * 30.0 + wave(at, 400.0) * 40.0).collect::<Vec<f32>>()
    });
    let pixel = |row: &f32, column: &f32| [0.8, 1.0, 0.6].map(|share| (128.0 + share * (row + column) * 0.7) as u8);
    let pixels = down.iter().flat_map(|row| across.iter().flat_map(move |column| pixel(row, column))).collect();
    Rgb8Image { width, height, pixels }
}

/// Writes the made-up photograph as JPEG to a temporary file.
pub(super) fn photograph_file(megapixels: u32) -> Result<NamedTempFile, BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::Faces(format!("the photograph cannot be written: {error}"));
    let Rgb8Image { width, height, pixels } = photograph(megapixels);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
        .map_err(|error| failed(&error))?;
    let file = NamedTempFile::new().map_err(|error| failed(&error))?;
    std::fs::write(file.path(), bytes).map_err(|error| failed(&error))?;
    Ok(file)
}
