//! The Python package: it is built and installed in a fresh environment, and used from another folder.

use std::path::Path;
use std::process::{Command, Output};

use lineament::data::AttributeTable;

use super::{face, text};
use crate::requirements::python_with;

/// What a user of the package does; the arguments are three pictures and one that is missing.
const USE: &str = r#"
import json, sys
import numpy as np
import lineament

pictures = sys.argv[1:4]
found = lineament.predict(pictures)
assert found.is_complete and found.images == pictures, found
assert found.probabilities.shape == (3, 37) and found.probabilities.dtype == np.float32
assert found.attributes[20 - 2] == "Male", found.attributes
clusters = lineament.cluster(found, k=2, select=["Male", "Smiling"])
assert clusters.labels.shape == (3,) and sum(clusters.sizes) == 3 and clusters.details["select"] == ["Male", "Smiling"]
rows = [[0, 0], [0, 1], [9, 9], [9, 8]]
labels = lineament.cluster(np.array(rows), k=2).labels
assert labels[0] == labels[1] != labels[2] == labels[3], labels
broken = sys.argv[4]
some = lineament.predict([*pictures, broken])
assert not some.is_complete and len(some.images) == 3 and any(broken in line for line in some.messages), some.messages
for wrong, part in [(lambda: lineament.predict(["no/such.jpg"]), "no/such.jpg"), (lambda: lineament.cluster(rows, k=9), "9")]:
    try:
        wrong()
    except lineament.LineamentError as error:
        assert part in str(error) and error.status in (1, 2), error
    else:
        raise AssertionError(part)
print(json.dumps(found.probabilities.tolist()))
"#;

fn succeeded(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

#[test]
#[ignore = "builds the library once more, which takes minutes: `cargo test --release --test command_line wheel -- --ignored`"]
fn the_wheel_works_in_a_fresh_environment_and_from_any_folder() {
    let Some(python) = python_with(&["maturin", "numpy"], true) else { return };
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wheels = folder.path().join("wheels");
    let mut build = Command::new(&python);
    // What is compiled is kept for the next time, but the program that other tests run is not replaced.
    let target = Path::new(env!("CARGO_BIN_EXE_lineament")).ancestors().nth(2).unwrap();
    build.env("CARGO_BUILD_BUILD_DIR", target).env("CARGO_TARGET_DIR", folder.path().join("target"));
    succeeded(build.args(["-m", "maturin", "build", "--release", "--out"]).arg(&wheels).current_dir("tools/python"));
    let wheel = std::fs::read_dir(&wheels).unwrap().next().expect("a wheel").unwrap().path();
    let archive = zip::ZipArchive::new(std::fs::File::open(&wheel).unwrap()).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    for end in [
        "scripts/lineament",
        "data/share/lineament/mobilenet_v2_celeba.safetensors",
        "data/share/lineament/mobilenet_v2_imagenet.safetensors",
        "data/share/lineament/README.md",
        "lineament/__init__.py",
        "lineament/py.typed",
    ] {
        assert!(names.iter().any(|name| name.ends_with(end)), "{end} is not among {names:?}");
    }

    let environment = folder.path().join("environment");
    succeeded(Command::new(&python).args(["-m", "venv"]).arg(&environment));
    let installed = environment.join("bin/python");
    succeeded(Command::new(&installed).args(["-m", "pip", "install", "-q", "--no-deps", "--no-index"]).arg(&wheel));
    // numpy is not installed again.
    let numpy = "import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])";
    let numpy = text(&succeeded(Command::new(&python).args(["-c", numpy])).stdout);

    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("broken.jpg"), "no picture").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let faces: Vec<_> = (0..3).map(|index| root.join(face(index))).collect();
    let mut command = Command::new(&installed);
    command.args(["-c", USE]).args(&faces).arg("broken.jpg").current_dir(&elsewhere);
    command.env("PYTHONPATH", numpy.trim()).env_remove("LINEAMENT_WEIGHTS").env("LINEAMENT_TUNING", "off");
    let said = text(&succeeded(&mut command).stdout);
    let found: Vec<Vec<f32>> = serde_json::from_str(&said).unwrap();

    // The program finds the weights that the wheel brought, and they predict the same.
    let program = environment.join("bin/lineament");
    let mut command = Command::new(&program);
    command.arg("predict").args(&faces).args(["--run", "run"]).current_dir(&elsewhere);
    succeeded(command.env_remove("LINEAMENT_WEIGHTS").env("LINEAMENT_TUNING", "off"));
    let config = std::fs::read_to_string(elsewhere.join("run/config.json")).unwrap();
    assert!(config.contains("environment/share/lineament/mobilenet_v2_celeba.safetensors"), "{config}");
    let table = AttributeTable::read(&elsewhere.join("run/attributes.csv")).unwrap();
    assert_eq!(found.concat(), table.values);
}
