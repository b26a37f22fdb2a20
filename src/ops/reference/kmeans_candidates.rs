//! Reference of `kmeans_candidates`: chooses the best candidate for one centre of greedy k-means++, and draws the candidates for
//! the next centre with the same random numbers as the kernel.

use crate::ops::KmeansCandidates;

use super::dropout_mask::random_bits;
use super::kmeans_assign::squared_distance;
use super::widen;

/// Returns the first index at which the running sum exceeds `part` times the total.
fn draw(values: &[f64], part: f64) -> usize {
    let wanted = part * values.iter().sum::<f64>();
    let mut sum = 0.0;
    let passes = |value: &f64| {
        sum += value;
        sum > wanted
    };
    values.iter().position(passes).unwrap_or(0)
}

/// Returns the picks and the centres after the step.
pub fn kmeans_candidates(
    step: KmeansCandidates,
    [rows, weights, closest, potentials]: [&[f32]; 4],
    picks: &[u32],
    centers: &[f32],
) -> (Vec<f64>, Vec<f64>) {
    let shape = step.potential.shape;
    let [n, d, k, restarts] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(|size| size as usize);
    let (trials, s) = (step.potential.trials as usize, step.potential.step as usize);
    let chunk_rows = step.chunk_rows as usize;
    let chunks = n.div_ceil(chunk_rows);
    let mut picks: Vec<u32> = picks.to_vec();
    let mut centers = widen(centers);
    for r in 0..restarts {
        let of_trial = |t: usize| widen(&potentials[(r * trials + t) * chunks..(r * trials + t + 1) * chunks]);
        let total = |t: &usize| of_trial(*t).iter().sum::<f64>();
        let best = if s > 1 { (0..trials).min_by(|a, b| total(a).total_cmp(&total(b))).unwrap_or(0) } else { 0 };
        let at = (r * (k + 1) + s) * (trials + 1);
        let mut chosen = 0;
        if s > 0 {
            chosen = picks[at - trials - 1 + 1 + best] as usize;
            picks[at] = chosen as u32;
            for c in 0..d {
                centers[(r * k + s - 1) * d + c] = f64::from(rows[chosen * d + c]);
            }
        }
        if s == k {
            continue;
        }
        for t in 0..trials {
            let counter = [step.seed as u32, (step.seed >> 32) as u32, step.first_restart + r as u32, (s * trials + t) as u32];
            let parts = random_bits(counter).map(|bits| f64::from(bits >> 8) / 16_777_216.0);
            let chunk = draw(&of_trial(best), parts[0]);
            let chunk = chunk * chunk_rows..((chunk + 1) * chunk_rows).min(n);
            let first = chunk.start;
            let potential = |i: usize| {
                let distance = squared_distance(&rows[i * d..(i + 1) * d], &rows[chosen * d..(chosen + 1) * d]);
                let part = if s == 0 { 1.0 } else { distance.min(f64::from(closest[r * n + i])) };
                f64::from(weights[i]) * part
            };
            picks[at + 1 + t] = (first + draw(&chunk.map(potential).collect::<Vec<f64>>(), parts[1])) as u32;
        }
    }
    (picks.into_iter().map(f64::from).collect(), centers)
}
