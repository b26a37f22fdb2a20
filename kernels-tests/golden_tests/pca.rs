//! The `pca` group: compares eigenfaces with scikit-learn and OpenCV, and resized faces with OpenCV.

use std::path::Path;

use image::RgbImage;
use lineament::cluster::{PrincipalComponents, principal_components};
use lineament::data::Rgb8Image;
use lineament::ops::{ImageRecord, Interpolation, ResizeNormalise};
use lineament::plan::Plan;
use lineament::profiles::Device;
use lineament::report::resize_bilinear;
use lineament::scheduler::Program;

use crate::golden_tests::data::{Arrays, GoldenError, Manifest};
use crate::golden_tests::{failed, skipped};
use crate::harness::outcome::{CheckResult, Verdict};

type Results = Result<Vec<CheckResult>, GoldenError>;

/// Bound of the absolute error of a mean, on the scale from 0 to 1.
const MEAN: f64 = 1e-6;
/// Bound of the absolute error of an entry of a component.
const COMPONENT: f64 = 1e-5;
/// Bound of the relative error of a variance or a singular value.
const RELATIVE: f64 = 1e-5;
/// Largest difference from OpenCV's resizing in fixed point, in grey levels.
const FIXED: f64 = 1.0;
/// Largest difference from OpenCV's resizing in floating point, in grey levels.
const FLOATING: f64 = 1e-2;

/// Runs every fixture of the group.
pub fn run(device: &Device, folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    let one = |file: &String| {
        let arrays = |file: &str| Arrays::read(&folder.join(file), &manifest.files[file]);
        let results = match file.as_str() {
            "eigenface.safetensors" => arrays(file).and_then(|arrays| many(device, file, &arrays)),
            // The few faces are the first faces of the other file.
            "eigenface_few.safetensors" => {
                arrays(file).and_then(|few| self::few(device, file, &few, &arrays("eigenface.safetensors")?))
            }
            "resize_cv2.safetensors" => arrays(file).and_then(|arrays| resize(device, file, &arrays)),
            _ => Ok(vec![skipped(file, "all", "no test reads this file")]),
        };
        results.unwrap_or_else(|error| vec![failed(file, "all", &error)])
    };
    manifest.files.keys().flat_map(one).collect()
}

