//! The `augment` group: compares transformed images and random transformations with keras_preprocessing 1.1, and resized images
//! with Pillow.

use std::path::Path;

use lineament::app::train::{Augmentation, AugmentationRanges, DRAWS};
use lineament::data::{Rgb8Image, decode};
use lineament::ops::{Augment, ImageRecord, Interpolation, ResizeNormalise};
use lineament::plan::{Plan, View};
use lineament::profiles::Device;
use lineament::scheduler::Program;
use serde_json::Value;

use crate::golden_tests::data::{Arrays, GoldenError, Manifest, json, numbers};
use crate::golden_tests::{failed, skipped};
use crate::harness::outcome::{CheckResult, Verdict};

type Results = Result<Vec<CheckResult>, GoldenError>;

/// The largest error of an element of a matrix.
const MATRIX: f64 = 1e-6;
/// The largest error of a parameter that Keras drew at random.
const DRAWN: f64 = 1e-9;
/// The largest error of a value of a pixel, on the scale from 0 to 1.
const PIXEL: f64 = 2.0 / 255.0;
/// The share of pixels that may have larger errors.
const STRAY: f64 = 0.001;

/// Runs every fixture of the group.
pub fn run(device: &Device, folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    let group = Group { device, folder, manifest };
    let one = |file: &String| {
        let results = match file.as_str() {
            "affine.safetensors" => group.affine(file),
            "affine_params.json" => group.matrices(file),
            "draw_order.json" => group.draws(file),
            "resize.safetensors" => group.resize(file),
            "resize_index.json" => group.indices(file),
            "face_178x218.png" => group.face(file),
            _ => Ok(vec![skipped(file, "all", "no test reads this file")]),
        };
        results.unwrap_or_else(|error| vec![failed(file, "all", &error)])
    };
    manifest.files.keys().flat_map(one).collect()
}

struct Group<'a> {
    device: &'a Device,
    folder: &'a Path,
    manifest: &'a Manifest,
}

/// What is done to an image.
enum Treatment {
    Augmented(Augmentation),
    Resized,
}

