//! Crops a picture to the part that shows the face.

use super::decode::Rgb8Image;

/// A rectangle within a picture. All numbers are percentages of the picture's width or height, measured from the top left
/// corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// Left edge, in percent of the picture's width.
    pub left: u32,
    /// Top edge, in percent of the picture's height.
    pub top: u32,
    /// Width, in percent of the picture's width; at least 1.
    pub width: u32,
    /// Height, in percent of the picture's height; at least 1.
    pub height: u32,
}

impl std::str::FromStr for Crop {
    type Err = String;

    /// Reads four integers in percent, written as `LEFT,TOP,WIDTH,HEIGHT`.
    ///
    /// # Errors
    /// A sentence that shows the expected form, when the text has another form or the rectangle is empty or leaves the picture.
    fn from_str(text: &str) -> Result<Crop, String> {
        let numbers: Option<Vec<u32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[left, top, width, height])
                if width > 0 && height > 0 && left.saturating_add(width) <= 100 && top.saturating_add(height) <= 100 =>
            {
                Ok(Crop { left, top, width, height })
            }
            _ => Err("expected LEFT,TOP,WIDTH,HEIGHT in percent, within the picture, such as 10,0,80,80".to_string()),
        }
    }
}

impl std::fmt::Display for Crop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{},{}", self.left, self.top, self.width, self.height)
    }
}

impl Crop {
    /// Returns the pixels of `image` that lie in this rectangle. The result has at least one pixel.
    pub fn of(self, image: &Rgb8Image) -> Rgb8Image {
        let span = |start: u32, length: u32, size: u32| {
            let part = |percent: u32| (u64::from(size) * u64::from(percent) / 100) as u32;
            let first = part(start).min(size - 1);
            (first, part(start + length).max(first + 1) - first)
        };
        let (left, width) = span(self.left, self.width, image.width);
        let (top, height) = span(self.top, self.height, image.height);
        image.part([left, top], [width, height])
    }
}

impl Rgb8Image {
    /// Returns a rectangle of the picture, from (left, top) on, with the given width and height.
    ///
    /// # Panics
    /// Panics if the rectangle leaves the picture.
    pub fn part(&self, [left, top]: [u32; 2], [width, height]: [u32; 2]) -> Rgb8Image {
        assert!(left + width <= self.width && top + height <= self.height, "the rectangle leaves the picture");
        let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
        for row in top..top + height {
            let start = 3 * (row as usize * self.width as usize + left as usize);
            pixels.extend_from_slice(&self.pixels[start..start + 3 * width as usize]);
        }
        Rgb8Image { width, height, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_out_the_rectangle() {
        let image = Rgb8Image { width: 4, height: 2, pixels: (0..24).collect() };
        let part: Crop = "25,50,50,50".parse().unwrap();
        assert_eq!(part.to_string(), "25,50,50,50");
        assert_eq!(part.of(&image), Rgb8Image { width: 2, height: 1, pixels: (15..21).collect() });
        assert_eq!("0,0,100,100".parse::<Crop>().unwrap().of(&image), image);
        let pixel = Rgb8Image { width: 1, height: 1, pixels: vec![7, 8, 9] };
        assert_eq!("99,99,1,1".parse::<Crop>().unwrap().of(&pixel), pixel);
    }

    #[test]
    fn refuses_a_rectangle_that_leaves_the_picture() {
        for text in ["", "1,2,3", "0,0,0,10", "50,0,51,10", "0,50,10,51", "a,b,c,d", "-1,0,10,10", "4294967295,0,1,1"] {
            assert!(text.parse::<Crop>().is_err(), "{text}");
        }
    }
}
