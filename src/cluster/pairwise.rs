//! Distances between all pairs of rows, and neighbours within a radius, computed on the GPU one slice of rows at a time.

use super::distance_rows::DistanceRows;
use super::limits::check_buffer;
use super::{ClusterError, CondensedDistances, CountedRows};
use crate::ops::{Metric, NEIGHBOURS, NeighbourSlice, PAIRWISE, PairwiseSlice, distance_variant};
use crate::plan::{Plan, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Maximum predicted duration in seconds of the dispatch for a slice. Drivers abort commands that take longer than about two
/// seconds.
const SLICE_SECONDS: f64 = 0.25;
/// Maximum number of bytes of the result of a slice.
const SLICE_BYTES: u64 = 32 << 20;
/// Maximum number of bytes of the distances between all pairs.
const MAX_CONDENSED_BYTES: u64 = 4 << 30;
/// Maximum number of entries of all neighbour lists together.
const MAX_NEIGHBOURS: usize = 1 << 28;

/// The neighbours of each of `m` stored rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// For each stored row, the indices of the stored rows within the radius in ascending order, its own included, shape `[m]`.
    pub lists: Vec<Vec<u32>>,
    /// For each stored row, the number of original rows that its neighbours represent, shape `[m]`.
    pub counts: Vec<u32>,
}

/// Computes the distances between all pairs of stored rows.
///
/// # Errors
/// [`ClusterError::TooManyPairs`] if the distances would take more than 4 GiB, [`ClusterError::TooLarge`] if the rows exceed a
/// limit of the adapter, or an error of the device.
pub fn condensed(device: &Device, rows: &CountedRows, metric: Metric) -> Result<CondensedDistances, ClusterError> {
    let n = rows.len();
    let bytes = CondensedDistances::bytes(n);
    if bytes > MAX_CONDENSED_BYTES {
        return Err(ClusterError::TooManyPairs { rows: n, bytes, limit: MAX_CONDENSED_BYTES });
    }
    let packed = DistanceRows::new(n, rows.columns, metric, |index| rows.row(index));
    check_buffer(device, "the data", packed.bytes())?;
    let whole =
        PairwiseSlice { rows: n as u32, columns: packed.columns, format: packed.format, first_row: 0, end_row: n as u32, metric };
    let length = slice_rows(device, n, 4 * n as u64, |end_row| PairwiseSlice { end_row, ..whole }.cost());
    let mut plan = Plan::new("pairwise distances");
    let [values, traits] = row_views(&mut plan, &packed);
    let out = plan.persistent("distances", 4 * (length * n) as u64);
    let variant = distance_variant(device.profile(), &PAIRWISE, packed.format, length as u32);
    let slice = PairwiseSlice { end_row: length as u32, ..whole };
    plan.push(slice.step("pairwise distances", variant, device.profile(), [values, traits, out]));
    let program = Program::new(device, &plan, &[])?;
    write_rows(device, &program, [values, traits], &packed);

    let mut condensed = CondensedDistances { n, values: Vec::with_capacity(n * n.saturating_sub(1) / 2) };
    for first in (0..n).step_by(length) {
        let end = n.min(first + length);
        program.set_params(device, 0, &PairwiseSlice { first_row: first as u32, end_row: end as u32, ..whole }.params());
        program.run(device)?;
        let block = program.read(device, View { bytes: 4 * ((end - first) * n) as u64, ..out })?;
        for (row, line) in (first..end).zip(block.chunks_exact(n)) {
            condensed.values.extend_from_slice(&line[row + 1..]);
        }
    }
    Ok(condensed)
}

