//! The silhouette of a clustering (Rousseeuw 1987), on the GPU, with scikit-learn's conventions.

use super::ClusterError;
use super::rows::Rows;
use crate::gpu::Gpu;
use crate::kernels::{Metric, SILHOUETTE, SilhouetteSlice};
use crate::scheduler::{Plan, Program};

/// Predicted seconds of one dispatch, at most: a driver gives up on a command that takes longer than about two.
const STEP_SECONDS: f64 = 0.25;

/// How well each row sits in its cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// One for each row, in [−1, 1]; 0 where a row is alone in its cluster.
    pub samples: Vec<f32>,
    /// Their mean.
    pub mean: f64,
}

/// The silhouette of `[n, d]` row-major values under `labels`, `[n]`. −1 is a label like any other, as in scikit-learn.
///
/// Rows that are alike and in one cluster are computed once and counted as often as they occur, which is exact.
///
/// # Errors
/// Values or labels that do not fit, fewer than two labels or as many as rows, data that do not fit the adapter, or
/// whatever the device reports.
pub fn silhouette(
    gpu: &Gpu,
    rows: &[f32],
    n: usize,
    d: usize,
    labels: &[i64],
    metric: Metric,
) -> Result<Silhouette, ClusterError> {
    let rows = Rows::new("row", rows, n, d)?;
    if labels.len() != n {
        return Err(ClusterError::Labels { found: labels.len(), rows: n });
    }
    let groups = Groups::new(&rows, labels);
    let clusters = groups.occurrences.len();
    if clusters < 2 || clusters >= n {
        return Err(ClusterError::SilhouetteLabels { labels: clusters, rows: n });
    }
    let (values, traits) = groups.values(&rows, metric);
    let limit = gpu.limits().max_storage_buffer_binding_size.min(gpu.limits().max_buffer_size);
    let bytes = 4 * values.len() as u64;
    if bytes > limit {
        return Err(ClusterError::TooLarge { what: "the data", bytes, limit });
    }

    let (count, columns) = (groups.first.len() as u32, rows.padded as u32);
    let mut plan = Plan::new("silhouette");
    let inputs: [(&str, &[u8]); 4] = [
        ("rows", bytemuck::cast_slice(&values)),
        ("traits", bytemuck::cast_slice(&traits)),
        ("starts", bytemuck::cast_slice(&groups.starts)),
        ("occurrences", bytemuck::cast_slice(&groups.occurrences)),
    ];
    let views = inputs.map(|(label, bytes)| plan.persistent(label, bytes.len() as u64));
    let out = plan.persistent("silhouettes", 4 * u64::from(count));
    let target = gpu.target();
    let variant = target.distances(&SILHOUETTE, count);
    let row_seconds = gpu.predicted_seconds(SilhouetteSlice::cost(count, columns, 256)) / 256.0;
    let slice = ((STEP_SECONDS / row_seconds) as u32 / 256 * 256).max(256);
    for first_row in (0..count).step_by(slice as usize) {
        let end_row = count.min(first_row.saturating_add(slice));
        let step = SilhouetteSlice { rows: count, columns, clusters: clusters as u32, first_row, end_row, metric };
        let [rows, traits, starts, occurrences] = views;
        let label = format!("silhouette {first_row}..{end_row}");
        plan.push(step.step(&label, variant, target.lanes, [rows, traits, starts, occurrences, out]));
    }
    let program = Program::new(gpu, &plan, &[])?;
    for (view, (_, bytes)) in views.into_iter().zip(inputs) {
        program.write(gpu, view, bytes);
    }
    program.run(gpu)?;
    let of_groups = program.read(gpu, out)?;
    let samples: Vec<f32> = groups.group_of.iter().map(|group| of_groups[*group as usize]).collect();
    let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / n as f64;
    Ok(Silhouette { samples, mean })
}

/// Rows sorted by cluster, with those that are alike in one cluster taken together.
struct Groups {
    /// A row of each group.
    first: Vec<u32>,
    /// How many rows each group has.
    counts: Vec<f32>,
    /// The group of each row.
    group_of: Vec<u32>,
    /// First group of each cluster, then the number of groups.
    starts: Vec<u32>,
    /// Rows of each cluster.
    occurrences: Vec<f32>,
}

impl Groups {
    fn new(rows: &Rows, labels: &[i64]) -> Groups {
        let mut order: Vec<u32> = (0..rows.count as u32).collect();
        // Ties are broken by position, so the order, and with it every sum, is always the same.
        order.sort_unstable_by(|a, b| {
            let key = |index: u32| (labels[index as usize], rows.bits(index as usize));
            key(*a).cmp(&key(*b)).then(a.cmp(b))
        });
        let mut groups = Groups {
            first: Vec::new(),
            counts: Vec::new(),
            group_of: vec![0; rows.count],
            starts: Vec::new(),
            occurrences: Vec::new(),
        };
        let mut before: Option<usize> = None;
        for index in order.into_iter().map(|index| index as usize) {
            let new_cluster = before.is_none_or(|before| labels[before] != labels[index]);
            if new_cluster {
                groups.starts.push(groups.first.len() as u32);
                groups.occurrences.push(0.0);
            }
            if new_cluster || before.is_none_or(|before| rows.bits(before) != rows.bits(index)) {
                groups.first.push(index as u32);
                groups.counts.push(0.0);
            }
            groups.group_of[index] = groups.first.len() as u32 - 1;
            if let (Some(count), Some(occurrences)) = (groups.counts.last_mut(), groups.occurrences.last_mut()) {
                *count += 1.0;
                *occurrences += 1.0;
            }
            before = Some(index);
        }
        groups.starts.push(groups.first.len() as u32);
        groups
    }

    /// Row and traits of each group, as the kernel takes them.
    fn values(&self, rows: &Rows, metric: Metric) -> (Vec<f32>, Vec<[f32; 2]>) {
        let mut values = Vec::with_capacity(self.first.len() * rows.padded);
        let mut traits = Vec::with_capacity(self.first.len());
        for (index, count) in self.first.iter().zip(&self.counts) {
            let row = rows.row(*index as usize);
            let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            let zero = metric == Metric::Cosine && length == 0.0;
            let scale = if metric == Metric::Cosine && !zero { length } else { 1.0 };
            values.extend(row.iter().map(|value| (f64::from(*value) / scale) as f32));
            traits.push([*count, if zero { 0.5 } else { 0.0 }]);
        }
        (values, traits)
    }
}
