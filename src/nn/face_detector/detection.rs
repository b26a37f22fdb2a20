//! From the network's values to faces.

use super::VALUES;
use crate::ops::Activation;

/// A face in an image. All places are in pixels of the image, from its top left corner, and may lie outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// The box: left, top, width and height.
    pub bounds: [f32; 4],
    /// How sure the detector is, from 0 to 1.
    pub score: f32,
    /// x and y of the right eye, the left eye, the tip of the nose, and the right and the left corner of the mouth. Right and
    /// left are the person's own.
    pub landmarks: [[f32; 2]; 5],
}

impl Face {
    /// Returns the area of the box in pixels.
    pub fn area(&self) -> f32 {
        self.bounds[2] * self.bounds[3]
    }

    /// Returns this face in an image that is larger by the factor `factor` \[across, down\].
    pub fn scaled(self, [across, down]: [f32; 2]) -> Face {
        let [left, top, width, height] = self.bounds;
        Face {
            bounds: [left * across, top * down, width * across, height * down],
            landmarks: self.landmarks.map(|[x, y]| [x * across, y * down]),
            ..self
        }
    }

    /// Returns the area that two boxes share, divided by the area that they cover together.
    pub fn overlap(&self, other: &Face) -> f32 {
        let shared = |axis: usize| {
            let end = (self.bounds[axis] + self.bounds[axis + 2]).min(other.bounds[axis] + other.bounds[axis + 2]);
            (end - self.bounds[axis].max(other.bounds[axis])).max(0.0)
        };
        let both = shared(0) * shared(1);
        both / (self.area() + other.area() - both)
    }
}

/// Returns the faces with a score of at least `threshold` among the network's values \[rows, `columns`, [`VALUES`]\] at places
/// that lie `stride` pixels apart.
///
/// The score is √(σ(class) · σ(object)). The centre of the box is the place plus offset · stride, and its size e^value · stride;
/// a landmark is the place plus offset · stride.
pub fn decode(values: &[f32], columns: u32, stride: u32, threshold: f32) -> Vec<Face> {
    let stride = stride as f32;
    let sigmoid = |value: f32| Activation::Sigmoid.value(f64::from(value));
    let mut faces = Vec::new();
    for (at, place) in values.chunks_exact(VALUES).enumerate() {
        let score = (sigmoid(place[0]) * sigmoid(place[1])).sqrt() as f32;
        if score.is_nan() || score < threshold {
            continue;
        }
        let [column, row] = [at % columns as usize, at / columns as usize].map(|index| index as f32);
        let centre = [(column + place[2]) * stride, (row + place[3]) * stride];
        let [width, height] = [place[4].exp() * stride, place[5].exp() * stride];
        let landmark = |index: usize| [(column + place[6 + 2 * index]) * stride, (row + place[7 + 2 * index]) * stride];
        let face = Face {
            bounds: [centre[0] - width / 2.0, centre[1] - height / 2.0, width, height],
            score,
            landmarks: [0, 1, 2, 3, 4].map(landmark),
        };
        // A value far outside what training shows can overflow, and such a face cannot be cut out.
        if face.bounds.iter().chain(face.landmarks.iter().flatten()).all(|number| number.is_finite()) {
            faces.push(face);
        }
    }
    faces
}

/// Non-maximum suppression: returns the faces by descending score without those that overlap a better one by more than `most`
/// (intersection over union).
pub fn suppress(mut faces: Vec<Face>, most: f32) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|better| better.overlap(&face) <= most) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(bounds: [f32; 4], score: f32) -> Face {
        Face { bounds, score, landmarks: [[0.0; 2]; 5] }
    }

    #[test]
    fn values_become_boxes_and_landmarks() {
        let mut values = vec![0.0; 6 * VALUES];
        for place in values.chunks_exact_mut(VALUES) {
            place[0] = -20.0;
        }
        // Row 1, column 2 of three.
        let place = &mut values[5 * VALUES..];
        place.copy_from_slice(&[0.0, 1.0, 0.5, -0.25, 2_f32.ln(), 3_f32.ln(), 0.1, 0.2, 1.0, 0.0, 0.0, 0.5, 0.0, 0.0, -1.0, 2.0]);
        let faces = decode(&values, 3, 8, 0.5);
        assert_eq!(faces.len(), 1);
        let expected = (0.5 / (1.0 + (-1_f64).exp())).sqrt() as f32;
        assert!((faces[0].score - expected).abs() < 1e-6);
        let near = |found: &[f32], expected: &[f32]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near(&faces[0].bounds, &[20.0 - 8.0, 6.0 - 12.0, 16.0, 24.0]), "{:?}", faces[0]);
        let landmarks = [16.8, 9.6, 24.0, 8.0, 16.0, 12.0, 16.0, 8.0, 8.0, 24.0];
        assert!(near(faces[0].landmarks.as_flattened(), &landmarks), "{:?}", faces[0]);
        values[5 * VALUES + 4] = 200.0;
        assert!(decode(&values, 3, 8, 0.5).is_empty(), "an infinite box");
        values[5 * VALUES] = f32::NAN;
        assert!(decode(&values, 3, 8, 0.5).is_empty(), "a score that is no number");
    }

    #[test]
    fn of_overlapping_faces_the_best_stays() {
        let faces = vec![
            face([0.0, 0.0, 10.0, 10.0], 0.7),
            face([1.0, 0.0, 10.0, 10.0], 0.9),
            face([8.0, 0.0, 10.0, 10.0], 0.6),
            face([100.0, 0.0, 10.0, 10.0], 0.8),
        ];
        let kept = suppress(faces.clone(), 0.45);
        assert_eq!(kept, [faces[1], faces[3], faces[2]]);
        assert!((faces[0].overlap(&faces[1]) - 90.0 / 110.0).abs() < 1e-6);
        assert_eq!(faces[0].overlap(&faces[3]), 0.0);
    }
}
