//! Cases of cutting aligned faces out of batches of 8-bit images of several sizes. Each image has an alignment of its own.

use lineament::ops::{ALIGN, Align, AlignmentRecord, Interpolation};

use lineament::plan::Variant;

use super::by_shape;
use super::resize_normalise::{draw, in_words, packed};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::align::align;

/// (result, frame, images), each rows and columns.
type Shape = ([u32; 2], [u32; 2], &'static [[usize; 2]]);

/// One pixel, primes, the frame itself, enlarging, shrinking, and several sizes in one batch.
const TESTS: &[Shape] = &[
    ([1, 1], [1, 1], &[[1, 1], [3, 2]]),
    ([7, 5], [7, 5], &[[7, 5], [1, 5], [3, 1], [20, 30], [12, 9], [31, 17]]),
    ([8, 8], [11, 9], &[[9, 8]; 6]),
    ([13, 17], [22, 18], &[[22, 18], [31, 17], [13, 17], [40, 41], [26, 34], [40, 9]]),
    ([16, 16], [5, 7], &[[31, 33]; 5]),
];

/// Eight faces of 400 pixels, and one that is shrunk to a tenth, as in CelebA's frame.
const BENCHMARKS: &[Shape] = &[([128, 128], [218, 178], &[[480, 400]; 8])];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in ALIGN.variants.iter().filter(|variant| context.runs(variant)) {
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let case = |shape, purpose| case(shape, interpolation, variant, purpose);
            cases.extend(by_shape(context, TESTS, BENCHMARKS, case));
        }
    }
    cases
}

/// Returns the alignment of an image. In turn these are: the identity, turned and enlarged, shrunk and turned, partly outside the
/// image, a quarter turn with a factor between pixels, and shrunk to a fifth.
fn alignment(image: usize, [height, width]: [usize; 2]) -> AlignmentRecord {
    let [h, w] = [height as f32, width as f32];
    let (matrix, spread) = [
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1.0),
        ([[0.6, -0.2, 0.3 * h], [0.2, 0.6, 0.1 * w]], 1.0),
        ([[1.5, 0.5, -0.1 * h], [-0.5, 1.5, 0.2 * w]], 1.581),
        ([[0.9, 0.3, 0.6 * h], [-0.3, 0.9, -0.8 * w]], 1.0),
        ([[0.0, 0.75, 0.25], [-0.75, 0.0, h - 1.5]], 1.0),
        ([[5.1, 0.0, -1.0], [0.0, 5.1, -3.0]], 5.1),
    ][image % 6];
    AlignmentRecord { matrix, spread, unused: 0 }
}

fn case((size, frame, images): Shape, interpolation: Interpolation, variant: &'static Variant, purpose: Purpose) -> Case {
    let [rows, columns] = size;
    let name = format!("{} to {}x{} in {rows}x{columns} {interpolation:?}", in_words(images), frame[0], frame[1]);
    let mut case = Case::new(ALIGN.name, variant.name, name, purpose);
    let pictures = draw(8, images);
    let (pixels, records) = packed(&pictures);
    let alignments: Vec<AlignmentRecord> = images.iter().enumerate().map(|(at, size)| alignment(at, *size)).collect();
    let (scale, shift) = ([1.0 / 127.5, 1.0 / 58.0, 1.0 / 255.0], [-1.0, -2.1, 0.25]);
    let shape = Align { batch: images.len() as u32, size, frame, scale, shift, interpolation };
    let views = [case.input("pixels", &pixels), case.input("images", &records), case.input("alignments", &alignments)];
    let elements = images.len() * (rows * columns * 4) as usize;
    let expected = move || align(shape, &pictures, &alignments);
    let y = case.output("y", elements, Bounds::stored(variant.precision(), 5e-5), Box::new(expected));
    case.plan.push(shape.step(ALIGN.name, variant, views, y));
    case
}
