//! Metrics that depend only on the order of the scores, not on a threshold. Equal scores are treated as one step of the
//! threshold, as in scikit-learn.

use std::cmp::Reverse;

/// Returns the area under the ROC curve: among all pairs of an image with label 1 and an image with label 0, the share in
/// which the image with label 1 has the higher score. A tie counts as one half. Returns `None` if only one class occurs.
///
/// `scored` has for each image the score and whether the label is 1.
pub fn roc_auc(scored: &[(f32, bool)]) -> Option<f64> {
    // `above` counts the positives of higher scores, `won` the pairs in which the positive has the higher score.
    let (mut above, mut won) = (0, 0.0);
    for (positives, negatives) in steps(scored) {
        won += negatives as f64 * (above as f64 + positives as f64 / 2.0);
        above += positives;
    }
    let negatives = scored.len() - above;
    (above > 0 && negatives > 0).then(|| won / (above as f64 * negatives as f64))
}

/// Returns the average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over descending thresholds n, where R is the recall and P the precision.
/// There is no interpolation. Returns `None` if no label is 1.
///
/// `scored` has for each image the score and whether the label is 1.
pub fn average_precision(scored: &[(f32, bool)]) -> Option<f64> {
    let (mut found, mut taken, mut sum) = (0, 0, 0.0);
    for (positives, negatives) in steps(scored) {
        found += positives;
        taken += positives + negatives;
        sum += positives as f64 * found as f64 / taken as f64;
    }
    (found > 0).then(|| sum / found as f64)
}

/// Returns for each distinct score the number of images with label 1 and with label 0. The highest score comes first.
fn steps(scored: &[(f32, bool)]) -> Vec<(usize, usize)> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(Reverse(a.1).cmp(&Reverse(b.1))));
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|step| {
            let positives = step.iter().filter(|(_, positive)| *positive).count();
            (positives, step.len() - positives)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: &[f32], labels: &[u8]) -> Vec<(f32, bool)> {
        scores.iter().zip(labels).map(|(score, label)| (*score, *label == 1)).collect()
    }

    #[test]
    fn areas_and_precisions_follow_their_definitions() {
        // (scores, labels, area under the ROC curve, average precision), calculated by hand.
        type Case<'a> = (&'a [f32], &'a [u8], Option<f64>, Option<f64>);
        let cases: [Case; 8] = [
            // One of the four pairs is in the wrong order. The precision is 1 at recall 1/2, and 2/3 at recall 1.
            (&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1], Some(0.75), Some(0.5 + 0.5 * 2.0 / 3.0)),
            (&[0.1, 0.2, 0.8, 0.9], &[0, 0, 1, 1], Some(1.0), Some(1.0)),
            (&[0.9, 0.8, 0.2, 0.1], &[0, 0, 1, 1], Some(0.0), Some(0.5 / 3.0 + 0.5 * 0.5)),
            // All scores are equal, so every pair is a tie and the precision is the share of positives.
            (&[0.5; 4], &[1, 0, 0, 0], Some(0.5), Some(0.25)),
            // The positive ties with one negative and is above the other: (1/2 + 1) of two pairs.
            (&[0.7, 0.7, 0.1], &[1, 0, 0], Some(0.75), Some(0.5)),
            // 0 and -0 are the same score.
            (&[0.0, -0.0], &[1, 0], Some(0.5), Some(0.5)),
            (&[0.3, 0.6], &[0, 0], None, None),
            (&[0.3, 0.6], &[1, 1], None, Some(1.0)),
        ];
        for (scores, labels, area, precision) in cases {
            let pairs = scored(scores, labels);
            assert_eq!(roc_auc(&pairs), area, "{scores:?} {labels:?}");
            let found = average_precision(&pairs);
            assert_eq!(found.is_some(), precision.is_some(), "{scores:?} {labels:?}");
            assert!(found.zip(precision).is_none_or(|(a, b)| (a - b).abs() < 1e-15), "{scores:?} {labels:?}: {found:?}");
            let reversed: Vec<_> = pairs.into_iter().rev().collect();
            assert_eq!(
                (roc_auc(&reversed), average_precision(&reversed)),
                (area, found),
                "the order of the images must not matter"
            );
        }
        assert_eq!((roc_auc(&[]), average_precision(&[])), (None, None));
    }
}
