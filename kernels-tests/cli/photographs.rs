//! Compares the models with ONNX Runtime on thirteen photographs: their logits, their features and the most probable class.

#[path = "../harness/requirements.rs"]
mod requirements;

use std::path::Path;

use lineament::data::{Rgb8Image, decode};
use lineament::nn::weights::WeightsFile;
use lineament::nn::{Model, Top};
use lineament::ops::Interpolation;
use lineament::plan::Precision;

const PHOTOGRAPHS: &str = "kernels-tests/golden/imagenet-photos";

/// Weights file, suffix of the expected tensor, number of outputs, and largest absolute difference in 32-bit and 16-bit floats.
const MODELS: [(&str, &str, usize, f32, f32); 3] = [
    ("weights/mobilenet_v2_imagenet.safetensors", "tf.logits", 1000, 0.02, 0.3),
    ("weights/mobilenet_v2_imagenet.safetensors", "tf.feat", 1280, 0.002, 0.3),
    ("kernels-tests/golden/models/mobilenet_v2_035_imagenet.safetensors", "a035.feat", 1280, 0.002, 0.3),
];

fn photographs(expected: &WeightsFile, suffix: &str) -> Vec<(String, Rgb8Image)> {
    let names = expected.names().into_iter();
    let stems = names.filter_map(|name| name.strip_suffix(&format!(".{suffix}")).map(String::from));
    stems.map(|stem| (stem.clone(), decode(&Path::new(PHOTOGRAPHS).join(format!("{stem}.png"))).unwrap())).collect()
}

fn largest(values: &[f32]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap()
}

#[test]
fn thirteen_photographs_agree_with_onnx_runtime() {
    let Some(device) = requirements::device() else { return };
    let expected = WeightsFile::open(&Path::new(PHOTOGRAPHS).join("expected.safetensors")).unwrap();
    let precisions =
        [Precision::F32, Precision::F16].into_iter().filter(|one| *one == Precision::F32 || device.report().shader_f16);
    let cases = precisions.flat_map(|precision| MODELS.map(|model| (precision, model)));
    for (precision, (weights, suffix, outputs, bound, bound_of_f16)) in cases {
        let mut model = Model { precision, ..Model::open(Path::new(weights), None).unwrap() };
        let bound = if precision == Precision::F16 { bound_of_f16 } else { bound };
        if suffix.ends_with("feat") {
            model.top = Top::None;
        }
        let photographs = photographs(&expected, suffix);
        assert_eq!(photographs.len(), 13);
        // A batch of five leaves the last one partly filled.
        let mut runner = model.runner(&device, 5, Interpolation::Nearest);
        for batch in photographs.chunks(5) {
            let images: Vec<&Rgb8Image> = batch.iter().map(|(_, image)| image).collect();
            let results = runner.run(&device, &images).unwrap();
            assert_eq!(results, runner.run(&device, &images).unwrap(), "two runs differ");
            for ((name, _), result) in batch.iter().zip(results.chunks_exact(outputs)) {
                let wanted = expected.f32(&format!("{name}.{suffix}"), &[outputs]).unwrap();
                let difference = result.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(difference <= bound, "{name}.{suffix} in {precision}: differs by {difference}, bound {bound}");
                // In 16-bit floats the two largest features can be equal.
                if precision == Precision::F32 || suffix.ends_with("logits") {
                    assert_eq!(largest(result), largest(&wanted), "{name}.{suffix} in {precision}: another largest value");
                }
            }
        }
    }
}

#[test]
fn images_of_many_pixels_are_run_in_parts() {
    let Some(device) = requirements::device() else { return };
    let mut model = Model::open(Path::new(MODELS[2].0), None).unwrap();
    model.top = Top::None;
    // A binding of 128 MiB cannot hold three of these images.
    let images: Vec<Rgb8Image> = (0..3_u32)
        .map(|shade| {
            let pixels = (0..4096 * 4096 * 3_u32).map(|at| (at / 50_331 + 60 * shade) as u8).collect();
            Rgb8Image { width: 4096, height: 4096, pixels }
        })
        .collect();
    let mut runner = model.runner(&device, 3, Interpolation::Nearest);
    let together = runner.run(&device, &images.iter().collect::<Vec<_>>()).unwrap();
    let apart: Vec<f32> = images.iter().flat_map(|image| runner.run(&device, &[image]).unwrap()).collect();
    assert_eq!(together, apart);
    assert_ne!(together[..1280], together[1280..2560]);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_with_one_that_does() {
    let Some(device) = requirements::device() else { return };
    let model = Model::open(Path::new(MODELS[0].0), None).unwrap();
    let image = Rgb8Image { width: 1, height: 1, pixels: vec![128; 3] };
    // Activations that a binding cannot hold are split. The images, of 224 × 224 pixels with four channels, are not.
    let fits = device.capabilities().binding_bytes / (224 * 224 * 16);
    if fits >= 4096 {
        return;
    }
    let error = model.runner(&device, 4096, Interpolation::Nearest).run(&device, &[&image]).unwrap_err().to_string();
    assert!(error.contains(&format!("--batch {fits}")), "{error}");
}

#[test]
fn a_batch_whose_activations_exceed_a_binding_gives_what_its_images_give() {
    let Some(device) = requirements::device() else { return };
    let model = Model::open(Path::new(MODELS[2].0), None).unwrap();
    let image = |at: u32| {
        let pixels = (0..3 * 8 * 8).map(|byte| ((byte * 37 + at * 11) % 251) as u8).collect();
        Rgb8Image { width: 8, height: 8, pixels }
    };
    // The narrow network has 48 channels of 112 × 112 values, so 128 MiB hold 54 images.
    let images: Vec<Rgb8Image> = (0..60).map(image).collect();
    let together = model.runner(&device, 60, Interpolation::Nearest).run(&device, &images.iter().collect::<Vec<_>>()).unwrap();
    let mut runner = model.runner(&device, 1, Interpolation::Nearest);
    for at in [0, 53, 54, 59] {
        let alone = runner.run(&device, &[&images[at]]).unwrap();
        for (a, b) in alone.iter().zip(&together[at * alone.len()..]) {
            assert!((a - b).abs() < 1e-4, "image {at}: {a} and {b}");
        }
    }
}
