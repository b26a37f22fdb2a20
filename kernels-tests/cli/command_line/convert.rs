//! Tests of `lineament convert` with files that Keras 2.2.4 wrote, and of what is said about files that must be converted first.

use std::io::Read;
use std::path::{Path, PathBuf};

use lineament::data::AttributeTable;
use lineament::nn::weights::WeightsFile;

use super::{BACKBONE, lineament, refused, text};

const GOLDEN: &str = "kernels-tests/golden";

/// The images whose predictions are in `keras/predictions.safetensors`, in order.
const IMAGES: [&str; 4] =
    ["augment/face_178x218.png", "imagenet-photos/astronaut.png", "imagenet-photos/cat.png", "imagenet-photos/owl.png"];

/// Unpacks a file of Keras into a folder and returns its path.
fn unpacked(name: &str, folder: &Path) -> PathBuf {
    let file = std::fs::File::open(format!("{GOLDEN}/keras/{name}.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut bytes = Vec::new();
    archive.by_index(0).unwrap().read_to_end(&mut bytes).unwrap();
    let path = folder.join(format!("{name}.hdf5"));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn converted(source: &Path, out: &Path, options: &[&str]) {
    let arguments = ["convert", source.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = lineament(&[&arguments, options].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn files_of_keras_2_2_4_are_converted_and_predict_what_keras_predicted() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let golden = WeightsFile::open(Path::new("kernels-tests/golden/keras/predictions.safetensors")).unwrap();
    let right = golden.f32("predictions", &[4, 3]).unwrap();
    let images = IMAGES.map(|image| format!("{GOLDEN}/{image}"));
    let known = ["--input", "zero-to-one", "--attributes", "Male,Smiling,Young"];
    // The whole model states its input size; weights alone do not.
    for (name, more) in [("whole_model", &[][..]), ("nested_weights", &["--size", "96"])] {
        let source = unpacked(name, folder.path());
        let out = folder.path().join(format!("{name}.safetensors"));
        converted(&source, &out, &[&known[..], more].concat());
        let mut arguments = vec!["predict", "--model", out.to_str().unwrap()];
        arguments.extend(images.iter().map(String::as_str));
        let output = lineament(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let table = folder.path().join("table.csv");
        std::fs::write(&table, &output.stdout).unwrap();
        let table = AttributeTable::read(&table).unwrap();
        assert_eq!(table.attributes, ["Male", "Smiling", "Young"]);
        for (found, right) in table.values.iter().zip(&right) {
            assert!((found - right).abs() < 1e-5, "{name}: {:?} and {right:?}", table.values);
        }
        assert_eq!(table.values.len(), right.len());
    }
    let bytes = ["whole_model", "nested_weights"].map(|name| {
        let file = WeightsFile::open(&folder.path().join(format!("{name}.safetensors"))).unwrap();
        file.names().iter().map(|name| file.f32(name, file.shape(name).unwrap()).unwrap()).collect::<Vec<_>>()
    });
    assert!(bytes[0] == bytes[1], "both files hold the same weights");
}

#[test]
fn conversion_asks_for_all_that_is_not_known_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = unpacked("whole_model", folder.path());
    let out = folder.path().join("out.safetensors");
    let (source, out) = (source.to_str().unwrap(), out.to_str().unwrap());
    let unknown = ["--input", "3 outputs are called", "--attributes"];
    refused(&["convert", source, "--out", out], 1, &unknown);
    let arguments = ["convert", source, "--out", out, "--input", "zero-to-one", "--attributes"];
    refused(&[&arguments[..], &["paper-37"]].concat(), 1, &["3 outputs with names, and 37 names"]);
    refused(&["convert", source, "--out", source, "--input", "zero-to-one"], 2, &["would be overwritten"]);
    refused(&["convert", source, "--out", "no/such/folder/a.safetensors"], 1, &["no/such/folder"]);
    refused(&["convert", "no/such/file.h5", "--out", out], 1, &["no/such/file.h5"]);

    let mut bytes = std::fs::read(source).unwrap();
    bytes.truncate(bytes.len() / 2);
    let cut = folder.path().join("cut.h5");
    std::fs::write(&cut, bytes).unwrap();
    refused(&["convert", cut.to_str().unwrap(), "--out", out], 1, &["cut.h5", "HDF5 that states a length of"]);
    assert!(!Path::new(out).exists());
}

#[test]
fn weights_that_must_be_converted_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let source = unpacked("nested_weights", folder.path());
    let face = format!("{GOLDEN}/{}", IMAGES[0]);
    refused(&["predict", &face, "--model", source.to_str().unwrap()], 1, &["HDF5", "lineament convert"]);

    // Without any of the keys that say how the weights were trained, all are named at once.
    let file = WeightsFile::open(Path::new(BACKBONE)).unwrap();
    let names = file.names();
    let values: Vec<(Vec<usize>, Vec<f32>)> = names
        .iter()
        .map(|name| (file.shape(name).unwrap().to_vec(), file.f32(name, file.shape(name).unwrap()).unwrap()))
        .collect();
    let written = |prefix: &str| {
        let path = folder.path().join("weights.safetensors");
        let named: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
        let tensors =
            named.iter().zip(&values).map(|(name, (shape, values))| lineament::nn::weights::StoredTensor { name, shape, values });
        let precision = lineament::nn::weights::StoredPrecision::F32;
        lineament::nn::weights::write_weights(&path, &tensors.collect::<Vec<_>>(), &Default::default(), precision).unwrap();
        path
    };
    let path = written("");
    let parts = ["'padding' is missing", "'bn_eps' is missing", "'input' is missing", "lineament convert"];
    refused(&["predict", &face, "--model", path.to_str().unwrap()], 1, &parts);
    let path = written("module.");
    refused(&["predict", &face, "--model", path.to_str().unwrap()], 1, &["'module.'", "lineament convert"]);
    // The remedy works.
    let out = folder.path().join("out.safetensors");
    converted(&path, &out, &["--padding", "tf-same", "--epsilon", "0.001", "--input", "minus-one-to-one"]);
    let found = WeightsFile::open(&out).unwrap();
    assert_eq!(found.convention().unwrap(), file.convention().unwrap());
    for (name, (shape, values)) in names.iter().zip(&values) {
        assert_eq!(&found.f32(name, shape).unwrap(), values);
    }
}
