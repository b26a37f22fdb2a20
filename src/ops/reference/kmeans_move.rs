//! Reference of `kmeans_move`: the end of a Lloyd iteration, after scikit-learn's `_relocate_empty_clusters_dense`,
//! `_average_centers` and the stopping rule of `_kmeans_single_lloyd`. There are two differences: equally far rows are ordered by
//! their values, and an empty cluster takes one copy only of a row with a weight above 1.

use crate::ops::{KmeansMove, RestartState};

use super::kmeans_assign::CHANGED;
use super::widen;

/// The inputs of the kernel, in the layouts of `shaders/cluster/kmeans_move.wgsl`.
pub struct Inputs<'a> {
    pub rows: &'a [f32],
    pub weights: &'a [f32],
    pub mean: &'a [f32],
    pub labels: &'a [u32],
    pub distances: &'a [f32],
    pub sums: &'a [f32],
    pub centers: &'a [f32],
    pub states: &'a [RestartState],
}

/// The sums, the centres and the states after the kernel; a state is two numbers.
pub type Outputs = [Vec<f64>; 3];

/// Returns the tensors that the kernel changes.
pub fn kmeans_move(step: KmeansMove, inputs: &Inputs) -> Outputs {
    let [n, d, k] = [step.shape.rows, step.shape.columns, step.shape.clusters].map(|size| size as usize);
    let width = d + 4;
    let (mut sums, mut centers, mut states) = (widen(inputs.sums), widen(inputs.centers), Vec::new());
    for (r, state) in inputs.states.iter().enumerate() {
        if state.finished != 0 {
            states.extend([f64::from(state.finished), f64::from(state.iterations)]);
            continue;
        }
        let distance = |i: &usize| inputs.distances[r * n + i];
        let mut farthest: Vec<usize> = (0..n).filter(|i| inputs.weights[*i] > 0.0).collect();
        let row = |i: &usize| &inputs.rows[i * d..(i + 1) * d];
        farthest.sort_by(|a, b| {
            let by_numbers = row(a).partial_cmp(row(b)).expect("rows hold no NaN");
            distance(b).total_cmp(&distance(a)).then(by_numbers).then(a.cmp(b))
        });
        let empty: Vec<usize> = (0..k).filter(|j| sums[(r * k + j) * width + d] == 0.0).collect();
        let changed: f64 = (0..k).map(|j| sums[(r * k + j) * width + d + 2]).sum();
        let copies = farthest.into_iter().flat_map(|i| {
            let weight = f64::from(inputs.weights[i]);
            (0..weight.ceil() as usize).map(move |copy| (i, (weight - copy as f64).min(1.0)))
        });
        for (j, (i, weight)) in empty.into_iter().zip(copies) {
            if distance(&i) <= 0.0 {
                break;
            }
            let from = (r * k + (inputs.labels[r * n + i] & !CHANGED) as usize) * width;
            let to = (r * k + j) * width;
            for c in 0..d {
                let value = weight * f64::from(inputs.rows[i * d + c]);
                sums[from + c] -= value;
                sums[to + c] = value;
            }
            sums[from + d] -= weight;
            sums[to + d] = weight;
        }
        let mut shift = 0.0;
        for j in 0..k {
            let at = (r * k + j) * width;
            for c in 0..d {
                let center = if sums[at + d] > 0.0 { sums[at + c] / sums[at + d] } else { f64::from(inputs.mean[c]) };
                shift += (center - centers[(r * k + j) * d + c]).powi(2);
                centers[(r * k + j) * d + c] = center;
            }
        }
        let iterations = state.iterations + 1;
        let finished = match () {
            () if changed == 0.0 => 1,
            () if shift <= f64::from(step.tolerance) => 2,
            () if iterations >= step.iterations => 3,
            () => 0,
        };
        states.extend([f64::from(finished), f64::from(iterations)]);
    }
    [sums, centers, states]
}