/// Finds the stored rows within `radius` of each stored row. A row at distance exactly `radius` is a neighbour, so at radius 0
/// equal rows are neighbours.
///
/// # Errors
/// [`ClusterError::Setting`] if the radius is not a finite number of at least 0, [`ClusterError::TooManyNeighbours`] if the lists
/// have more than 2²⁸ entries, [`ClusterError::TooLarge`] if the rows exceed a limit of the adapter, or an error of the device.
pub fn neighbours(device: &Device, rows: &CountedRows, metric: Metric, radius: f32) -> Result<Neighbours, ClusterError> {
    if !(radius >= 0.0 && radius.is_finite()) {
        let expected = "a number of at least 0";
        return Err(ClusterError::Setting { name: "the radius", value: radius.to_string(), expected });
    }
    let n = rows.len();
    let packed = DistanceRows::new(n, rows.columns, metric, |index| rows.row(index));
    check_buffer(device, "the data", packed.bytes())?;
    let whole = NeighbourSlice {
        rows: n as u32,
        columns: packed.columns,
        format: packed.format,
        first_row: 0,
        end_row: n as u32,
        metric,
        radius,
    };
    let words = NeighbourSlice::words(n as u32) as usize;
    let length = slice_rows(device, n, 4 * words as u64, |end_row| NeighbourSlice { end_row, ..whole }.cost());
    let mut plan = Plan::new("neighbours");
    let [values, traits] = row_views(&mut plan, &packed);
    let occurrences = plan.persistent("occurrences", 4 * n as u64);
    let within = plan.persistent("within", 4 * (length * words) as u64);
    let counts = plan.persistent("counts", 4 * length as u64);
    // The kernel always computes whole words of 32 rows, whatever the number of rows.
    let variant = distance_variant(device.profile(), &NEIGHBOURS, packed.format, 32);
    let slice = NeighbourSlice { end_row: length as u32, ..whole };
    plan.push(slice.step("neighbours", variant, device.profile(), [values, traits, occurrences, within, counts]));
    let program = Program::new(device, &plan, &[])?;
    write_rows(device, &program, [values, traits], &packed);
    program.write(device, occurrences, bytemuck::cast_slice(&rows.counts));

    let mut found = Neighbours { lists: Vec::with_capacity(n), counts: Vec::with_capacity(n) };
    let mut entries = 0;
    for first in (0..n).step_by(length) {
        let end = n.min(first + length);
        program.set_params(device, 0, &NeighbourSlice { first_row: first as u32, end_row: end as u32, ..whole }.params());
        program.run(device)?;
        let bits: Vec<u32> = integers(&program, device, within, (end - first) * words)?;
        found.counts.extend(integers(&program, device, counts, end - first)?);
        for line in bits.chunks_exact(words) {
            let list = ones(line);
            entries += list.len();
            found.lists.push(list);
        }
        if entries > MAX_NEIGHBOURS {
            return Err(ClusterError::TooManyNeighbours { rows: n, radius, limit: MAX_NEIGHBOURS });
        }
    }
    Ok(found)
}