impl Group<'_> {
    fn arrays(&self, file: &str) -> Result<Arrays, GoldenError> {
        Arrays::read(&self.folder.join(file), &self.manifest.files[file])
    }

    fn affine(&self, file: &str) -> Results {
        let arrays = self.arrays(file)?;
        let image = picture(&arrays, "image")?;
        let size = [image.height, image.width];
        let mut results = Vec::new();
        for (index, tuple) in self.tuples()?.iter().enumerate() {
            let augmentation = augmentation(tuple)?;
            let name = format!("matrix_{index:02}");
            results.push(matrix(file, &name, &augmentation, size, &arrays.get(&name)?.values));
            let name = format!("out_{index:02}");
            let found = self.compute(&image, size, 1.0 / 255.0, &Treatment::Augmented(augmentation))?;
            let expected: Vec<f64> = arrays.get(&name)?.values.iter().map(|value| value / 255.0).collect();
            results.push(pixels(file, &name, &found, &expected));
        }
        Ok(results)
    }

    /// Reads the list of parameters in `affine_params.json`.
    fn tuples(&self) -> Result<Vec<Value>, GoldenError> {
        let listing = json(&self.folder.join("affine_params.json"))?;
        listing
            .as_array()
            .filter(|list| !list.is_empty())
            .cloned()
            .ok_or_else(|| GoldenError::unusable("affine_params.json", "list"))
    }

    /// Compares the matrices of that list, and the parameters that were drawn from a seed.
    fn matrices(&self, file: &str) -> Results {
        let size = ["height", "width"].map(|key| self.manifest.files["affine.safetensors"]["params"][key].as_u64());
        let [Some(height), Some(width)] = size else { return Err(GoldenError::unusable("affine.safetensors", "height")) };
        let size = [height as u32, width as u32];
        let mut results = Vec::new();
        for (index, tuple) in self.tuples()?.iter().enumerate() {
            let augmentation = augmentation(tuple)?;
            let rows = tuple["matrix"].as_array().ok_or_else(|| GoldenError::unusable(file, "matrix"))?;
            let expected: Vec<f64> = rows.iter().flat_map(numbers).collect();
            results.push(matrix(file, &format!("matrix of {index}"), &augmentation, size, &expected));
            if let Some(seed) = tuple["drawn_from_numpy_randomstate_seed"].as_u64() {
                results.push(drawn(file, seed, &augmentation, size));
            }
        }
        Ok(results)
    }

    fn draws(&self, file: &str) -> Results {
        let listing = json(&self.folder.join(file))?;
        let shape = numbers(&listing["image_shape"]);
        let ([height, width, ..], Some(examples)) = (&shape[..], listing["examples"].as_array()) else {
            return Err(GoldenError::unusable(file, "image_shape"));
        };
        let one = |example: &Value| {
            let seed = example["seed"].as_u64().ok_or_else(|| GoldenError::unusable(file, "seed"))?;
            Ok(drawn(file, seed, &augmentation(example)?, [*height as u32, *width as u32]))
        };
        examples.iter().map(one).collect()
    }

    fn resize(&self, file: &str) -> Results {
        let arrays = self.arrays(file)?;
        let image = picture(&arrays, "image")?;
        let mut results = Vec::new();
        for name in self.manifest.files[file]["tensors"].as_object().into_iter().flat_map(|tensors| tensors.keys()) {
            let Some(size) = name.strip_prefix("nearest_").and_then(|size| size.parse().ok()) else {
                if name != "image" {
                    let reason = "lineament does not resize this way: Keras takes the nearest pixel";
                    results.push(skipped(file, name, reason));
                }
                continue;
            };
            // With the identity, the kernel that augments must resize as the kernel that does not.
            for treatment in [Treatment::Resized, Treatment::Augmented(Augmentation::IDENTITY)] {
                let found = self.compute(&image, [size, size], 1.0, &treatment)?;
                results.push(CheckResult::within(file, name, &found, &arrays.get(name)?.values, 0.0));
            }
        }
        Ok(results)
    }

    /// Compares which row or column of the source each row or column of the output shows. Each pixel of the image holds its own
    /// position.
    fn indices(&self, file: &str) -> Results {
        let shape = numbers(&self.manifest.files["resize.safetensors"]["tensors"]["image"]["shape"]);
        let [height, width, 3.0] = shape[..] else { return Err(GoldenError::unusable("resize.safetensors", "image")) };
        let (height, width) = (height as u32, width as u32);
        if height > 256 || width > 256 {
            return Err(GoldenError::unusable("resize.safetensors", "image of at most 256 x 256"));
        }
        let places = (0..height).flat_map(|row| (0..width).flat_map(move |column| [row as u8, column as u8, 0]));
        let image = Rgb8Image { width, height, pixels: places.collect() };
        let listing = json(&self.folder.join(file))?;
        let mut results = Vec::new();
        for (name, expected) in listing.as_object().ok_or_else(|| GoldenError::unusable(file, "object"))? {
            let Some((size, axis)) = name.strip_prefix("nearest_").and_then(|name| name.split_once('_')) else { continue };
            let (Ok(size), Some(channel)) = (size.parse::<u32>(), ["rows", "cols"].iter().position(|known| *known == axis))
            else {
                continue;
            };
            let found = self.compute(&image, [size, size], 1.0, &Treatment::Resized)?;
            // The first column shows the rows, and the first row shows the columns.
            let stride = 3 * if channel == 0 { size as usize } else { 1 };
            let found: Vec<f64> = found[channel..].iter().step_by(stride).take(size as usize).copied().collect();
            results.push(CheckResult::within(file, name, &found, &numbers(expected), 0.0));
        }
        Ok(results)
    }

    /// Decodes a photograph and compares it with the pixels that Keras' `load_img` read.
    fn face(&self, file: &str) -> Results {
        let arrays = self.arrays("resize.safetensors")?;
        let verdict = match decode(&self.folder.join(file)) {
            Ok(image) if image == picture(&arrays, "image")? => Verdict::Passed,
            Ok(_) => Verdict::Failed("its pixels differ from those in resize.safetensors".to_string()),
            Err(error) => Verdict::Failed(error.to_string()),
        };
        Ok(vec![CheckResult::behaviour(file, "equal", verdict)])
    }

    /// Treats and scales an image on the GPU, and returns red, green and blue of every pixel.
    fn compute(&self, image: &Rgb8Image, size: [u32; 2], scale: f32, treatment: &Treatment) -> Result<Vec<f64>, GoldenError> {
        let mut plan = Plan::new("augment");
        let pixels = plan.persistent("pixels", image.pixels.len().next_multiple_of(4) as u64);
        let records = plan.persistent("image records", size_of::<ImageRecord>() as u64);
        let transforms = plan.persistent("transforms", 32);
        let y = plan.persistent("y", 16 * u64::from(size[0]) * u64::from(size[1]));
        let [height, width] = size;
        let (batch, scale, shift) = (1, [scale; 3], [0.0; 3]);
        let mut writes: Vec<(View, Vec<u8>)> = Vec::new();
        match treatment {
            Treatment::Augmented(augmentation) => {
                writes.push((transforms, bytemuck::bytes_of(&augmentation.record(size)).to_vec()));
                plan.push(Augment { batch, height, width, scale, shift }.step("augment", pixels, records, transforms, y));
            }
            Treatment::Resized => {
                let resize = ResizeNormalise { batch, size: height, scale, shift, interpolation: Interpolation::Nearest };
                plan.push(resize.step("resize", resize.variant(self.device.profile()), [pixels, records], y));
            }
        }
        let record = ImageRecord { first_word: 0, width: image.width, height: image.height, windows: 0 };
        writes.push((records, bytemuck::bytes_of(&record).to_vec()));
        let mut bytes = image.pixels.clone();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        writes.push((pixels, bytes));
        let program = Program::new(self.device, &plan, &[])?;
        for (view, bytes) in writes {
            program.write(self.device, view, &bytes);
        }
        program.run(self.device)?;
        Ok(program.read(self.device, y)?.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).map(f64::from).collect())
    }
}

