//! The sizes at which a photograph is searched for faces.

use crate::nn::face_detector::MULTIPLE;

/// The smallest face that the detector finds reliably, in pixels of the image that it gets.
const SMALLEST: u32 = 20;
/// The longer side of the image that the detector gets if no smallest face is asked for.
const LONGER_SIDE: u32 = 1024;
/// The longer side beyond which the photograph is searched once more at a quarter of the size, for faces that fill it. The
/// detector finds faces of up to about 400 pixels reliably.
const FILLED: u32 = 320;
/// The factor between two sizes at which a photograph is searched.
const STEP: u32 = 4;
/// Bytes of a value of the detector's input, and of the layer after it, for each pixel: both have as many.
pub(super) const BYTES_A_PIXEL: u64 = 16;

/// Returns height and width rounded up to what the detector takes.
pub(super) fn padded(size: [u32; 2]) -> [u32; 2] {
    size.map(|size| size.next_multiple_of(MULTIPLE))
}

/// Returns the sizes, height and width, at which a photograph is searched. At the finest, a face of `smallest` pixels has
/// [`SMALLEST`], but the photograph is never enlarged, and what the detector stores fits `binding` bytes.
pub(super) fn levels(source: [u32; 2], smallest: Option<u32>, binding: u64) -> Vec<[u32; 2]> {
    let longer = source[0].max(source[1]);
    let wanted = match smallest {
        Some(smallest) => (f64::from(longer) * f64::from(SMALLEST) / f64::from(smallest.max(SMALLEST))).round(),
        None => f64::from(LONGER_SIDE.min(longer)),
    };
    let at = |longest: f64| {
        let factor = (longest / f64::from(longer)).min(1.0);
        source.map(|size| ((f64::from(size) * factor).round() as u32).clamp(1, size))
    };
    let fits = |size: [u32; 2]| {
        let [height, width] = padded(size).map(u64::from);
        BYTES_A_PIXEL * height * width <= binding
    };
    let mut longest = wanted.max(1.0);
    while !fits(at(longest)) {
        longest *= 0.95;
    }
    let mut levels = vec![at(longest)];
    while longest > f64::from(FILLED) {
        longest /= f64::from(STEP);
        levels.push(at(longest));
    }
    levels
}

/// Returns the width in pixels of the smallest face that is found in a photograph, if its finest level has this size.
pub(super) fn least_face(source: [u32; 2], finest: [u32; 2]) -> u32 {
    let longer = |size: [u32; 2]| f64::from(size[0].max(size[1]));
    (f64::from(SMALLEST) * longer(source) / longer(finest)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_is_searched_at_sizes_that_fit() {
        let binding = 128 << 20;
        assert_eq!(levels([218, 178], None, binding), [[218, 178]]);
        assert_eq!(levels([410, 335], None, binding), [[410, 335], [103, 84]]);
        assert_eq!(levels([3000, 4000], None, binding), [[768, 1024], [192, 256]]);
        assert_eq!(levels([3000, 4000], Some(20), binding).len(), 3);
        assert_eq!(levels([1, 5000], None, binding)[0], [1, 1024]);
        assert_eq!(least_face([3000, 4000], levels([3000, 4000], Some(40), binding)[0]), 40);
        for (source, smallest) in [([4000, 6000], Some(1)), ([20_000, 20_000], Some(16)), ([65_535, 9], None)] {
            for level in levels(source, smallest, binding) {
                let [height, width] = padded(level).map(u64::from);
                assert!(16 * height * width <= binding && level[0] <= source[0] && level[1] <= source[1]);
            }
        }
    }
}
