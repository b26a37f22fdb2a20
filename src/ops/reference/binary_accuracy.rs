//! Correct predictions: correct\[a\] += Σ_s (round(p\[s, a\]) = y\[s, a\]), where round rounds half to even

/// Returns `before` plus the number of correct predictions of each attribute. Rows are `channels` wide; only the first
/// `attributes` columns are counted.
pub fn binary_accuracy([attributes, channels]: [usize; 2], predictions: &[f64], labels: &[f64], before: &[u32]) -> Vec<f64> {
    let mut correct: Vec<f64> = before.iter().map(|count| f64::from(*count)).collect();
    for (p, y) in predictions.chunks(channels).zip(labels.chunks(channels)) {
        for a in 0..attributes {
            correct[a] += f64::from(u8::from(p[a].round_ties_even() == y[a]));
        }
    }
    correct
}
