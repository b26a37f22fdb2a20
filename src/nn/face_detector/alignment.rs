//! Alignment of a face as CelebA's authors did it: a similarity transform that brings eyes and mouth to fixed places.

use super::detection::Face;
use crate::data::Rgb8Image;
use crate::ops::AlignmentRecord;

/// Height and width of an aligned face in pixels, as in CelebA.
pub const FRAME: [u32; 2] = [218, 178];

/// The places of the person's right eye, the left eye and the middle of the mouth in an aligned face: x and y in pixels. The
/// centre of the top left pixel is (0, 0).
pub const TARGETS: [[f64; 2]; 3] = [[69.745, 111.0], [107.237, 111.0], [88.432, 152.514]];

/// How an aligned face lies in its image: the similarity transform from the frame of [`FRAME`] pixels to the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alignment {
    /// The complex factor that turns and enlarges, as \[real, imaginary\] for x + i·y.
    factor: [f64; 2],
    /// x and y of the place in the image that corner (0, 0) of the frame shows.
    offset: [f64; 2],
}

impl Alignment {
    /// Returns the alignment of a face. Of all similarity transforms from the image to the frame, it takes the one that brings
    /// both eyes and the middle of the corners of the mouth nearest to their places in the frame by least squares (Umeyama,
    /// 1991), and inverts it. Returns nothing if the three points coincide.
    pub fn of(face: &Face) -> Option<Alignment> {
        let point = |index: usize| face.landmarks[index].map(f64::from);
        let ([right, left], mouth) = ([point(0), point(1)], [point(3), point(4)]);
        let points = [right, left, [0, 1].map(|axis| (mouth[0][axis] + mouth[1][axis]) / 2.0)];
        let mean = |points: [[f64; 2]; 3]| [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / 3.0);
        let (from, to) = (mean(points), mean(TARGETS));
        // In the plane, a similarity transform multiplies complex numbers: to = a · from, with a = Σ conj(z) w / Σ |z|².
        let (mut real, mut imaginary, mut spread) = (0.0, 0.0, 0.0);
        for (point, target) in points.iter().zip(TARGETS) {
            let ([x, y], [u, v]) = ([point[0] - from[0], point[1] - from[1]], [target[0] - to[0], target[1] - to[1]]);
            real += x * u + y * v;
            imaginary += x * v - y * u;
            spread += x * x + y * y;
        }
        let size = real * real + imaginary * imaginary;
        if !(spread > 0.0 && size > 0.0 && size.is_finite()) {
            return None;
        }
        // The inverse factor is 1 / a.
        let factor = [real * spread / size, -imaginary * spread / size];
        let offset = [from[0] - (factor[0] * to[0] - factor[1] * to[1]), from[1] - (factor[1] * to[0] + factor[0] * to[1])];
        Some(Alignment { factor, offset })
    }

