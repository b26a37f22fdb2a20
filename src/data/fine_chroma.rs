//! Decodes JPEG files whose chroma is sampled more finely than their luma. The JPEG decoder refuses to convert such pictures, but
//! it returns their planes. They are enlarged and converted as libjpeg-turbo does (jdsample.c and jdcolor.c), so that the pixels
//! are those of Pillow.

use libjpeg_turbo_rs::{Decoder, JpegError};

use super::decode::Rgb8Image;

/// A plane of samples without padding.
struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

/// Returns whether a file has a luma and two chroma components, and one of the chroma components has more samples than luma.
pub(super) fn is_fine(decoder: &Decoder) -> bool {
    let [luma, chroma @ ..] = &decoder.header().components[..] else { return false };
    let finer = chroma
        .iter()
        .any(|one| one.horizontal_sampling > luma.horizontal_sampling || one.vertical_sampling > luma.vertical_sampling);
    let is_ycc = decoder.saw_jfif_marker() || [luma.id, chroma.first().map_or(0, |one| one.id)] == [1, 2];
    chroma.len() == 2 && finer && is_ycc
}

/// Decodes a file that [`is_fine`].
///
/// # Errors
/// The file is damaged, or its components are sampled in ratios that are no whole numbers.
pub(super) fn decode(decoder: Decoder) -> Result<Rgb8Image, JpegError> {
    let sampling: Vec<[usize; 2]> = decoder
        .header()
        .components
        .iter()
        .map(|one| [usize::from(one.horizontal_sampling), usize::from(one.vertical_sampling)])
        .collect();
    let most = [0, 1].map(|axis| sampling.iter().map(|factors| factors[axis]).max().unwrap_or(1));
    if sampling.iter().any(|factors| (0..2).any(|axis| factors[axis] == 0 || !most[axis].is_multiple_of(factors[axis]))) {
        return Err(JpegError::Unsupported("sampling factors without a common multiple".into()));
    }
    let raw = decoder.decode_raw()?;
    let size = [raw.width, raw.height];
    let planes: Vec<Plane> = (0..3)
        .map(|component| {
            let [width, height] = [0, 1].map(|axis| (size[axis] * sampling[component][axis]).div_ceil(most[axis]));
            let stride = raw.plane_widths[component];
            let rows = raw.planes[component].chunks_exact(stride).take(height);
            let plane = Plane { width, height, samples: rows.flat_map(|row| &row[..width]).copied().collect() };
            enlarged(plane, [0, 1].map(|axis| most[axis] / sampling[component][axis]))
        })
        .collect();
    let pixel = |x: usize, y: usize| rgb([0, 1, 2].map(|plane: usize| planes[plane].samples[y * planes[plane].width + x]));
    let pixels = (0..size[1]).flat_map(|y| (0..size[0]).flat_map(move |x| pixel(x, y))).collect();
    Ok(Rgb8Image { width: size[0] as u32, height: size[1] as u32, pixels })
}

/// Enlarges a plane by whole factors, given as columns and rows. A factor of 2 is interpolated by a triangle filter in the cases
/// in which libjpeg-turbo does so; otherwise samples are repeated.
fn enlarged(plane: Plane, [columns, rows]: [usize; 2]) -> Plane {
    let Plane { width, height, samples } = &plane;
    let (width, height) = (*width, *height);
    let at = |x: usize, y: usize| u32::from(samples[y * width + x]);
    let (new_width, new_height) = (width * columns, height * rows);
    // The neighbour that lies nearer to output position `to`, beside the sample it belongs to. The edge is repeated.
    let beside = |to: usize, count: usize| {
        let own = to / 2;
        if to.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(count - 1) }
    };
    let value = |x: usize, y: usize| -> u32 {
        match [columns, rows] {
            [2, 1] if width > 2 => (3 * at(x / 2, y) + at(beside(x, width), y) + if x.is_multiple_of(2) { 1 } else { 2 }) >> 2,
            [1, 2] => (3 * at(x, y / 2) + at(x, beside(y, height)) + if y.is_multiple_of(2) { 1 } else { 2 }) >> 2,
            [2, 2] if width > 2 => {
                let column = |x: usize| 3 * at(x, y / 2) + at(x, beside(y, height));
                (3 * column(x / 2) + column(beside(x, width)) + if x.is_multiple_of(2) { 8 } else { 7 }) >> 4
            }
            _ => at(x / columns, y / rows),
        }
    };
    let samples = (0..new_height).flat_map(|y| (0..new_width).map(move |x| (x, y))).map(|(x, y)| value(x, y) as u8).collect();
    Plane { width: new_width, height: new_height, samples }
}

/// Converts luma and chroma to RGB, with the rounding of libjpeg-turbo: factors have 16 binary digits (ITU-T T.871, 7).
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let differences = [(91_881 * red + HALF) >> 16, (-22_554 * blue - 46_802 * red + HALF) >> 16, (116_130 * blue + HALF) >> 16];
    differences.map(|difference| (luma + difference).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::data::decode;

    /// The JPEG files were written by cjpeg 2.1.5 (`-quality 90 -sample 1x1,2x1,2x1` and so on). The PNG files hold the pixels to
    /// which Pillow 13.0 decodes them.
    #[test]
    fn finely_sampled_chroma_is_decoded_as_by_pillow() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/images");
        for name in ["chroma_2x1", "chroma_2x2", "chroma_1x2"] {
            let [jpeg, expected] = ["jpg", "png"].map(|ending| decode(&folder.join(format!("{name}.{ending}"))).unwrap());
            assert_eq!((jpeg.width, jpeg.height), (expected.width, expected.height), "{name}");
            assert!(jpeg.pixels == expected.pixels, "{name}");
        }
    }
}
