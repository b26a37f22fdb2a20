//! Reference of `kmeans_reduce`: sums\[r, e\] = Σ_chunk partials\[r, chunk, e\].

use crate::ops::RestartState;

/// Returns the sums, `[restarts, entries]`, where an entry is one f32 value. A finished restart keeps the values of `before`.
pub fn kmeans_reduce([chunks, entries]: [usize; 2], partials: &[f32], states: &[RestartState], before: &[f32]) -> Vec<f64> {
    let mut sums = Vec::new();
    for (r, state) in states.iter().enumerate() {
        for e in 0..entries {
            if state.finished != 0 {
                sums.push(f64::from(before[r * entries + e]));
            } else {
                sums.push((0..chunks).map(|chunk| f64::from(partials[(r * chunks + chunk) * entries + e])).sum());
            }
        }
    }
    sums
}
