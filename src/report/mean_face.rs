//! Computes the mean face of a cluster, which the paper's software calls an "eigenface".

use image::{Rgb, RgbImage};

use super::contact_sheet::jpeg_data_uri;
use super::{ReportError, resize};

/// Width and height of a mean face in pixels. CelebA's aligned faces have this size, so they are not resized.
pub(super) const SIZE: (u32, u32) = (178, 218);
const JPEG_QUALITY: u8 = 86;

/// The sum of the pixels of many faces that were resized to one size.
///
/// The paper's software calls the mean of these faces an eigenface, but the picture it shows is the mean that a principal
/// component analysis subtracts, not a component. The sums are integers, so their order does not change the result and
/// several threads can add faces to sums of their own.
pub(super) struct MeanFace {
    width: u32,
    height: u32,
    sums: Vec<u64>,
    faces: u64,
}

impl MeanFace {
    /// Returns a sum of no faces. Faces are resized to the given width and height in pixels when they are added.
    pub(super) fn new((width, height): (u32, u32)) -> Self {
        Self { width, height, sums: vec![0; width as usize * height as usize * 3], faces: 0 }
    }

    /// Adds a face, stretched to the common size as in the paper's software.
    pub(super) fn add(&mut self, face: &RgbImage) {
        let resized = resize::fit(face, self.width, self.height);
        for (sum, &value) in self.sums.iter_mut().zip(resized.as_raw()) {
            *sum += u64::from(value);
        }
        self.faces += 1;
    }

    /// Adds all faces of another sum of the same size.
    pub(super) fn merge(mut self, other: &Self) -> Self {
        for (sum, value) in self.sums.iter_mut().zip(&other.sums) {
            *sum += value;
        }
        self.faces += other.faces;
        self
    }

    /// Returns the mean of each pixel in [0, 1], shape `[height, width, 3]`, or `None` if there are no faces.
    pub(super) fn mean(&self) -> Option<Vec<f64>> {
        let scale = 1.0 / (255.0 * self.faces as f64);
        (self.faces > 0).then(|| self.sums.iter().map(|&sum| sum as f64 * scale).collect())
    }

    /// Returns the mean face as a JPEG data URI, or `None` if there are no faces.
    ///
    /// # Errors
    /// Returns [`ReportError::Encode`] if the encoder fails.
    pub(super) fn data_uri(&self) -> Result<Option<String>, ReportError> {
        let Some(mean) = self.mean() else {
            return Ok(None);
        };
        let byte = |value: f64| (value * 255.0).round() as u8;
        let picture = RgbImage::from_fn(self.width, self.height, |x, y| {
            let first = (y as usize * self.width as usize + x as usize) * 3;
            Rgb([byte(mean[first]), byte(mean[first + 1]), byte(mean[first + 2])])
        });
        jpeg_data_uri(&picture, JPEG_QUALITY).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a picture of one colour. Its size differs from that of a mean face, so it must be resized.
    fn plain(value: u8) -> RgbImage {
        RgbImage::from_pixel(31, 7, Rgb([value, value / 2, 255 - value]))
    }

    #[test]
    fn mean_of_plain_faces_is_their_mean() {
        let mut sum = MeanFace::new(SIZE);
        for value in [10, 20, 90] {
            sum.add(&plain(value));
        }
        let mean = sum.mean().expect("three faces have a mean");
        for pixel in mean.chunks_exact(3) {
            for (found, expected) in pixel.iter().zip([40.0, 20.0, 215.0]) {
                assert!((found * 255.0 - expected).abs() < 1e-9, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn order_and_grouping_do_not_matter() {
        let faces = [plain(3), plain(200), plain(77), plain(254)];
        let mut together = MeanFace::new(SIZE);
        faces.iter().for_each(|face| together.add(face));
        let (mut left, mut right) = (MeanFace::new(SIZE), MeanFace::new(SIZE));
        right.add(&faces[0]);
        right.add(&faces[3]);
        left.add(&faces[2]);
        left.add(&faces[1]);
        assert_eq!(left.merge(&right).sums, together.sums);
    }

    /// Compares the mean with the means that the PCA of scikit-learn and of OpenCV subtract.
    #[test]
    fn means_agree_with_golden_data() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/pca");
        let read = |name: &str| std::fs::read(folder.join(name)).expect("golden data");
        let (many, few) = (read("eigenface.safetensors"), read("eigenface_few.safetensors"));
        let many = safetensors::SafeTensors::deserialize(&many).expect("safetensors");
        let few = safetensors::SafeTensors::deserialize(&few).expect("safetensors");
        let images = many.tensor("images").expect("the images");
        let cases = [(&many, "mean", 40), (&many, "mean_cv2_float32", 40), (&few, "mean_3", 3), (&few, "mean_1", 1)];
        for (file, name, faces) in cases {
            let mut sum = MeanFace::new((32, 32));
            for pixels in images.data().chunks_exact(32 * 32 * 3).take(faces) {
                sum.add(&RgbImage::from_raw(32, 32, pixels.to_vec()).expect("an image of 32 × 32"));
            }
            let golden = file.tensor(name).expect("a golden mean");
            let golden = golden.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            let mean = sum.mean().expect("faces have a mean");
            assert_eq!(golden.len(), mean.len());
            let largest = golden.zip(&mean).map(|(expected, found)| (expected - found).abs()).fold(0.0, f64::max);
            assert!(largest < 1e-6, "{name}: largest difference {largest}");
        }
    }

    #[test]
    fn no_faces_have_no_mean() {
        assert!(MeanFace::new(SIZE).mean().is_none());
        assert!(MeanFace::new(SIZE).data_uri().expect("nothing to encode").is_none());
    }
}
