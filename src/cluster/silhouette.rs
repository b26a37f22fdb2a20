//! The silhouette of a clustering (Rousseeuw 1987), computed on the GPU with scikit-learn's conventions.

use super::distance_rows::DistanceRows;
use super::limits::check_buffer;
use super::{ClusterError, CountedRows};
use crate::device::DeviceError;
use crate::ops::{Metric, RowFormat, SilhouetteSlice, silhouette_variant};
use crate::plan::{Plan, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Maximum predicted duration in seconds of one dispatch. Drivers abort commands that take longer than about two seconds.
const STEP_SECONDS: f64 = 0.25;

/// Number of rows that are packed and uploaded at a time.
const ROWS_PER_WRITE: usize = 1 << 14;

/// The silhouettes of `n` rows under a clustering: how much nearer each row is to its own cluster than to the nearest other one.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// Silhouette of each row, shape `[n]`, in [−1, 1]; 0 if the row is alone in its cluster.
    pub samples: Vec<f32>,
    /// Mean of the samples.
    pub mean: f64,
}

/// Computes the silhouettes of the `n` original rows of `rows` under `labels`, shape `[n]`.
///
/// The silhouette of a row is (b − a) / max(a, b), where a is its mean distance to the other rows of its cluster, and b the
/// smallest of its mean distances to the rows of another cluster. As in scikit-learn, the label −1 is a cluster like any other.
///
/// Original rows that share a stored row and a label are computed once and weighted by their number, which does not change the
/// result.
///
/// # Errors
/// [`ClusterError::Labels`] if the number of labels is not `n`, [`ClusterError::SilhouetteLabels`] if fewer than 2 or more than n
/// − 1 labels are distinct, [`ClusterError::TooLarge`] if the data exceed a limit of the adapter, or an error of the device.
pub fn silhouette(device: &Device, rows: &CountedRows, labels: &[i64], metric: Metric) -> Result<Silhouette, ClusterError> {
    SilhouetteScorer::new(device, rows, metric).score(labels)
}

