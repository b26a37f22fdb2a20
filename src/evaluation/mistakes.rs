//! Finds the most confident mistakes. Looking at these pictures tells most about the model and the labels.

use serde::{Deserialize, Serialize};

use super::metrics::is_wrong;

/// A wrong prediction of one attribute of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The name of the image, as in `attributes.csv`.
    pub image: String,
    /// The name of the attribute.
    pub attribute: String,
    /// The label, 0 or 1.
    pub label: u8,
    /// The predicted probability that the image has the attribute.
    pub probability: f32,
}

/// Returns the `limit` most confident mistakes: the wrong predictions with the largest |p − label|, in descending order.
/// Each image occurs at most once, with its worst attribute. Equal mistakes are in the order of the images, and for one
/// image the first of its equally wrong attributes is taken.
///
/// `probabilities` and `labels` have the shape `[images, attributes]`, row-major.
pub fn confident_mistakes(
    images: &[String],
    attributes: &[String],
    probabilities: &[f32],
    labels: &[u8],
    limit: usize,
) -> Vec<Mistake> {
    let width = attributes.len().max(1);
    let distance = |index: &usize| (probabilities[*index] - f32::from(labels[*index])).abs();
    let worst_of_row = |row: usize| {
        let wrong = (row * width..(row + 1) * width).filter(|index| is_wrong(probabilities[*index], labels[*index]));
        wrong.reduce(|worst, next| if distance(&next) > distance(&worst) { next } else { worst })
    };
    let mut worst: Vec<usize> = (0..images.len()).filter_map(worst_of_row).collect();
    worst.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    worst.truncate(limit);
    let mistake = |index: usize| Mistake {
        image: images[index / width].clone(),
        attribute: attributes[index % width].clone(),
        label: labels[index],
        probability: probabilities[index],
    };
    worst.into_iter().map(mistake).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_occurs_once_with_its_worst_mistake() {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let images = names(&["x", "y", "z", "right", "tie"]);
        let probabilities = [0.8, 0.9, 0.95, 0.3, 0.5, 0.6, 0.1, 0.9, 0.9, 0.1];
        let labels = [0, 0, 0, 1, 1, 0, 0, 1, 0, 1];
        let found = |limit| {
            let mistakes = confident_mistakes(&images, &names(&["a", "b"]), &probabilities, &labels, limit);
            mistakes.into_iter().map(|one| (one.image, one.attribute, one.label)).collect::<Vec<_>>()
        };
        let expected = [("y", "a", 0), ("x", "b", 0), ("tie", "a", 0), ("z", "b", 0)];
        assert_eq!(found(9), expected.map(|(image, attribute, label)| (image.to_string(), attribute.to_string(), label)));
        assert_eq!(found(2), found(9)[..2]);
        assert!(confident_mistakes(&[], &[], &[], &[], 3).is_empty());
    }
}