/// Returns the positions of the set bits in ascending order; bit i of word w has position 32 · w + i.
fn ones(words: &[u32]) -> Vec<u32> {
    let mut positions = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            positions.push(32 * index as u32 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
    positions
}

/// Reads `count` u32 values that a kernel wrote. `Program::read` returns them as the f32 values with the same bits.
fn integers(program: &Program, device: &Device, view: View, count: usize) -> Result<Vec<u32>, ClusterError> {
    let values = program.read(device, View { bytes: 4 * count as u64, ..view })?;
    Ok(values.into_iter().map(f32::to_bits).collect())
}

/// Returns the number of rows in a slice, at least 1: as many as [`SLICE_SECONDS`] and [`SLICE_BYTES`] allow, where a row takes
/// `row_bytes` bytes of the result and `cost` returns the work for the first so many of all `rows` rows.
fn slice_rows(device: &Device, rows: usize, row_bytes: u64, cost: impl Fn(u32) -> crate::plan::Cost) -> usize {
    let limit = device.capabilities().binding_bytes.min(SLICE_BYTES);
    let by_bytes = limit / row_bytes.max(1);
    let all_seconds = device.predicted_seconds(cost(rows as u32)).max(1e-9);
    let by_seconds = (rows as f64 * SLICE_SECONDS / all_seconds) as u64;
    by_bytes.min(by_seconds).clamp(1, rows.max(1) as u64) as usize
}

/// Declares the tensors of the rows and of their traits.
fn row_views(plan: &mut Plan, rows: &DistanceRows) -> [View; 2] {
    [plan.persistent("rows", rows.bytes()), plan.persistent("traits", 4 * rows.traits.len() as u64)]
}

/// Uploads the rows and their traits.
fn write_rows(device: &Device, program: &Program, [values, traits]: [View; 2], rows: &DistanceRows) {
    program.write(device, values, bytemuck::cast_slice(&rows.words));
    program.write(device, traits, bytemuck::cast_slice(&rows.traits));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the distance between two rows by its definition, in f64.
    fn naive(a: &[f32], b: &[f32], metric: Metric) -> f64 {
        let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let sum = |of: &dyn Fn(f64, f64) -> f64| pairs().map(|(a, b)| of(a, b)).sum::<f64>();
        match metric {
            Metric::Euclidean => sum(&|a, b| (a - b).powi(2)).sqrt(),
            Metric::Manhattan => sum(&|a, b| (a - b).abs()),
            Metric::Hamming => sum(&|a, b| f64::from(u8::from(a != b))) / a.len() as f64,
            Metric::Cosine => {
                let lengths = sum(&|a, _| a * a).sqrt() * sum(&|_, b| b * b).sqrt();
                if lengths == 0.0 { 1.0 } else { 1.0 - sum(&|a, b| a * b) / lengths }
            }
        }
    }

    const METRICS: [Metric; 4] = [Metric::Euclidean, Metric::Manhattan, Metric::Cosine, Metric::Hamming];

    /// Returns 67 rows of 70 columns whose values are 0 and 1 or multiples of 1/3. The first row is all zeros.
    fn rows(binary: bool) -> CountedRows {
        let value = |index: usize| {
            let noise = (index * index * 31 + index * 7) % 1009;
            if index < 70 {
                0.0
            } else if binary {
                (noise % 2) as f32
            } else {
                (noise % 4) as f32 / 3.0
            }
        };
        CountedRows::every(&(0..67 * 70).map(value).collect::<Vec<f32>>(), 67, 70).expect("rows")
    }

    #[test]
    fn distances_of_numbers_and_bits_match_the_definition() {
        let Some(device) = crate::testing::device() else { return };
        for (binary, metric) in [true, false].into_iter().flat_map(|binary| METRICS.map(|metric| (binary, metric))) {
            let rows = rows(binary);
            let found = condensed(&device, &rows, metric).expect("distances");
            assert_eq!(found.values.len(), 67 * 66 / 2);
            for (i, j) in (0..67).flat_map(|i| (0..67).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let (found, expected) = (f64::from(found.get(i, j)), naive(rows.row(i), rows.row(j), metric));
                assert!((found - expected).abs() < 2e-6 * expected.max(1.0), "{metric:?} {i} {j}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn neighbours_are_the_rows_within_the_radius() {
        let Some(device) = crate::testing::device() else { return };
        for (binary, (metric, radius)) in [true, false].into_iter().flat_map(|binary| {
            [(Metric::Euclidean, 5.9), (Metric::Manhattan, 34.1), (Metric::Cosine, 0.5), (Metric::Hamming, 0.5)]
                .map(|of| (binary, of))
        }) {
            let mut rows = rows(binary);
            rows.counts.iter_mut().zip(1..).for_each(|(count, number)| *count = number);
            let found = neighbours(&device, &rows, metric, radius).expect("neighbours");
            let mut near_misses = 0;
            for i in 0..67 {
                let distance = |j: usize| if i == j { 0.0 } else { naive(rows.row(i), rows.row(j), metric) };
                let doubtful = (0..67).filter(|j| (distance(*j) - f64::from(radius)).abs() < 1e-5).count();
                let expected: Vec<u32> = (0..67).filter(|j| distance(*j) <= f64::from(radius)).map(|j| j as u32).collect();
                assert_eq!(found.counts[i], found.lists[i].iter().map(|j| rows.counts[*j as usize]).sum::<u32>());
                // These distances are computed exactly, so a distance close to the radius cannot fall on the wrong side.
                if doubtful == 0 || matches!(metric, Metric::Manhattan | Metric::Hamming) && binary {
                    assert_eq!(found.lists[i], expected, "{metric:?} {binary} row {i}");
                } else {
                    near_misses += 1;
                }
            }
            assert!(near_misses < 20, "{metric:?}: {near_misses} rows could not be checked");
        }
    }

    #[test]
    fn a_radius_that_is_not_a_number_of_at_least_zero_is_refused() {
        let Some(device) = crate::testing::device() else { return };
        for radius in [f32::NAN, -1.0, f32::INFINITY] {
            let found = neighbours(&device, &rows(true), Metric::Euclidean, radius);
            assert!(matches!(found, Err(ClusterError::Setting { name: "the radius", .. })), "{radius}");
        }
    }

    #[test]
    fn a_distance_matrix_above_the_limit_is_refused_before_anything_is_allocated() {
        let Some(device) = crate::testing::device() else { return };
        let rows = CountedRows { values: Vec::new(), columns: 1, counts: vec![1; 100_000], of_row: Vec::new() };
        let message = condensed(&device, &rows, Metric::Euclidean).expect_err("too many pairs").to_string();
        assert!(message.contains("100000 rows") && message.contains("kmeans"), "{message}");
    }
}