/// Returns the components of the first `n` images of a fixture.
fn components(device: &Device, arrays: &Arrays, n: usize, count: usize) -> Result<PrincipalComponents, GoldenError> {
    let images = arrays.get("images")?;
    let p: usize = images.shape[1..].iter().product();
    let values: Vec<f32> = images.values.iter().take(n * p).map(|value| (value / 255.0) as f32).collect();
    let unusable =
        |error: lineament::cluster::ClusterError| GoldenError::Tensor { tensor: "images".into(), reason: error.to_string() };
    principal_components(device, &values, n, p, count).map_err(unusable)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Returns rows of `length` values, each with the sign that brings it closer to that of `like`. OpenCV chooses signs arbitrarily.
fn with_signs_of(values: &[f64], like: &[f64], length: usize) -> Vec<f64> {
    let rows = values.chunks_exact(length).zip(like.chunks_exact(length));
    rows.flat_map(|(row, like)| {
        let product: f64 = row.iter().zip(like).map(|(a, b)| a * b).sum();
        row.iter().map(move |value| value * 1f64.copysign(product))
    })
    .collect()
}

fn many(device: &Device, file: &str, arrays: &Arrays) -> Results {
    let n = arrays.get("images")?.shape[0];
    let expected = |tensor: &str| arrays.get(tensor).map(|array| array.values.clone());
    let count = expected("explained_variance")?.len();
    let found = components(device, arrays, n, count)?;
    let (mean, directions) = (wide(&found.mean), wide(&found.components));
    let of_opencv = with_signs_of(&expected("components_cv2_float32")?, &directions, mean.len());
    let eigenvalues: Vec<f64> = found.explained_variance.iter().map(|one| one * (n - 1) as f64 / n as f64).collect();
    let within = |tensor: &str, found: &[f64], expected: &[f64], bound| CheckResult::within(file, tensor, found, expected, bound);
    let relative = |tensor: &str, found: &[f64]| {
        let expected = expected(tensor)?;
        let ratios: Vec<f64> = found.iter().zip(&expected).map(|(found, expected)| found / expected).collect();
        Ok::<_, GoldenError>(within(tensor, &ratios, &vec![1.0; expected.len()], RELATIVE))
    };
    Ok(vec![
        within("mean", &mean, &expected("mean")?, MEAN),
        within("mean_cv2_float32", &mean, &expected("mean_cv2_float32")?, MEAN),
        // The signs must be those of scikit-learn.
        within("components", &directions, &expected("components")?, COMPONENT),
        within("components_cv2_float32", &directions, &of_opencv, COMPONENT),
        relative("explained_variance", &found.explained_variance)?,
        relative("eigenvalues_cv2", &eigenvalues)?,
        relative("explained_variance_ratio", &found.explained_variance_ratio)?,
        relative("singular_values", &found.singular_values)?,
    ])
}

fn few(device: &Device, file: &str, few: &Arrays, many: &Arrays) -> Results {
    let three = components(device, many, 3, 3)?;
    let (one, p) = (components(device, many, 1, 1)?, three.mean.len());
    // The third component of three images has the eigenvalue 0 and is arbitrary, so there must be two components.
    let expected = &few.get("components_3")?.values[..2 * p];
    let directions = wide(&three.components);
    let verdict = match one.components.len() {
        0 => Verdict::Passed,
        found => Verdict::Failed(format!("found {found} elements of components, but a single image has no components")),
    };
    Ok(vec![
        CheckResult::within(file, "mean_3", &wide(&three.mean), &few.get("mean_3")?.values, MEAN),
        CheckResult::within(file, "components_3", &directions, &with_signs_of(expected, &directions, p), COMPONENT),
        CheckResult::within(file, "mean_1", &wide(&one.mean), &few.get("mean_1")?.values, MEAN),
        CheckResult { part: "components_1".to_string(), ..CheckResult::behaviour(file, "none", verdict) },
    ])
}

/// Compares the resizing of the report's eigenfaces, and for square outputs also that of the network's input. The tensors
/// `linear_WIDTHxHEIGHT` were computed in fixed point, and `linear_float_WIDTHxHEIGHT` in floating point.
fn resize(device: &Device, file: &str, arrays: &Arrays) -> Results {
    let source = arrays.get("image")?;
    let unusable = |tensor: &str| GoldenError::unusable(file, tensor);
    let [height, width, 3] = source.shape[..] else { return Err(unusable("image")) };
    let pixels: Vec<u8> = source.values.iter().map(|value| *value as u8).collect();
    let picture = RgbImage::from_raw(width as u32, height as u32, pixels.clone()).ok_or_else(|| unusable("image"))?;
    let image = Rgb8Image { width: width as u32, height: height as u32, pixels };
    let mut results = Vec::new();
    for name in arrays.names().filter(|name| name.starts_with("linear_")) {
        let array = arrays.get(name)?;
        let [height, width, 3] = array.shape[..] else { return Err(unusable(name)) };
        let (width, height) = (width as u32, height as u32);
        let (bound, is_float) = if name.contains("float") { (FLOATING, true) } else { (FIXED, false) };
        if !is_float {
            let found: Vec<f64> = resize_bilinear(&picture, width, height).into_raw().into_iter().map(f64::from).collect();
            results.push(CheckResult::within(file, name, &found, &array.values, bound));
        }
        if width == height {
            let found = on_gpu(device, &image, width)?;
            results.push(CheckResult::within(file, &format!("{name}, GPU"), &found, &array.values, bound));
        }
    }
    Ok(results)
}

fn on_gpu(device: &Device, image: &Rgb8Image, size: u32) -> Result<Vec<f64>, GoldenError> {
    let mut plan = Plan::new("resize");
    let pixels = plan.persistent("pixels", image.pixels.len().next_multiple_of(4) as u64);
    let records = plan.persistent("image records", size_of::<ImageRecord>() as u64);
    let y = plan.persistent("y", 16 * u64::from(size) * u64::from(size));
    let resize = ResizeNormalise { batch: 1, size, scale: [1.0; 3], shift: [0.0; 3], interpolation: Interpolation::Bilinear };
    plan.push(resize.step("resize", resize.variant(device.profile()), [pixels, records], y));
    let program = Program::new(device, &plan, &[])?;
    let record = ImageRecord { first_word: 0, width: image.width, height: image.height, windows: 0 };
    program.write(device, records, bytemuck::bytes_of(&record));
    let mut bytes = image.pixels.clone();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    program.write(device, pixels, &bytes);
    program.run(device)?;
    Ok(program.read(device, y)?.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).map(f64::from).collect())
}
