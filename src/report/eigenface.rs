//! The principal components of a cluster's faces, which the paper means by eigenfaces; the original shows their mean alone.

use image::{Rgb, RgbImage};

use super::contact_sheet::jpeg_data_uri;
use super::{ReportError, resize};
use crate::cluster::principal_components;
use crate::profiles::Device;

/// Width and height in pixels of the faces that components are computed of: half of CelebA's.
const SIZE: (u32, u32) = (89, 109);
/// Faces of a cluster that they are computed of, at most, so that memory does not grow with the cluster.
pub(super) const FACES: usize = 512;
/// Components that a page shows of a cluster.
const COMPONENTS: usize = 3;
const JPEG_QUALITY: u8 = 80;

/// The first components of some faces.
pub(super) struct Eigenfaces {
    /// Number of faces that they were computed of.
    pub faces: usize,
    /// By falling variance; fewer where there are too few faces.
    pub components: Vec<Component>,
}

/// One component.
pub(super) struct Component {
    /// Its picture as a data URI: grey where it is zero.
    pub picture: String,
    /// Share of the variance of the faces that lies along it.
    pub share: f64,
}

/// Positions of the faces of a cluster of `faces` that are taken, ascending: all, or [`FACES`] of them evenly spread.
pub(super) fn chosen(faces: usize) -> Vec<usize> {
    let taken = faces.min(FACES);
    (0..taken).map(|index| index * faces / taken).collect()
}

/// The pixels of a face at the size of the components, `[109, 89, 3]`.
pub(super) fn pixels(face: &RgbImage) -> Vec<u8> {
    resize::fit(face, SIZE.0, SIZE.1).into_owned().into_raw()
}

/// The first components of faces, each given by its [`pixels`], one after the other.
///
/// # Errors
/// [`ReportError::Components`] if the adapter fails, [`ReportError::Encode`] if the encoder does.
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

/// A component as a picture: its entry farthest from zero becomes black or full, zero the grey between.
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
