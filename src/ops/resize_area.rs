//! Shrinks an image by the mean over areas.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/image/resize_area.wgsl`.
    struct ResizeAreaParams {
        source_height: u32,
        source_width: u32,
        /// Pixels from one row of the source to the next.
        pitch: u32,
        /// The row of the image at which the source begins.
        source_row: u32,
        inner_height: u32,
        inner_width: u32,
        width: u32,
        /// The first row that is computed.
        row: u32,
        /// The number of rows that are computed.
        rows: u32,
    }
}

/// The kernel of [`ResizeArea`]. One thread computes one output pixel.
pub static RESIZE_AREA: Kernel = Kernel {
    name: "resize_area",
    group: "image",
    source: include_str!("../../shaders/image/resize_area.wgsl"),
    params: ResizeAreaParams::FIELDS,
    bindings: &[read("pixels"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("FLOATS", &[0, 1])],
};

/// The form of the pixels that are shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Packed bytes of red, green and blue.
    Bytes,
    /// Four 32-bit floats: red, green, blue, and one that is not used.
    Floats,
}

/// Shrinks an image to the upper left part of a tensor \[height, width, 4\] by the mean over areas, as `cv2.INTER_AREA` does.
/// The rest of the tensor and the fourth channel are zero. An image of the same size is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResizeArea {
    /// Height and width of the image.
    pub source: [u32; 2],
    /// Number of pixels from one row of the image to the next, at least its width.
    pub pitch: u32,
    /// Height and width of the shrunk image, at most those of the image and below 65,536.
    pub inner: [u32; 2],
    /// Height and width of the result, at least those of the shrunk image.
    pub size: [u32; 2],
    /// The form of the image's pixels.
    pub format: PixelFormat,
}

/// A part of the rows of a result, and the rows of the image that it is computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBand {
    /// Rows of the result.
    pub rows: std::ops::Range<u32>,
    /// Rows of the image.
    pub source: std::ops::Range<u32>,
}

impl ResizeArea {
    /// Returns the band of the whole result.
    pub fn whole(self) -> RowBand {
        RowBand { rows: 0..self.size[0], source: 0..self.source[0] }
    }

    /// Splits the result into bands whose source has at most `source_rows` rows, or as few as one row of the result needs.
    pub fn bands(self, source_rows: u32) -> Vec<RowBand> {
        let ([height, _], [inner, _]) = (self.source.map(u64::from), self.inner.map(u64::from));
        let edge = |row: u32| (u64::from(row).min(inner) * height) as f64 / inner as f64;
        let source = |rows: &std::ops::Range<u32>| edge(rows.start).floor() as u32..edge(rows.end).ceil() as u32;
        let mut bands = Vec::new();
        let mut start = 0;
        while start < self.size[0] {
            let fits = |end: &u32| source(&(start..*end)).len() as u32 <= source_rows;
            // Whatever lies below the shrunk image needs no source.
            let end = (start + 1..=self.size[0]).take_while(fits).last().unwrap_or(start + 1);
            bands.push(RowBand { source: source(&(start..end)), rows: start..end });
            start = end;
        }
        bands
    }

    /// Returns the `Params` of a band, to replace those of a step.
    pub fn params(self, band: &RowBand) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded(band)).to_vec()
    }

    fn encoded(self, band: &RowBand) -> ResizeAreaParams {
        ResizeAreaParams {
            source_height: self.source[0],
            source_width: self.source[1],
            pitch: self.pitch,
            source_row: band.source.start,
            inner_height: self.inner[0],
            inner_width: self.inner[1],
            width: self.size[1],
            row: band.rows.start,
            rows: band.rows.end - band.rows.start,
        }
    }

    /// Returns the step that computes the whole of `y`.
    pub fn step(self, label: &str, source: View, y: View) -> Step {
        self.step_of(label, &self.whole(), source, y)
    }

    /// Returns the step that computes a band of the rows of `y` from `source`, which begins at the first row of the band's
    /// source.
    pub fn step_of(self, label: &str, band: &RowBand, source: View, y: View) -> Step {
        let outputs = u64::from(band.rows.end - band.rows.start) * u64::from(self.size[1]);
        let pixels = u64::from(band.source.end - band.source.start) * u64::from(self.source[1]);
        let (floats, bytes) = match self.format {
            PixelFormat::Bytes => (0.0, 3),
            PixelFormat::Floats => (1.0, 16),
        };
        Encoding {
            kernel: &RESIZE_AREA,
            variant: &RESIZE_AREA.variants[0],
            lanes: None,
            overrides: vec![("FLOATS", floats)],
            params: self.encoded(band),
            bindings: &[source, y],
            workgroups: outputs.div_ceil(64),
            cost: Cost { flops: 6 * pixels, bytes: bytes * pixels + 16 * outputs },
        }
        .step(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_the_result_and_fit() {
        for (height, inner, padded, most) in [(100, 100, 128, 40), (301, 97, 128, 20), (50, 33, 64, 2), (7, 3, 32, 1)] {
            let shape =
                ResizeArea { source: [height, 9], pitch: 9, inner: [inner, 4], size: [padded, 32], format: PixelFormat::Bytes };
            let bands = shape.bands(most);
            let mut end = 0;
            for band in &bands {
                assert_eq!(band.rows.start, end);
                end = band.rows.end;
                let needed = |row: u32| f64::from(row.min(inner)) * f64::from(height) / f64::from(inner);
                assert!(f64::from(band.source.start) <= needed(band.rows.start) && band.source.end <= height, "{band:?}");
                assert!(f64::from(band.source.end) >= needed(band.rows.end), "{band:?}");
                assert!(band.source.len() as u32 <= most || band.rows.len() == 1, "{band:?}");
            }
            assert_eq!(end, padded);
        }
        let shape = ResizeArea { source: [9, 9], pitch: 9, inner: [9, 9], size: [32, 32], format: PixelFormat::Bytes };
        assert_eq!(shape.bands(9), [shape.whole()]);
    }
}
