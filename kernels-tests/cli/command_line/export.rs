//! Tests of the files for other programs: ONNX Runtime and PyTorch predict from them what `lineament predict` predicts.

use std::path::{Path, PathBuf};
use std::process::Command;

use lineament::data::AttributeTable;
use lineament::nn::weights::WeightsFile;

use super::{BACKBONE, lineament, model, refused, text};
use crate::requirements::python_with;

const CELEBA: &str = "weights/mobilenet_v2_celeba.safetensors";
const IMAGENET: &str = "weights/mobilenet_v2_imagenet.safetensors";
const HEAD: &str = "weights/mobilenet_v2_celeba_head.safetensors";

/// Pictures that need no decoder with a choice of its own, in sizes that are resized and in one that is not.
const IMAGES: [&str; 4] = [
    "kernels-tests/golden/augment/face_178x218.png",
    "kernels-tests/golden/imagenet-photos/astronaut.png",
    "kernels-tests/golden/imagenet-photos/cat.png",
    "kernels-tests/golden/imagenet-photos/owl.png",
];

/// Runs a command that prints a table, and returns the table.
fn table(command: &mut Command) -> AttributeTable {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, &output.stdout).unwrap();
    AttributeTable::read(&path).unwrap()
}

fn predicted(model: &str) -> AttributeTable {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineament"));
    table(command.args(["predict", "--model", model]).args(IMAGES).env("LINEAMENT_TUNING", "off"))
}

fn assert_close(found: &AttributeTable, right: &AttributeTable, bound: f32) {
    assert_eq!((&found.attributes, &found.images), (&right.attributes, &right.images));
    assert_eq!(found.values.len(), right.values.len());
    let differences = found.values.iter().zip(&right.values).map(|(found, right)| (found - right).abs());
    let largest = differences.fold(0.0, f32::max);
    assert!(largest <= bound, "the largest difference is {largest}, more than {bound}");
}

fn exported(model: &str, part: &str, folder: &Path) -> PathBuf {
    let out = folder.join(format!("{part}.onnx"));
    let output = lineament(&["export", "--onnx", out.to_str().unwrap(), "--model", model, "--part", part, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["opset"], &said["bytes"]), (&13.into(), &std::fs::metadata(&out).unwrap().len().into()));
    out
}

#[test]
fn onnx_runtime_predicts_the_same_from_an_exported_model() {
    let Some(python) = python_with(&["onnx", "onnxruntime", "numpy", "PIL"], true) else { return };
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, small) = model();
    let onnx = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        table(command.arg("tools/onnx_predict.py").args(arguments).args(IMAGES))
    };
    // A model with its input size in the header, and a head with its backbone in another file.
    for name in [CELEBA, &small] {
        let right = predicted(name);
        let whole = exported(name, "whole", folder.path());
        assert_close(&onnx(&[whole.to_str().unwrap()]), &right, 1e-4);
        let [backbone, head] = ["backbone", "head"].map(|part| exported(name, part, folder.path()));
        assert_close(&onnx(&[backbone.to_str().unwrap(), "--head", head.to_str().unwrap()]), &right, 1e-4);
    }

    // ImageNet's logits, which another program computed: the pictures need no resizing.
    let whole = exported(IMAGENET, "whole", folder.path());
    let logits = onnx(&[whole.to_str().unwrap()]).values;
    let golden = WeightsFile::open(Path::new("kernels-tests/golden/imagenet-photos/expected.safetensors")).unwrap();
    for (image, name) in [(1, "astronaut"), (2, "cat"), (3, "owl")] {
        let right = golden.f32(&format!("{name}.tf.logits"), &[1000]).unwrap();
        for (found, right) in logits[image * 1000..][..1000].iter().zip(&right) {
            assert!((found - right).abs() < 1e-3, "{name}: {found} and {right}");
        }
    }
}

#[test]
fn pytorch_predicts_the_same_from_our_weights() {
    let Some(python) = python_with(&["torch", "torchvision", "safetensors", "PIL"], false) else { return };
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (_folder, small) = model();
    for name in [CELEBA, HEAD, &small] {
        let mut command = Command::new(&python);
        let found = table(command.arg("tools/lineament_torch.py").arg(name).args(IMAGES));
        assert_close(&found, &predicted(name), 1e-5);
    }
    // What PyTorch does with the same tensors by itself is something else, and is not said.
    let alone = "import sys; sys.path.insert(0, 'tools'); import torch, torchvision; from PIL import Image\n\
                 from lineament_torch import load, _read\n\
                 from pathlib import Path\n\
                 ours = load(sys.argv[1]); alone = torchvision.models.mobilenet_v2(weights=None).eval()\n\
                 alone.load_state_dict(_read(Path(sys.argv[1]))[0], strict=False)\n\
                 image = ours.prepare(Image.open(sys.argv[2]))[None]\n\
                 with torch.inference_mode(): print((alone(image) - ours(image)).abs().max().item())";
    let output = Command::new(&python).args(["-B", "-c", alone, IMAGENET, IMAGES[2]]).output().unwrap();
    let difference: f32 = text(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert!(difference > 0.5, "load_state_dict alone differs by {difference}");
}

#[test]
fn an_export_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.onnx");
    let out = out.to_str().unwrap();
    refused(&["export", "--onnx", out, "--model", BACKBONE, "--part", "head"], 2, &["--part backbone"]);
    refused(&["export", "--onnx", "no/such/folder/a.onnx"], 1, &["no/such/folder"]);
    let copy = folder.path().join("model.safetensors");
    std::fs::copy(BACKBONE, &copy).unwrap();
    let copy = copy.to_str().unwrap();
    refused(&["export", "--onnx", copy, "--model", copy], 2, &["would be overwritten"]);
    assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(BACKBONE).unwrap());
    assert!(!Path::new(out).exists());
}
