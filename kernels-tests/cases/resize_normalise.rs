//! Cases of resizing and normalising batches of 8-bit images of several sizes.

use lineament::ops::{ImageRecord, Interpolation, RESIZE_NORMALISE, ResizeNormalise};
use lineament::plan::Variant;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::bits24;
use lineament::ops::reference::resize_normalise::{Picture, resize_normalise};

/// (output size, (rows, columns) of each image): one pixel, primes, enlarging, shrinking, the same size, and several sizes in
/// one batch.
const TESTS: &[(u32, &[[usize; 2]])] = &[
    (1, &[[1, 1]]),
    (7, &[[1, 1], [1, 5], [3, 1]]),
    (8, &[[8, 8]]),
    (13, &[[2, 3], [31, 17], [13, 13], [5, 41]]),
    (32, &[[31, 33], [64, 16]]),
    (50, &[[7, 11]]),
    // Images so high that only the rows that are read need to be stored.
    (8, &[[17, 8], [163, 5], [40, 31]]),
    (13, &[[53, 3]]),
];

/// A batch of tiny images that needs more than 65,535 workgroups, so that the grid is folded over two dimensions.
const FOLDED: (u32, &[[usize; 2]]) = (1, &[[1, 2]; 65_540]);

/// Eight images with the size of CelebA's, and one larger photograph.
const BENCHMARKS: &[(u32, &[[usize; 2]])] = &[(224, &[[218, 178]; 8]), (224, &[[1200, 1600]])];

pub fn cases(context: Context) -> Vec<Case> {
    let shapes = if context.purpose == Purpose::Test { TESTS } else { BENCHMARKS };
    let mut cases = Vec::new();
    for variant in RESIZE_NORMALISE.variants.iter().filter(|variant| context.runs(variant)) {
        let suits = |shape: &&(u32, &'static [[usize; 2]])| layer(**shape, Interpolation::Nearest).suits(variant);
        for shape in shapes.iter().filter(suits) {
            let both = [Interpolation::Nearest, Interpolation::Bilinear];
            cases.extend(both.map(|interpolation| case(*shape, interpolation, variant, context.purpose)));
            if context.purpose == Purpose::Test {
                cases.extend(case(*shape, Interpolation::Nearest, variant, Purpose::Test).folded());
                let is_high = |[rows, _]: &[usize; 2]| *rows > 2 * shape.0 as usize;
                if shape.1.iter().all(is_high) {
                    cases.extend(both.map(|interpolation| case_of(*shape, interpolation, variant, Purpose::Test, true)));
                }
            }
        }
        if context.purpose == Purpose::Test && suits(&&FOLDED) {
            cases.push(case(FOLDED, Interpolation::Nearest, variant, Purpose::Test));
        }
    }
    cases
}

fn layer((size, images): (u32, &[[usize; 2]]), interpolation: Interpolation) -> ResizeNormalise {
    let (scale, shift) = ([1.0 / 127.5, 1.0 / 58.0, 1.0 / 255.0], [-1.0, -2.1, 0.25]);
    ResizeNormalise { batch: images.len() as u32, size, scale, shift, interpolation }
}

fn case(shape: (u32, &'static [[usize; 2]]), interpolation: Interpolation, variant: &'static Variant, purpose: Purpose) -> Case {
    case_of(shape, interpolation, variant, purpose, false)
}

/// Returns a case of images. If `windows` is true, each image holds only the three rows that each row of the output reads.
fn case_of(
    (size, images): (u32, &'static [[usize; 2]]),
    interpolation: Interpolation,
    variant: &'static Variant,
    purpose: Purpose,
    windows: bool,
) -> Case {
    let stored = if windows { ", rows that are read" } else { "" };
    let name = format!("{} to {size}x{size} {interpolation:?}{stored}", in_words(images));
    let mut case = Case::new(RESIZE_NORMALISE.name, variant.name, name, purpose);
    let pictures = draw(5, images);
    let (pixels, records) = if windows { packed_windows(&pictures, size as usize) } else { packed(&pictures) };
    let shape = layer((size, images), interpolation);
    let views = [case.input("pixels", &pixels), case.input("images", &records)];
    let elements = images.len() * (size * size * 4) as usize;
    let expected = move || resize_normalise(shape, &pictures);
    let y = case.output("y", elements, Bounds::stored(variant.precision(), 5e-5), Box::new(expected));
    case.plan.push(shape.step(RESIZE_NORMALISE.name, variant, views, y));
    case
}

/// Returns the number of images and their sizes in words. If all have the same size, it is named once.
pub fn in_words(images: &[[usize; 2]]) -> String {
    let equal = images.iter().all(|image| *image == images[0]);
    let named = &images[..if equal { 1 } else { images.len() }];
    let sizes: Vec<String> = named.iter().map(|[rows, columns]| format!("{rows}x{columns}")).collect();
    format!("{} of {}", images.len(), sizes.join(", "))
}

/// Draws images of these sizes, each (rows, columns), from `seed`.
pub fn draw(seed: u64, images: &[[usize; 2]]) -> Vec<Picture> {
    let byte = |image: usize, at: usize| bits24(seed, image as u64, at as u64) as u8;
    let picture = |(index, &size): (usize, &[usize; 2])| Picture {
        size,
        bytes: (0..3 * size[0] * size[1]).map(|at| byte(index, at)).collect(),
    };
    images.iter().enumerate().map(picture).collect()
}

/// Returns what [`packed`] returns, but with three rows for each row of the output: the nearest one and its neighbours.
fn packed_windows(pictures: &[Picture], size: usize) -> (Vec<u8>, Vec<ImageRecord>) {
    let window = |Picture { size: [rows, columns], bytes }: &Picture| {
        let nearest = |i: usize| (2 * i + 1) * rows / (2 * size);
        let read = (0..size).flat_map(|i| nearest(i) - 1..nearest(i) + 2);
        let bytes = read.flat_map(|row| &bytes[3 * columns * row..3 * columns * (row + 1)]).copied().collect();
        Picture { size: [3 * size, *columns], bytes }
    };
    let (pixels, mut records) = packed(&pictures.iter().map(window).collect::<Vec<_>>());
    for (record, picture) in records.iter_mut().zip(pictures) {
        *record = ImageRecord { height: picture.size[0] as u32, windows: 1, ..*record };
    }
    (pixels, records)
}

/// Returns the pixels of all images and the place of each image in them, as the kernels take them. Each image starts at a whole
/// word; the padding before it holds 255, which must not affect the results.
pub fn packed(pictures: &[Picture]) -> (Vec<u8>, Vec<ImageRecord>) {
    let (mut pixels, mut records) = (Vec::new(), Vec::new());
    for Picture { size: [rows, columns], bytes } in pictures {
        let first_word = pixels.len() as u32 / 4;
        records.push(ImageRecord { first_word, width: *columns as u32, height: *rows as u32, windows: 0 });
        pixels.extend_from_slice(bytes);
        pixels.resize(pixels.len().next_multiple_of(4), 255);
    }
    (pixels, records)
}
