//! The silhouette of a clustering (Rousseeuw 1987), on the GPU, with scikit-learn's conventions.

use super::distance_rows::DistanceRows;
use super::{ClusterError, CountedRows};
use crate::device::DeviceError;
use crate::ops::{Metric, RowFormat, SilhouetteSlice, silhouette_variant};
use crate::plan::{Plan, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Predicted seconds of one dispatch, at most: a driver gives up on a command that takes longer than about two.
const STEP_SECONDS: f64 = 0.25;

/// Rows that are laid out and written at once.
const ROWS_A_WRITE: usize = 1 << 14;

/// How well each row sits in its cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// One for each row, in [−1, 1]; 0 where a row is alone in its cluster.
    pub samples: Vec<f32>,
    /// Their mean.
    pub mean: f64,
}

/// The silhouette of the rows that `rows` stand for under `labels`, one for each of them. −1 is a label like any other, as in
/// scikit-learn.
///
/// Rows held once that are in one cluster are computed once and counted as often as they occur, which is exact.
///
/// # Errors
/// Labels that do not fit, fewer than two of them or as many as rows, data that do not fit the adapter, or whatever the
/// device reports.
pub fn silhouette(device: &Device, rows: &CountedRows, labels: &[i64], metric: Metric) -> Result<Silhouette, ClusterError> {
    SilhouetteScorer::new(device, rows, metric).score(labels)
}

/// The silhouette without the rows whose label is −1: DBSCAN's noise. `None` where it is not defined, with fewer than two
/// clusters or none of two rows.
///
/// # Errors
/// As [`silhouette()`], but for what is not defined.
pub fn silhouette_without_noise(
    device: &Device,
    rows: &CountedRows,
    labels: &[i64],
    metric: Metric,
) -> Result<Option<f64>, ClusterError> {
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

/// Scores clusterings of the same rows one after the other, with what the GPU needs made once.
pub struct SilhouetteScorer<'a> {
    device: &'a Device,
    rows: &'a CountedRows,
    metric: Metric,
    format: RowFormat,
    ready: Option<Ready>,
}

/// A program for so many groups and clusters at most.
struct Ready {
    groups: usize,
    clusters: usize,
    slice: usize,
    views: [View; 4],
    out: View,
    program: Program,
}