fn picture(arrays: &Arrays, name: &str) -> Result<Rgb8Image, GoldenError> {
    let array = arrays.get(name)?;
    let [height, width, 3] = array.shape[..] else { return Err(GoldenError::unusable(name, "shape")) };
    let pixels = array.values.iter().map(|value| *value as u8).collect();
    Ok(Rgb8Image { width: width as u32, height: height as u32, pixels })
}

/// Reads the parameters of a transformation under the names that Keras gives them.
fn augmentation(tuple: &Value) -> Result<Augmentation, GoldenError> {
    let number = |key: &str| tuple[key].as_f64().ok_or_else(|| GoldenError::unusable("parameters", key));
    Ok(Augmentation {
        rotation: number("theta")?,
        row_shift: number("tx")?,
        column_shift: number("ty")?,
        shear: number("shear")?,
        row_zoom: number("zx")?,
        column_zoom: number("zy")?,
        mirrored: tuple["flip_horizontal"].as_bool().ok_or_else(|| GoldenError::unusable("parameters", "flip_horizontal"))?,
    })
}

fn matrix(file: &str, name: &str, augmentation: &Augmentation, size: [u32; 2], expected: &[f64]) -> CheckResult {
    CheckResult::within(file, name, augmentation.matrix(size).as_flattened(), expected, MATRIX)
}

/// Draws a transformation in the ranges of the paper from NumPy's random numbers, and compares it with the one that Keras drew.
fn drawn(file: &str, seed: u64, expected: &Augmentation, size: [u32; 2]) -> CheckResult {
    let mut generator = MersenneTwister::new(seed as u32);
    let draws: [f64; DRAWS] = std::array::from_fn(|_| generator.unit());
    let values = |a: &Augmentation| {
        let mirrored = f64::from(u8::from(a.mirrored));
        [a.rotation, a.row_shift, a.column_shift, a.shear, a.row_zoom, a.column_zoom, mirrored]
    };
    let found = values(&AugmentationRanges::PAPER.from_draws(draws, size));
    CheckResult::within(file, &format!("seed {seed}"), &found, &values(expected), DRAWN)
}

/// Compares pixels. A few may differ by more than the bound.
fn pixels(file: &str, name: &str, found: &[f64], expected: &[f64]) -> CheckResult {
    let mut result = CheckResult::within(file, name, found, expected, PIXEL);
    result.note = format!("{PIXEL:.4}, except {} % of pixels", 100.0 * STRAY);
    // This is false for NaN.
    let within = |(found, expected): (&f64, &f64)| (found - expected).abs() <= PIXEL;
    let stray =
        found.chunks(3).zip(expected.chunks(3)).filter(|(found, expected)| !found.iter().zip(*expected).all(within)).count();
    let share = stray as f64 / (expected.len() as f64 / 3.0);
    if found.len() == expected.len() {
        let reason = format!("{stray} pixels differ by more than {PIXEL:.4}");
        result.verdict = if share <= STRAY { Verdict::Passed } else { Verdict::Failed(reason) };
    }
    result
}

/// NumPy's `RandomState`: MT19937 (Matsumoto and Nishimura 1998).
struct MersenneTwister {
    state: [u32; 624],
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> MersenneTwister {
        let mut state = [seed; 624];
        for i in 1..624 {
            let last = state[i - 1];
            state[i] = (last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        MersenneTwister { state, next: 624 }
    }

    fn bits(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let word = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7FFF_FFFF);
                self.state[i] = self.state[(i + 397) % 624] ^ (word >> 1) ^ if word & 1 == 1 { 0x9908_B0DF } else { 0 };
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    /// Returns a random number in [0, 1) with 53 bits.
    fn unit(&mut self) -> f64 {
        let (high, low) = (f64::from(self.bits() >> 5), f64::from(self.bits() >> 6));
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_numpys() {
        let mut generator = MersenneTwister::new(0);
        assert_eq!([generator.unit(), generator.unit()], [0.548_813_503_927_324_8, 0.715_189_366_372_419_5]);
    }

    #[test]
    fn one_stray_pixel_in_a_thousand_passes() {
        let expected = vec![0.5; 3000];
        let with = |strays: usize, value: f64| {
            let mut found = expected.clone();
            found.iter_mut().step_by(3).take(strays).for_each(|pixel| *pixel = value);
            pixels("file", "out", &found, &expected).verdict
        };
        assert_eq!(with(1, 0.9), Verdict::Passed);
        assert_eq!(with(1000, 0.507), Verdict::Passed);
        for bad in [with(2, 0.9), with(2, f64::NAN), pixels("file", "out", &expected[3..], &expected).verdict] {
            assert!(matches!(bad, Verdict::Failed(_)), "{bad:?}");
        }
    }
}
