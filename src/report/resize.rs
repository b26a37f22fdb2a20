//! Resizes faces to one size, as the paper's software does with `cv2.resize` before it computes the mean face.

use std::borrow::Cow;

use image::{Rgb, RgbImage, imageops};

/// Stretches a picture to `width` × `height` pixels by bilinear interpolation without antialiasing.
///
/// Pixel i of the result is sampled at (i + ½) · in / out − ½, clamped to the picture, where `in` and `out` are the sizes along
/// the axis. The result equals that of `cv2.resize` with its default settings within one grey level.
pub fn resize_bilinear(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (columns, rows) = (Taps::along(picture.width(), width), Taps::along(picture.height(), height));
    RgbImage::from_fn(width, height, |x, y| {
        let (across, down) = (columns[x as usize], rows[y as usize]);
        let at = |x, y| picture.get_pixel(x, y).0;
        let corners = [
            at(across.first, down.first),
            at(across.second, down.first),
            at(across.first, down.second),
            at(across.second, down.second),
        ];
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        Rgb([0, 1, 2].map(|channel| {
            let [a, b, c, d] = corners.map(|corner| f32::from(corner[channel]));
            mix(mix(a, b, across.share), mix(c, d, across.share), down.share).round() as u8
        }))
    })
}

/// Resizes a face to `width` × `height` pixels with [`resize_bilinear`].
///
/// A face that is more than twice as large is averaged down to twice the size first, because bilinear interpolation alone would
/// skip pixels.
pub(super) fn fit(face: &RgbImage, width: u32, height: u32) -> Cow<'_, RgbImage> {
    if face.dimensions() == (width, height) {
        return Cow::Borrowed(face);
    }
    let larger = (face.width().min(2 * width), face.height().min(2 * height));
    if larger == face.dimensions() {
        return Cow::Owned(resize_bilinear(face, width, height));
    }
    Cow::Owned(resize_bilinear(&imageops::thumbnail(face, larger.0, larger.1), width, height))
}

/// The two pixels along an axis that are mixed to one pixel of the result, and the share of the second pixel in [0, 1].
#[derive(Clone, Copy)]
struct Taps {
    first: u32,
    second: u32,
    share: f32,
}

impl Taps {
    /// Returns the taps of all `to` pixels along an axis of `from` pixels.
    fn along(from: u32, to: u32) -> Vec<Taps> {
        let last = from.saturating_sub(1);
        let taps = |i: u32| {
            let at = ((f64::from(i) + 0.5) * f64::from(from) / f64::from(to) - 0.5).clamp(0.0, f64::from(last));
            let first = at as u32;
            Taps { first, second: (first + 1).min(last), share: (at - f64::from(first)) as f32 }
        };
        (0..to).map(taps).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_and_doubling_interpolates() {
        let picture = RgbImage::from_fn(4, 2, |x, y| Rgb([(10 * x + 100 * y) as u8, 7, 255]));
        let half = resize_bilinear(&picture, 2, 1);
        assert_eq!((half.get_pixel(0, 0).0, half.get_pixel(1, 0).0), ([55, 7, 255], [75, 7, 255]));
        let double = resize_bilinear(&picture, 8, 2);
        // The sampling positions are −¼, which is clamped to 0, then ¼, ¾ and so on.
        assert_eq!([0, 1, 2, 7].map(|x| double.get_pixel(x, 0).0[0]), [0, 3, 8, 30]);
    }

    #[test]
    fn large_faces_are_averaged_and_none_is_too_small() {
        // Every eighth column is white. Interpolation alone would use all white columns or none.
        let stripes = RgbImage::from_fn(160, 160, |x, _| Rgb([if x % 8 == 0 { 255 } else { 0 }; 3]));
        let small = fit(&stripes, 20, 20);
        assert!(small.pixels().all(|pixel| pixel.0[0].abs_diff(32) <= 1), "{:?}", small.get_pixel(3, 3));
        assert_eq!(fit(&RgbImage::from_pixel(1, 1, Rgb([9, 8, 7])), 5, 3).get_pixel(4, 2).0, [9, 8, 7]);
        assert!(matches!(fit(&stripes, 160, 160), Cow::Borrowed(_)));
    }
}