impl<'a> SilhouetteScorer<'a> {
    /// A scorer of clusterings of `rows`.
    pub fn new(device: &'a Device, rows: &'a CountedRows, metric: Metric) -> SilhouetteScorer<'a> {
        let binary = rows.values.iter().all(|value| *value == 0.0 || *value == 1.0);
        let format = SilhouetteSlice::format(binary, rows.columns as u32);
        SilhouetteScorer { device, rows, metric, format, ready: None }
    }

    /// The silhouette under `labels`, as [`silhouette()`].
    ///
    /// # Errors
    /// As [`silhouette()`].
    pub fn score(&mut self, labels: &[i64]) -> Result<Silhouette, ClusterError> {
        let (device, total) = (self.device, self.rows.total());
        if labels.len() != total {
            return Err(ClusterError::Labels { found: labels.len(), rows: total });
        }
        let groups = Groups::new(self.rows, labels);
        let clusters = groups.occurrences.len();
        if clusters < 2 || clusters >= total {
            return Err(ClusterError::SilhouetteLabels { labels: clusters, rows: total });
        }
        let row = |index: usize| self.rows.row(groups.held[index] as usize);
        let whole = SilhouetteSlice {
            rows: groups.held.len() as u32,
            columns: self.rows.columns as u32,
            format: self.format,
            clusters: clusters as u32,
            first_row: 0,
            end_row: groups.held.len() as u32,
            metric: self.metric,
        };
        let row_bytes = DistanceRows::row_bytes(self.format, self.rows.columns);
        DistanceRows::check(device, row_bytes * u64::from(whole.rows))?;
        let (format, columns, metric) = (self.format, self.rows.columns, self.metric);
        let Ready { slice, views: [rows, traits, starts, occurrences], out, program, .. } = self.ready(whole)?;
        program.write(device, *starts, bytemuck::cast_slice(&groups.starts));
        program.write(device, *occurrences, bytemuck::cast_slice(&groups.occurrences));
        for first in (0..groups.held.len()).step_by(ROWS_A_WRITE) {
            let counts = &groups.counts[first..groups.held.len().min(first + ROWS_A_WRITE)];
            let packed = DistanceRows::in_format(format, counts.len(), columns, metric, |index| row(first + index));
            let of_rows: Vec<[f32; 2]> = counts.iter().zip(&packed.traits).map(|(count, of_row)| [*count, *of_row]).collect();
            program.write(device, View { offset: row_bytes * first as u64, ..*rows }, bytemuck::cast_slice(&packed.words));
            program.write(device, View { offset: 8 * first as u64, ..*traits }, bytemuck::cast_slice(&of_rows));
            // What was written waits in memory of its own until it is submitted; the last part goes with the first run.
            if first + ROWS_A_WRITE < groups.held.len() {
                device.flush()?;
            }
        }
        for first in (0..groups.held.len()).step_by(*slice) {
            let end_row = whole.rows.min((first + slice) as u32);
            program.set_params(device, 0, &SilhouetteSlice { first_row: first as u32, end_row, ..whole }.params());
            program.run(device)?;
        }
        let of_groups = program.read(device, View { bytes: 4 * groups.held.len() as u64, ..*out })?;
        let samples: Vec<f32> = groups.group_of.iter().map(|group| of_groups[*group as usize]).collect();
        let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / total as f64;
        Ok(Silhouette { samples, mean })
    }

    /// The program, made anew where the groups or clusters outgrow it.
    fn ready(&mut self, shape: SilhouetteSlice) -> Result<&Ready, DeviceError> {
        let (groups, clusters) = (shape.rows as usize, shape.clusters as usize);
        let fits = self.ready.as_ref().filter(|ready| ready.groups >= groups && ready.clusters >= clusters);
        let ready = match fits {
            Some(_) => self.ready.take(),
            None => None,
        };
        let ready = match ready {
            Some(ready) => ready,
            None => {
                // Labelings of the same rows differ in their groups by little; none has more than there are rows.
                let groups = groups.next_power_of_two().min(self.rows.total().max(groups));
                let clusters = clusters.next_power_of_two();
                Ready::new(self.device, SilhouetteSlice { rows: groups as u32, clusters: clusters as u32, ..shape })?
            }
        };
        Ok(self.ready.insert(ready))
    }
}

impl Ready {
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
        plan.push(step.step("silhouette", variant, profile.capabilities.subgroup_size, [rows, traits, starts, occurrences, out]));
        let program = Program::new(device, &plan, &[])?;
        let (groups, clusters, slice) = (groups as usize, clusters as usize, slice as usize);
        Ok(Ready { groups, clusters, slice, views, out, program })
    }
}

/// Rows sorted by cluster, with those that are held once and in one cluster taken together.
struct Groups {
    /// The held row of each group.
    held: Vec<u32>,
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
    fn new(rows: &CountedRows, labels: &[i64]) -> Groups {
        let key = |index: u32| (labels[index as usize], rows.of_row[index as usize]);
        let mut order: Vec<u32> = (0..labels.len() as u32).collect();
        // Ties are broken by position, so the order, and with it every sum, is always the same.
        order.sort_unstable_by_key(|index| (key(*index), *index));
        let mut groups = Groups {
            held: Vec::new(),
            counts: Vec::new(),
            group_of: vec![0; labels.len()],
            starts: Vec::new(),
            occurrences: Vec::new(),
        };
        let mut before: Option<(i64, u32)> = None;
        for index in order {
            let (label, held) = key(index);
            let new_cluster = before.is_none_or(|(before, _)| before != label);
            if new_cluster {
                groups.starts.push(groups.held.len() as u32);
                groups.occurrences.push(0.0);
            }
            if new_cluster || before.is_none_or(|(_, before)| before != held) {
                groups.held.push(held);
                groups.counts.push(0.0);
            }
            groups.group_of[index as usize] = groups.held.len() as u32 - 1;
            if let (Some(count), Some(occurrences)) = (groups.counts.last_mut(), groups.occurrences.last_mut()) {
                *count += 1.0;
                *occurrences += 1.0;
            }
            before = Some((label, held));
        }
        groups.starts.push(groups.held.len() as u32);
        groups
    }
}
