//! Tests of finding, aligning and predicting the faces in photographs.

mod command_line;
#[path = "../../../tools/examples/compose.rs"]
mod compose;
mod photographs;
#[path = "../../harness/requirements.rs"]
mod requirements;

use std::path::Path;

use lineament::app::{FaceFinder, FaceOptions, FoundFace};
use lineament::data::{Rgb8Image, decode};

/// Faces that OpenCV found, with the versions of what computed them.
const EXPECTED: &str = "kernels-tests/golden/faces/expected.json";

/// Returns the faces that OpenCV found in each picture: box, landmarks and score, 15 numbers each.
fn expected() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(EXPECTED).unwrap()).unwrap()
}

/// Returns the mosaic of portraits that the golden data name.
fn mosaic(size: &serde_json::Value) -> Rgb8Image {
    let [width, height] = [0, 1].map(|axis| size[axis].as_u64().unwrap() as u32);
    let mut mosaic = Rgb8Image { width, height, pixels: vec![90; 3 * (width * height) as usize] };
    for (index, name) in compose::portraits().iter().take(6).enumerate() {
        let portrait = decode(&Path::new("tools/faces").join(name)).unwrap();
        let (top, left) = (410 * (index / 3), 335 * (index % 3));
        for row in 0..410 {
            let to = 3 * ((top + row) * width as usize + left);
            mosaic.pixels[to..to + 3 * 335].copy_from_slice(&portrait.pixels[3 * 335 * row..3 * 335 * (row + 1)]);
        }
    }
    mosaic
}

/// Returns the largest difference in pixels of box and landmarks, and that of the scores.
fn differences(found: &FoundFace, expected: &[f64]) -> (f64, f64) {
    let numbers = found.face.bounds.iter().chain(found.face.landmarks.as_flattened());
    let places = numbers.zip(expected).map(|(number, wanted)| (f64::from(*number) - wanted).abs());
    (places.fold(0.0, f64::max), (f64::from(found.face.score) - expected[14]).abs())
}

#[test]
fn the_detector_agrees_with_opencv() {
    let Some(device) = requirements::device() else { return };
    let expected = expected();
    let threshold = expected["threshold"].as_f64().unwrap() as f32;
    let mut finder = FaceFinder::open(&device, FaceOptions { threshold, ..FaceOptions::default() }).unwrap();
    let (mut compared, mut worst) = (0, (0.0_f64, 0.0_f64));
    for (name, faces) in expected["faces"].as_object().unwrap() {
        let picture = if name == "mosaic" { mosaic(&expected["mosaic"]) } else { decode(Path::new(name)).unwrap() };
        let found = finder.find(&picture).unwrap();
        let faces: Vec<Vec<f64>> = serde_json::from_value(faces.clone()).unwrap();
        assert_eq!(found.len(), faces.len(), "{name}: {found:?}");
        for face in &faces {
            let of_each = found.iter().map(|found| differences(found, face));
            let best = of_each.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            assert!(best.0 <= 1.0 && best.1 <= 0.01, "{name}: differs by {} pixels and a score of {}", best.0, best.1);
            worst = (worst.0.max(best.0), worst.1.max(best.1));
            compared += 1;
        }
    }
    println!("{compared} faces: places differ by at most {:.4} pixels, scores by {:.5}", worst.0, worst.1);
    assert_eq!(compared, 104);
}

#[test]
fn a_photograph_of_24_megapixels_is_searched_within_the_limits() {
    let Some(device) = requirements::device() else { return };
    let names = &compose::portraits()[..4];
    let (photograph, pasted) = compose::compose(names, [6000, 4000], [12, 8], &mut compose::Numbers::new(24));
    let photograph = Rgb8Image { width: 6000, height: 4000, pixels: photograph.into_raw() };
    let mut finder = FaceFinder::open(&device, FaceOptions { smallest: Some(40), ..FaceOptions::default() }).unwrap();
    let found = finder.find(&photograph).unwrap();
    for one in &pasted {
        let [x, y] = one.place([167.0, 170.0]);
        let near = |found: &&FoundFace| {
            let [left, top, width, height] = found.face.bounds.map(f64::from);
            (left..left + width).contains(&x) && (top..top + height).contains(&y)
        };
        assert_eq!(found.iter().filter(near).count(), 1, "{}: {found:?}", one.name);
    }
}
