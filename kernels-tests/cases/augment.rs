//! Cases of augmenting batches of 8-bit images of several sizes. Each image has a transformation of its own.

use lineament::ops::{AUGMENT, Augment, ImageRecord, TransformRecord};
use lineament::plan::View;

use super::by_shape;
use super::resize_normalise::{draw, in_words, packed};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::augment::augment;

/// (output rows and columns, (rows, columns) of each image).
type Shape = ([u32; 2], &'static [[usize; 2]]);

/// One pixel, primes, enlarging, shrinking, and several sizes in one batch.
const TESTS: &[Shape] = &[
    ([1, 1], &[[1, 1], [3, 2]]),
    ([7, 5], &[[1, 1], [1, 5], [3, 1]]),
    ([8, 8], &[[8, 8]; 8]),
    ([13, 17], &[[2, 3], [31, 17], [13, 17], [5, 41], [26, 34], [40, 9], [1, 64]]),
    ([32, 20], &[[31, 33], [64, 16]]),
];

/// Eight images with the size of CelebA's.
const BENCHMARKS: &[Shape] = &[([224, 224], &[[218, 178]; 8])];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

/// Returns the transformation of an image. In turn these are: the identity, mirrored, a quarter turn, shifted far outside the
/// image, zoomed out, a magnified corner, and rotated and mirrored.
fn transform(image: usize, [height, width]: [u32; 2]) -> TransformRecord {
    let [h, w] = [height as f32, width as f32];
    let matrices = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, 1.0, 0.25], [-1.0, 0.0, h - 1.0]],
        [[1.0, 0.0, 2.0 * h], [0.0, 1.0, -3.0 * w]],
        [[1.19, 0.0, -0.1 * h], [0.01, 0.83, 0.07 * w]],
        [[0.11, 0.02, 0.3], [-0.01, 0.13, 0.6]],
        [[0.95, -0.31, 0.15 * h], [0.29, 1.05, -0.2 * w]],
    ];
    TransformRecord { matrix: matrices[image % 7], mirrored: u32::from(image % 7 % 5 == 1), unused: 0 }
}

fn case(([height, width], images): Shape, purpose: Purpose) -> Case {
    let name = format!("{} to {height}x{width}", in_words(images));
    let mut case = Case::new(AUGMENT.name, AUGMENT.variants[0].name, name, purpose);
    let pictures = draw(6, images);
    let (pixels, records) = packed(&pictures);
    let transforms: Vec<TransformRecord> = (0..images.len()).map(|image| transform(image, [height, width])).collect();
    let (scale, shift) = ([1.0 / 127.5, 1.0 / 58.0, 1.0 / 255.0], [-1.0, -2.1, 0.25]);
    let shape = Augment { batch: images.len() as u32, height, width, scale, shift };
    // In tests, images of even and of odd index are computed by one dispatch each, in which the others are not there.
    let turns = if purpose == Purpose::Test { 2 } else { 1 };
    let records: Vec<Vec<ImageRecord>> = (0..turns)
        .map(|turn| {
            let here = |index: usize| index % turns == turn;
            let absent = |record: &ImageRecord| ImageRecord { width: 0, ..*record };
            records.iter().enumerate().map(|(index, record)| if here(index) { *record } else { absent(record) }).collect()
        })
        .collect();
    let pixels = case.input("pixels", &pixels);
    let records: Vec<View> = records.iter().map(|records| case.input("images", records)).collect();
    let given = case.input("transforms", &transforms);
    let elements = images.len() * (height * width * 4) as usize;
    let expected = move || augment(shape, &pictures, &transforms);
    let y = case.output("y", elements, Bounds::float(1e-11, 5e-5), Box::new(expected));
    for records in records {
        case.plan.push(shape.step(AUGMENT.name, pixels, records, given, y));
    }
    case
}