    /// Returns x and y in the image of a place (x, y) in the frame.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let ([real, imaginary], [left, top]) = (self.factor, self.offset);
        [real * x - imaginary * y + left, imaginary * x + real * y + top]
    }

    /// Returns the number of pixels of the image that one pixel of the frame is wide.
    pub fn scale(&self) -> f64 {
        self.factor[0].hypot(self.factor[1])
    }

    /// Returns the angle in degrees by which the face is turned clockwise in the image.
    pub fn angle(&self) -> f64 {
        self.factor[1].atan2(self.factor[0]).to_degrees()
    }

    /// Cuts out the part of an image that the frame shows, with what interpolation needs around it. Returns this part, which has
    /// at least one pixel, and how the face lies in it. Rows and columns are only cut where nothing but the image's edge repeats.
    pub fn cut(&self, image: &Rgb8Image) -> (Rgb8Image, AlignmentRecord) {
        let [height, width] = FRAME.map(|size| f64::from(size) - 1.0);
        let corners = [[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]].map(|corner| self.place(corner));
        let spread = self.scale().max(1.0);
        let span = |axis: usize, size: u32| {
            let places = corners.map(|corner| corner[axis]);
            let least = places.into_iter().fold(f64::INFINITY, f64::min) - 2.0 * spread - 1.0;
            let most = places.into_iter().fold(f64::NEG_INFINITY, f64::max) + 2.0 * spread + 1.0;
            let last = f64::from(size - 1);
            // A conversion to an integer saturates.
            (least.floor().clamp(0.0, last) as u32, most.ceil().clamp(0.0, last) as u32)
        };
        let ((left, right), (top, bottom)) = (span(0, image.width), span(1, image.height));
        let part = image.part([left, top], [right - left + 1, bottom - top + 1]);
        let [real, imaginary] = self.factor.map(|part| part as f32);
        let [x, y] = [self.offset[0] - f64::from(left), self.offset[1] - f64::from(top)].map(|offset| offset as f32);
        let matrix = [[real, imaginary, y], [-imaginary, real, x]];
        (part, AlignmentRecord { matrix, spread: spread as f32, unused: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a face whose eyes and mouth lie where `map` puts their places in the frame.
    fn face(map: impl Fn([f64; 2]) -> [f64; 2]) -> Face {
        let [right, left, mouth] = TARGETS.map(map);
        let narrow = |point: [f64; 2]| point.map(|value| value as f32);
        let corners = [[mouth[0] - 9.0, mouth[1] - 2.0], [mouth[0] + 9.0, mouth[1] + 2.0]];
        let landmarks = [narrow(right), narrow(left), [0.0, 0.0], narrow(corners[0]), narrow(corners[1])];
        Face { bounds: [0.0, 0.0, 1.0, 1.0], score: 1.0, landmarks }
    }

    #[test]
    fn a_turned_and_enlarged_face_is_found_as_it_lies() {
        for (scale, degrees, offset) in [(1.0, 0.0, [0.0, 0.0]), (2.5, 30.0, [900.0, -40.0]), (0.3, -170.0, [5.0, 7.0])] {
            let turn = |[x, y]: [f64; 2]| {
                let (sine, cosine) = f64::to_radians(degrees).sin_cos();
                [scale * (cosine * x - sine * y) + offset[0], scale * (sine * x + cosine * y) + offset[1]]
            };
            let alignment = Alignment::of(&face(turn)).expect("an alignment");
            assert!((alignment.scale() - scale).abs() < 1e-4 && (alignment.angle() - degrees).abs() < 1e-3, "{alignment:?}");
            for place in [[0.0, 0.0], [177.0, 0.0], [30.0, 217.0]] {
                let (found, expected) = (alignment.place(place), turn(place));
                assert!((found[0] - expected[0]).abs() < 1e-2 && (found[1] - expected[1]).abs() < 1e-2, "{found:?} {expected:?}");
            }
        }
        let coincident = Face { landmarks: [[3.0, 4.0]; 5], ..face(|place| place) };
        assert_eq!(Alignment::of(&coincident), None);
    }

    #[test]
    fn least_squares_leaves_the_smallest_error_in_the_frame() {
        // Eyes too far apart for the mouth, so no similarity transform fits.
        let wide = face(|[x, y]| [1.3 * (x - 88.0) + 300.0, 0.9 * y + 50.0]);
        let best = Alignment::of(&wide).expect("an alignment");
        let error = |alignment: &Alignment| {
            let [real, imaginary] = alignment.factor;
            let size = real * real + imaginary * imaginary;
            let mouth = [0, 1].map(|axis| (wide.landmarks[3][axis] + wide.landmarks[4][axis]) / 2.0);
            let errors = [wide.landmarks[0], wide.landmarks[1], mouth].into_iter().zip(TARGETS).map(|(point, target)| {
                let [x, y] = [f64::from(point[0]) - alignment.offset[0], f64::from(point[1]) - alignment.offset[1]];
                let place = [(real * x + imaginary * y) / size, (real * y - imaginary * x) / size];
                (place[0] - target[0]).powi(2) + (place[1] - target[1]).powi(2)
            });
            errors.sum::<f64>()
        };
        for (change, axis) in [(1e-3, 0), (-1e-3, 0), (1e-3, 1), (-1e-3, 1)] {
            let (mut turned, mut moved) = (best, best);
            turned.factor[axis] += change;
            moved.offset[axis] += 100.0 * change;
            assert!(error(&best) < error(&turned) && error(&best) < error(&moved));
        }
    }

    #[test]
    fn a_cut_holds_what_the_frame_shows() {
        let image = Rgb8Image { width: 700, height: 500, pixels: (0..700 * 500 * 3).map(|at| (at / 3 % 251) as u8).collect() };
        let alignment = Alignment::of(&face(|[x, y]| [x + 400.0, y + 200.0])).expect("an alignment");
        let (part, record) = alignment.cut(&image);
        // Three pixels on each side, and one more where rounding makes a place lie just outside a whole pixel.
        assert!((184..=186).contains(&part.width) && (224..=226).contains(&part.height), "{} × {}", part.width, part.height);
        assert!((record.spread - 1.0).abs() < 1e-5);
        let [row, column] = [record.matrix[0][2], record.matrix[1][2]].map(|offset| offset.round() as u32);
        assert_eq!(part.part([column, row], [1, 1]), image.part([400, 200], [1, 1]));
        // A face that lies outside the image altogether shows the corner.
        let outside = Alignment::of(&face(|[x, y]| [x - 4000.0, y - 4000.0])).expect("an alignment");
        let (part, _) = outside.cut(&image);
        assert_eq!((part.width, part.height), (1, 1));
    }
}