/// Returns the mean silhouette of the rows that are not noise. A negative label marks noise. Returns `None` if it is undefined:
/// with fewer than two clusters, or if every cluster has a single row.
///
/// # Errors
/// Fails as [`silhouette()`] does, except with [`ClusterError::SilhouetteLabels`].
pub fn silhouette_without_noise(
    device: &Device,
    rows: &CountedRows,
    labels: &[i64],
    metric: Metric,
) -> Result<Option<f64>, ClusterError> {
    check_labels(labels, rows)?;
    let kept: Vec<usize> = (0..labels.len()).filter(|row| labels[*row] >= 0).collect();
    let values: Vec<f32> = kept.iter().flat_map(|row| rows.row(rows.of_row[*row] as usize)).copied().collect();
    let labels: Vec<i64> = kept.iter().map(|row| labels[*row]).collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let is_compressed = rows.len() < rows.total();
    let make = if is_compressed { CountedRows::distinct } else { CountedRows::every };
    match silhouette(device, &make(&values, kept.len(), rows.columns)?, &labels, metric) {
        Ok(found) => Ok(Some(found.mean)),
        Err(ClusterError::SilhouetteLabels { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that there is a label for each original row.
fn check_labels(labels: &[i64], rows: &CountedRows) -> Result<(), ClusterError> {
    if labels.len() != rows.total() {
        return Err(ClusterError::Labels { found: labels.len(), rows: rows.total() });
    }
    Ok(())
}

/// Computes silhouettes of several clusterings of the same rows, and keeps the compiled program and its buffers between them.
pub struct SilhouetteScorer<'a> {
    device: &'a Device,
    rows: &'a CountedRows,
    metric: Metric,
    format: RowFormat,
    ready: Option<Ready>,
}

/// A compiled program with buffers for up to `groups` groups and `clusters` clusters.
struct Ready {
    groups: usize,
    clusters: usize,
    /// Number of groups that one dispatch processes.
    slice: usize,
    /// Rows, traits, starts and occurrences.
    views: [View; 4],
    /// The silhouettes.
    out: View,
    program: Program,
}

impl<'a> SilhouetteScorer<'a> {
    /// Creates a scorer for clusterings of `rows`. The device is not used before [`SilhouetteScorer::score`].
    pub fn new(device: &'a Device, rows: &'a CountedRows, metric: Metric) -> SilhouetteScorer<'a> {
        let binary = rows.values.iter().all(|value| *value == 0.0 || *value == 1.0);
        let format = SilhouetteSlice::format(binary, rows.columns as u32);
        SilhouetteScorer { device, rows, metric, format, ready: None }
    }

    /// Computes the silhouettes under `labels`, as [`silhouette()`] does.
    ///
    /// # Errors
    /// Fails as [`silhouette()`] does.
    pub fn score(&mut self, labels: &[i64]) -> Result<Silhouette, ClusterError> {
        let (device, total) = (self.device, self.rows.total());
        check_labels(labels, self.rows)?;
        let groups = Groups::new(self.rows, labels);
        let clusters = groups.occurrences.len();
        if clusters < 2 || clusters >= total {
            return Err(ClusterError::SilhouetteLabels { labels: clusters, rows: total });
        }
        let row = |index: usize| self.rows.row(groups.stored[index] as usize);
        let whole = SilhouetteSlice {
            rows: groups.stored.len() as u32,
            columns: self.rows.columns as u32,
            format: self.format,
            clusters: clusters as u32,
            first_row: 0,
            end_row: groups.stored.len() as u32,
            metric: self.metric,
        };
        let row_bytes = DistanceRows::row_bytes(self.format, self.rows.columns);
        check_buffer(device, "the data", row_bytes * u64::from(whole.rows))?;
        let (format, columns, metric) = (self.format, self.rows.columns, self.metric);
        let Ready { slice, views: [rows, traits, starts, occurrences], out, program, .. } = self.ready(whole)?;
        program.write(device, *starts, bytemuck::cast_slice(&groups.starts));
        program.write(device, *occurrences, bytemuck::cast_slice(&groups.occurrences));
        for first in (0..groups.stored.len()).step_by(ROWS_PER_WRITE) {
            let counts = &groups.counts[first..groups.stored.len().min(first + ROWS_PER_WRITE)];
            let packed = DistanceRows::in_format(format, counts.len(), columns, metric, |index| row(first + index));
            let of_rows: Vec<[f32; 2]> = counts.iter().zip(&packed.traits).map(|(count, of_row)| [*count, *of_row]).collect();
            program.write(device, View { offset: row_bytes * first as u64, ..*rows }, bytemuck::cast_slice(&packed.words));
            program.write(device, View { offset: 8 * first as u64, ..*traits }, bytemuck::cast_slice(&of_rows));
            // Written data occupy staging memory until they are submitted, so each part is flushed. The last part is submitted
            // with the first run.
            if first + ROWS_PER_WRITE < groups.stored.len() {
                device.flush()?;
            }
        }
        for first in (0..groups.stored.len()).step_by(*slice) {
            let end_row = whole.rows.min((first + slice) as u32);
            program.set_params(device, 0, &SilhouetteSlice { first_row: first as u32, end_row, ..whole }.params());
            program.run(device)?;
        }
        let of_groups = program.read(device, View { bytes: 4 * groups.stored.len() as u64, ..*out })?;
        let samples: Vec<f32> = groups.group_of.iter().map(|group| of_groups[*group as usize]).collect();
        let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / total as f64;
        Ok(Silhouette { samples, mean })
    }

    /// Returns the program, and creates a larger one first if the groups or clusters of `shape` exceed its buffers.
    fn ready(&mut self, shape: SilhouetteSlice) -> Result<&Ready, DeviceError> {
        let (groups, clusters) = (shape.rows as usize, shape.clusters as usize);
        let ready = match self.ready.take().filter(|ready| ready.groups >= groups && ready.clusters >= clusters) {
            Some(ready) => ready,
            None => {
                // The next clusterings will have similar numbers of groups, and none can have more groups than there are rows.
                let groups = groups.next_power_of_two().min(self.rows.total().max(groups));
                let clusters = clusters.next_power_of_two();
                Ready::new(self.device, SilhouetteSlice { rows: groups as u32, clusters: clusters as u32, ..shape })?
            }
        };
        Ok(self.ready.insert(ready))
    }
}

impl Ready {
    /// Compiles a program for `shape`, whose rows are the groups.
    fn new(device: &Device, shape: SilhouetteSlice) -> Result<Ready, DeviceError> {
        let (groups, clusters) = (u64::from(shape.rows), u64::from(shape.clusters));
        let mut plan = Plan::new("silhouette");
        let row_bytes = u64::from(shape.format.quads(shape.columns) * shape.format.quad_bytes());
        let inputs =
            [("rows", row_bytes * groups), ("traits", 8 * groups), ("starts", 4 * (clusters + 1)), ("occurrences", 4 * clusters)];
        let views = inputs.map(|(label, bytes)| plan.persistent(label, bytes));
        let out = plan.persistent("silhouettes", 4 * groups);
        let profile = device.profile();
        let variant = silhouette_variant(profile, shape);
        let row_seconds =
            device.predicted_seconds(SilhouetteSlice { first_row: 0, end_row: shape.rows, ..shape }.cost()) / groups as f64;
        let slice = ((STEP_SECONDS / row_seconds.max(1e-12)) as u64 / 256 * 256).clamp(256, groups.max(256)).min(groups) as u32;
        let step = SilhouetteSlice { first_row: 0, end_row: slice, ..shape };
        let [rows, traits, starts, occurrences] = views;
        plan.push(step.step("silhouette", variant, profile, [rows, traits, starts, occurrences, out]));
        let program = Program::new(device, &plan, &[])?;
        let (groups, clusters, slice) = (groups as usize, clusters as usize, slice as usize);
        Ok(Ready { groups, clusters, slice, views, out, program })
    }
}

/// Groups of original rows that share a stored row and a cluster, sorted by cluster.
struct Groups {
    /// Index of the stored row of each group, shape `[groups]`.
    stored: Vec<u32>,
    /// Number of original rows in each group, shape `[groups]`.
    counts: Vec<f32>,
    /// Index of the group of each original row, shape `[n]`.
    group_of: Vec<u32>,
    /// Index of the first group of each cluster, followed by the number of groups, shape `[clusters + 1]`.
    starts: Vec<u32>,
    /// Number of original rows in each cluster, shape `[clusters]`.
    occurrences: Vec<f32>,
}

impl Groups {
    /// Groups rows by their labels, shape `[n]`.
    fn new(rows: &CountedRows, labels: &[i64]) -> Groups {
        let key = |index: u32| (labels[index as usize], rows.of_row[index as usize]);
        let mut order: Vec<u32> = (0..labels.len() as u32).collect();
        // Equal keys are ordered by index, so the order, and with it the rounding of every sum, is always the same.
        order.sort_unstable_by_key(|index| (key(*index), *index));
        let mut groups = Groups {
            stored: Vec::new(),
            counts: Vec::new(),
            group_of: vec![0; labels.len()],
            starts: Vec::new(),
            occurrences: Vec::new(),
        };
        let mut before: Option<(i64, u32)> = None;
        for index in order {
            let (label, stored) = key(index);
            let new_cluster = before.is_none_or(|(before, _)| before != label);
            if new_cluster {
                groups.starts.push(groups.stored.len() as u32);
                groups.occurrences.push(0.0);
            }
            if new_cluster || before.is_none_or(|(_, before)| before != stored) {
                groups.stored.push(stored);
                groups.counts.push(0.0);
            }
            groups.group_of[index as usize] = groups.stored.len() as u32 - 1;
            if let (Some(count), Some(occurrences)) = (groups.counts.last_mut(), groups.occurrences.last_mut()) {
                *count += 1.0;
                *occurrences += 1.0;
            }
            before = Some((label, stored));
        }
        groups.starts.push(groups.stored.len() as u32);
        groups
    }
}
