//! Computes pictures of the principal components of a cluster's faces, known as eigenfaces.
//!
//! The paper speaks of eigenfaces too, but its software shows only the mean face (see [`super::mean_face`]).

use image::{Rgb, RgbImage};

use super::contact_sheet::jpeg_data_uri;
use super::{ReportError, resize};
use crate::cluster::principal_components;
use crate::profiles::Device;

/// Width and height in pixels to which faces are resized before the components are computed: half the size of CelebA's faces.
const SIZE: (u32, u32) = (89, 109);
/// Largest number of faces of a cluster from which components are computed. It bounds the memory that a large cluster needs.
pub(super) const FACES: usize = 512;
/// Number of components that the page shows for each cluster.
const COMPONENTS: usize = 3;
const JPEG_QUALITY: u8 = 80;

/// The first principal components of a set of faces.
pub(super) struct Eigenfaces {
    /// Number of faces from which the components were computed.
    pub faces: usize,
    /// At most [`COMPONENTS`] components by decreasing variance; fewer if there are too few faces.
    pub components: Vec<Component>,
}

/// One principal component.
pub(super) struct Component {
    /// Picture of the component as a data URI. Entries that are zero are grey.
    pub picture: String,
    /// Share of the variance of the faces that the component explains, in [0, 1].
    pub share: f64,
}

/// Returns the positions, in ascending order, of the faces to compute components from in a cluster of `faces` faces: all
/// positions, or [`FACES`] evenly spread ones.
pub(super) fn chosen(faces: usize) -> Vec<usize> {
    let taken = faces.min(FACES);
    (0..taken).map(|index| index * faces / taken).collect()
}

/// Returns the pixels of a face resized to [`SIZE`], shape `[109, 89, 3]`.
pub(super) fn pixels(face: &RgbImage) -> Vec<u8> {
    resize::fit(face, SIZE.0, SIZE.1).into_owned().into_raw()
}

/// Computes the first principal components of `faces`, which holds the [`pixels`] of one face after the other.
///
/// # Errors
/// Returns [`ReportError::Components`] if the GPU cannot compute them, and [`ReportError::Encode`] if the encoder fails.
pub(super) fn eigenfaces(device: &Device, faces: &[u8]) -> Result<Eigenfaces, ReportError> {
    let length = SIZE.0 as usize * SIZE.1 as usize * 3;
    let count = faces.len() / length;
    if count == 0 {
        return Ok(Eigenfaces { faces: 0, components: Vec::new() });
    }
    let values: Vec<f32> = faces.iter().map(|value| f32::from(*value) / 255.0).collect();
    let found = principal_components(device, &values, count, length, COMPONENTS)?;
    let component = |(entries, share): (&[f32], &f64)| {
        Ok::<_, ReportError>(Component { picture: jpeg_data_uri(&picture(entries), JPEG_QUALITY)?, share: *share })
    };
    let components = found.components.chunks_exact(length).zip(&found.explained_variance_ratio).map(component);
    Ok(Eigenfaces { faces: count, components: components.collect::<Result<_, _>>()? })
}

/// Draws a component as a picture. Zero becomes the middle grey, and the entry farthest from zero becomes 0 or 255.
fn picture(component: &[f32]) -> RgbImage {
    let farthest = component.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let first = (y as usize * SIZE.0 as usize + x as usize) * 3;
        Rgb([0, 1, 2].map(|channel| (127.5 + 127.5 * component[first + channel] / farthest).round() as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_taken_evenly() {
        assert_eq!(chosen(3), [0, 1, 2]);
        assert!(chosen(0).is_empty());
        let many = chosen(10 * FACES + 7);
        assert_eq!((many.len(), many[0], many[1]), (FACES, 0, 10));
        assert!(many.is_sorted_by(|a, b| a < b) && many[FACES - 1] < 10 * FACES + 7);
    }

    #[test]
    fn a_picture_of_a_component_is_grey_at_zero() {
        let length = SIZE.0 as usize * SIZE.1 as usize * 3;
        let mut component = vec![0.0f32; length];
        (component[0], component[1]) = (-0.5, 0.25);
        let picture = picture(&component);
        assert_eq!(picture.get_pixel(0, 0).0, [0, 191, 128]);
        assert_eq!(picture.get_pixel(1, 0).0, [128; 3]);
    }
}
