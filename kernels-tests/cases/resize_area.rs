//! Images that are shrunk by the mean over areas.

use lineament::ops::{PixelFormat, RESIZE_AREA, ResizeArea, RowBand};

use super::by_shape;
use super::resize_normalise::draw;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::resize_area::resize_area;

/// (image, shrunk image, result), each height and width.
type Shape = ([u32; 2], [u32; 2], [u32; 2]);

/// One pixel, copies with and without padding, whole and broken factors, primes, and a factor for each axis.
const TESTS: &[Shape] = &[
    ([1, 1], [1, 1], [1, 1]),
    ([5, 7], [5, 7], [8, 9]),
    ([12, 16], [3, 4], [4, 4]),
    ([13, 17], [5, 7], [8, 8]),
    ([31, 64], [31, 9], [32, 16]),
    ([41, 23], [13, 22], [16, 32]),
    ([101, 7], [3, 2], [4, 4]),
];

/// A photograph of 12 megapixels, for the face detector at 1024 × 768.
const BENCHMARKS: &[Shape] = &[([3000, 4000], [768, 1024], [768, 1024])];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = by_shape(context, TESTS, BENCHMARKS, |shape, purpose| case(shape, PixelFormat::Bytes, 1, purpose));
    if context.purpose == Purpose::Test {
        cases.extend(TESTS.iter().map(|shape| case(*shape, PixelFormat::Floats, 1, Purpose::Test)));
        let tall = TESTS.iter().filter(|(_, _, size)| size[0] > 2);
        cases.extend(tall.map(|shape| case(*shape, PixelFormat::Bytes, 3, Purpose::Test)));
    }
    cases
}

/// Returns the case of an image that is shrunk in bands of a third of its rows, if `bands` is 3, or at once.
fn case((source, inner, size): Shape, format: PixelFormat, bands: u32, purpose: Purpose) -> Case {
    let [source_text, inner_text, text] = [source, inner, size].map(|[height, width]| format!("{height}x{width}"));
    let in_bands = if bands == 1 { "" } else { " in bands" };
    let name = format!("{source_text} to {inner_text} in {text} of {format:?}{in_bands}");
    let mut case = Case::new(RESIZE_AREA.name, "default", name, purpose);
    // Rows of floats are padded, as those of a larger size of a photograph are.
    let [height, width] = source.map(|size| size as usize);
    let pitch = if format == PixelFormat::Bytes { width } else { width + 3 };
    let shape = ResizeArea { source, pitch: pitch as u32, inner, size, format };
    let pixels: Vec<[f64; 3]> = match format {
        PixelFormat::Bytes => bytes_of(source).chunks_exact(3).map(|rgb| [0, 1, 2].map(|at| f64::from(rgb[at]))).collect(),
        PixelFormat::Floats => {
            let padded = values(24, 0, 4 * height * pitch);
            let rows = padded.chunks_exact(4 * pitch).flat_map(|row| row[..4 * width].chunks_exact(4));
            rows.map(|rgb| [0, 1, 2].map(|at| f64::from(rgb[at]))).collect()
        }
    };
    let bands: Vec<RowBand> = if bands == 1 { vec![shape.whole()] } else { shape.bands(source[0].div_ceil(bands)) };
    let sources: Vec<_> = bands
        .iter()
        .map(|band| match format {
            PixelFormat::Bytes => {
                let [start, end] = [band.source.start, band.source.end].map(|row| 3 * row as usize * width);
                let mut bytes = bytes_of(source)[start..end].to_vec();
                // The rest of the last word must not affect the result.
                bytes.resize(bytes.len().next_multiple_of(4).max(4), 255);
                case.input("source", &bytes)
            }
            PixelFormat::Floats => case.input("source", &values(24, 0, 4 * height * pitch)),
        })
        .collect();
    let elements = (size[0] * size[1] * 4) as usize;
    let expected = move || resize_area(shape, &pixels);
    let scale = if format == PixelFormat::Bytes { 255.0 } else { 1.0 };
    let y = case.output("y", elements, Bounds::float(1e-12, 1e-6 * scale), Box::new(expected));
    for (band, view) in bands.iter().zip(sources) {
        case.plan.push(shape.step_of("resize", band, view, y));
    }
    case
}

fn bytes_of(size: [u32; 2]) -> Vec<u8> {
    draw(7, &[size.map(|size| size as usize)]).remove(0).bytes
}
