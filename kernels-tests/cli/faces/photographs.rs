//! Predicts the attributes of portraits that were pasted on photographs, and compares them with the portraits' labels.

use std::collections::BTreeMap;

use lineament::app::{FaceSelection, PredictionOptions, Predictor, model_path};
use lineament::data::{FaceMark, ImageSource};
use lineament::nn::Model;
use lineament::nn::weights::CELEBA_MODEL;

use super::compose::{Numbers, Pasted, compose, portraits, write};
use super::{expected, requirements};

/// The labelled attributes that are scored. Of `Smiling` there are too few clear cases.
const ATTRIBUTES: [&str; 7] = ["Male", "Eyeglasses", "Bald", "Gray_Hair", "Blond_Hair", "No_Beard", "Wearing_Necktie"];

/// Returns the labels of each portrait: 1, 0, or −1 for unsure.
fn labels() -> BTreeMap<String, BTreeMap<String, i8>> {
    let text = std::fs::read_to_string("tools/faces/labels.csv").unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let labels = header.iter().zip(&fields).skip(1).map(|(name, label)| (name.to_string(), label.parse().unwrap()));
            (fields[0].to_string(), labels.collect())
        })
        .collect()
}

/// Returns whether a box holds the middle of a portrait's face, which OpenCV found in the portrait itself, and has about its
/// size.
fn shows(mark: &FaceMark, pasted: &Pasted, of_portrait: &[f64]) -> bool {
    let [left, top, width, height] = mark.bounds.map(f64::from);
    let [x, y] = pasted.place([of_portrait[0] + of_portrait[2] / 2.0, of_portrait[1] + of_portrait[3] / 2.0]);
    let middle = [left + width / 2.0, top + height / 2.0];
    (middle[0] - x).hypot(middle[1] - y) < width / 4.0
}

#[test]
fn every_face_pasted_on_a_photograph_is_found_and_its_attributes_are_right() {
    let Some(device) = requirements::device() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(2019);
    let names = portraits();
    let (mut rest, mut photographs) = (&names[..], Vec::new());
    // One to four portraits on each photograph. One in eight photographs is as large as a phone's.
    while !rest.is_empty() {
        let count = (photographs.len() % 4 + 1).min(rest.len());
        let (these, others) = rest.split_at(count);
        let size = if photographs.len() % 8 == 3 { [4000, 3000] } else { [2000, 1500] };
        let cells = if size[0] == 4000 { [4, 3] } else { [count.min(2) as u32, count.div_ceil(2) as u32] };
        let (photograph, pasted) = compose(these, size, cells, &mut numbers);
        photographs.push((write(&photograph, folder.path(), &format!("{:02}.jpg", photographs.len())), pasted));
        rest = others;
    }
    let images: Vec<ImageSource> = photographs.iter().map(|(path, _)| path.clone().into()).collect();
    let model = Model::open(&model_path(None, CELEBA_MODEL).unwrap(), None).unwrap();
    let options = PredictionOptions { faces: FaceSelection::All, ..PredictionOptions::default() };
    let predictions = Predictor::new(&device, &model, options).unwrap().predict(&images).unwrap();
    assert!(predictions.failures.is_empty() && predictions.faceless.is_empty());
    let table = &predictions.table;

    let (expected, labels) = (expected(), labels());
    // Right and all decisions of each attribute, for the label 0 and the label 1.
    let mut counts = [[[0_u32; 2]; 2]; ATTRIBUTES.len()];
    let mut others: Vec<usize> = (0..table.images.len()).collect();
    for (index, (path, pasted)) in photographs.iter().enumerate() {
        for one in pasted {
            let key = format!("tools/faces/{}", one.name);
            let of_portrait: Vec<f64> = serde_json::from_value(expected["faces"][&key][0].clone()).unwrap();
            let rows = (0..table.images.len()).filter(|row| predictions.used[*row] == index);
            let rows: Vec<usize> = rows.filter(|row| shows(&table.faces[*row], one, &of_portrait)).collect();
            assert!(!rows.is_empty(), "{} is not found in {}", one.name, path.display());
            others.retain(|row| *row != rows[0]);
            for (attribute, counts) in ATTRIBUTES.iter().zip(&mut counts) {
                let column = table.attributes.iter().position(|name| name == attribute).unwrap();
                let predicted = table.row(rows[0])[column] > 0.5;
                if let Ok(label) = usize::try_from(labels[&one.name][*attribute]) {
                    counts[label][0] += u32::from(predicted == (label == 1));
                    counts[label][1] += 1;
                }
            }
        }
    }
    let others: Vec<_> = others.iter().map(|row| (&table.images[*row], &table.faces[*row])).collect();
    assert!(others.is_empty(), "found what is no face, or a face twice: {others:#?}");
    // The mean over the attributes moves by 0.014 with a single decision, because only five of the portraits are bald or blond.
    // So all decisions together are bounded more closely than this mean.
    let share = |[right, all]: [u32; 2]| f64::from(right) / f64::from(all);
    let balanced = counts.map(|of_labels| of_labels.map(share).iter().sum::<f64>() / 2.0);
    for (attribute, balanced) in ATTRIBUTES.iter().zip(balanced) {
        println!("{attribute}: balanced accuracy {balanced:.3}");
    }
    let mean = balanced.iter().sum::<f64>() / balanced.len() as f64;
    let sum = |label: usize| [0, 1].map(|which| counts.iter().map(|of_labels| of_labels[label][which]).sum::<u32>());
    let together = (share(sum(0)) + share(sum(1))) / 2.0;
    println!(
        "{} faces on {} photographs: balanced accuracy of all decisions {together:.4}, mean over the attributes {mean:.4}",
        names.len(),
        photographs.len()
    );
    assert!(together >= 0.95, "balanced accuracy {together}: {counts:?}");
    assert!(mean >= 0.93, "mean balanced accuracy {mean}: {balanced:?}");
}
