//! Makes photographs to look for faces in: bundled portraits, turned, enlarged or shrunk, and pasted at random on photographs.
//! The example `group_photographs` and the tests use it.
#![allow(dead_code, reason = "the example does not ask where the faces lie")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, imageops};
use lineament::ops::reference::random::bits24;

/// The folder of the portraits, and that of the photographs, with those that show no face.
const PORTRAITS: &str = "tools/faces";
const PHOTOGRAPHS: &str = "kernels-tests/golden/imagenet-photos";
const WITHOUT_FACES: [&str; 9] = ["bird", "cat", "chelsea", "coffee", "dragonfly", "hot_dog", "owl", "parrot", "sunflower"];
/// Width and height of a portrait.
const PORTRAIT: [f64; 2] = [335.0, 410.0];

/// A portrait in a photograph.
pub struct Pasted {
    /// File name of the portrait.
    pub name: String,
    /// Where the portrait's middle lies in the photograph.
    middle: [f64; 2],
    /// Factor by which it is enlarged.
    scale: f64,
    /// Sine and cosine of the angle by which it is turned.
    turn: (f64, f64),
}

impl Pasted {
    /// Returns the place in the photograph of a place in the portrait.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let ([across, down], (sine, cosine)) = ([x - PORTRAIT[0] / 2.0, y - PORTRAIT[1] / 2.0], self.turn);
        let turned = [cosine * across - sine * down, sine * across + cosine * down];
        [0, 1].map(|axis| self.middle[axis] + self.scale * turned[axis])
    }

    /// Returns the place in the portrait of a place in the photograph.
    fn source(&self, place: [f64; 2]) -> [f64; 2] {
        let ([across, down], (sine, cosine)) = ([0, 1].map(|axis| (place[axis] - self.middle[axis]) / self.scale), self.turn);
        [cosine * across + sine * down + PORTRAIT[0] / 2.0, cosine * down - sine * across + PORTRAIT[1] / 2.0]
    }
}

/// Seeded numbers from 0 to 1.
pub struct Numbers {
    seed: u64,
    drawn: u64,
}

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers { seed, drawn: 0 }
    }

    /// Returns a number between two limits.
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        self.drawn += 1;
        least + (most - least) * f64::from(bits24(self.seed, 0, self.drawn)) / f64::from(1 << 24)
    }
}

/// Pastes portraits on a photograph of `size` pixels, in a grid of `cells`, and returns where they lie. Each is turned by at most
/// 25° to either side and leaves the others free.
pub fn compose(names: &[String], size: [u32; 2], cells: [u32; 2], numbers: &mut Numbers) -> (RgbImage, Vec<Pasted>) {
    let background = WITHOUT_FACES[numbers.between(0.0, WITHOUT_FACES.len() as f64) as usize % WITHOUT_FACES.len()];
    let background = open(&Path::new(PHOTOGRAPHS).join(format!("{background}.png")));
    let mut photograph = imageops::resize(&background, size[0], size[1], imageops::FilterType::CatmullRom);
    let cell = [0, 1].map(|axis| f64::from(size[axis]) / f64::from(cells[axis]));
    let diagonal = PORTRAIT[0].hypot(PORTRAIT[1]);
    let most = (cell[0].min(cell[1]) / diagonal).min(1.5);
    let pasted: Vec<Pasted> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let scale = numbers.between(0.4 * most, most);
            let turn = numbers.between(-25.0, 25.0).to_radians().sin_cos();
            let place = [index as u32 % cells[0], index as u32 / cells[0]];
            let middle = [0, 1].map(|axis| {
                let free = cell[axis] - scale * diagonal;
                f64::from(place[axis]) * cell[axis] + scale * diagonal / 2.0 + numbers.between(0.0, free)
            });
            Pasted { name: name.clone(), middle, scale, turn }
        })
        .collect();
    for one in &pasted {
        paste(&mut photograph, &open(&Path::new(PORTRAITS).join(&one.name)), one);
    }
    (photograph, pasted)
}

/// Pastes a portrait. It is first brought to twice its size with a filter that averages, and then turned: each pixel is the mean
/// of four places, interpolated between pixels, so that the portrait stays as sharp as a camera would show it.
fn paste(photograph: &mut RgbImage, portrait: &RgbImage, pasted: &Pasted) {
    let (width, height) = photograph.dimensions();
    let size = PORTRAIT.map(|size| (2.0 * size * pasted.scale).round() as u32);
    let portrait = &imageops::resize(portrait, size[0], size[1], imageops::FilterType::CatmullRom);
    let factor = [0, 1].map(|axis| f64::from(size[axis]) / PORTRAIT[axis]);
    let reach = pasted.scale * PORTRAIT[0].hypot(PORTRAIT[1]) / 2.0;
    let span = |axis: usize, size: u32| {
        let [least, most] = [-reach, reach].map(|reach| (pasted.middle[axis] + reach).clamp(0.0, f64::from(size)) as u32);
        least..most
    };
    let colour = |place: [f64; 2]| {
        let [u, v] = pasted.source(place);
        if u < 0.0 || v < 0.0 || u > PORTRAIT[0] - 1.0 || v > PORTRAIT[1] - 1.0 {
            return None;
        }
        let [u, v] = [(u + 0.5) * factor[0] - 0.5, (v + 0.5) * factor[1] - 0.5].map(|place| place.max(0.0) as f32);
        imageops::interpolate_bilinear(portrait, u, v)
    };
    for (x, y) in span(1, height).flat_map(|y| span(0, width).map(move |x| (x, y))) {
        let around = [[-0.25, -0.25], [0.25, -0.25], [-0.25, 0.25], [0.25, 0.25]];
        let colours: Option<Vec<Rgb<u8>>> =
            around.into_iter().map(|[right, down]| colour([f64::from(x) + right, f64::from(y) + down])).collect();
        if let Some(colours) = colours {
            let mean = [0, 1, 2].map(|channel| (colours.iter().map(|colour| u32::from(colour[channel])).sum::<u32>() + 2) / 4);
            photograph.put_pixel(x, y, Rgb(mean.map(|value| value as u8)));
        }
    }
}

fn open(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8()
}

/// Returns the file names of the portraits.
pub fn portraits() -> Vec<String> {
    let entries = std::fs::read_dir(PORTRAITS).unwrap_or_else(|error| panic!("{PORTRAITS}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".jpg")).collect();
    names.sort();
    names
}

/// Writes a photograph as JPEG and returns its path.
pub fn write(photograph: &RgbImage, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 93).encode_image(photograph).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}
