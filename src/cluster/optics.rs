//! OPTICS (Ankerst et al. 1999), as implemented by scikit-learn 1.5: it orders the rows by reachability and extracts clusters
//! where the reachability falls steeply and rises again.

use super::{ClusterError, CondensedDistances};

/// Settings of OPTICS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpticsSettings {
    /// Number of rows, the row itself included, within the core distance of a row. It is also the minimum number of rows in a
    /// cluster. scikit-learn's default is 5.
    pub min_samples: usize,
    /// The parameter ξ: a change of reachability between consecutive rows is steep if it is at least this share of the larger
    /// value. scikit-learn's default is 0.05.
    pub xi: f64,
}

/// The result of OPTICS for `n` rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Optics {
    /// Indices of the rows in the order in which they were reached, shape `[n]`.
    pub ordering: Vec<u32>,
    /// Reachability distance of each row, shape `[n]`, in the order of the input; infinite for the row that was reached first.
    pub reachability: Vec<f64>,
    /// Core distance of each row, shape `[n]`: the distance to the farthest of its `min_samples` nearest rows, itself included.
    pub core_distances: Vec<f64>,
    /// Cluster of each row, shape `[n]`; −1 marks noise. Clusters are numbered in the order in which they end in the ordering.
    pub labels: Vec<i64>,
    /// Number of clusters.
    pub k: usize,
}

/// Orders rows by reachability with no limit on the distance, and extracts clusters by ξ with the predecessor correction of
/// Schubert and Gertz (2018). Of equally reachable rows, the one with the lowest index comes first.
///
/// Every original row must be present by itself: counts are not supported, because the ordering contains each row.
///
/// # Errors
/// [`ClusterError::Setting`] if `min_samples` is less than 2 or more than the number of rows, or if ξ is not between 0 and 1
/// (exclusive).
pub fn optics(distances: &CondensedDistances, settings: OpticsSettings) -> Result<Optics, ClusterError> {
    let OpticsSettings { min_samples, xi } = settings;
    let n = distances.n;
    let setting = |name, value: String, expected| Err(ClusterError::Setting { name, value, expected });
    if min_samples < 2 || min_samples > n {
        let value = format!("{min_samples} for {n} rows");
        return setting("the number of neighbours (--min-samples)", value, "from 2 to the number of rows");
    }
    if !(xi > 0.0 && xi < 1.0) {
        return setting("xi", xi.to_string(), "between 0 and 1");
    }
    let core_distances: Vec<f64> = (0..n).map(|row| core_distance(distances, row, min_samples)).collect();
    let mut reachability = vec![f64::INFINITY; n];
    let mut predecessor: Vec<Option<u32>> = vec![None; n];
    let mut waiting: Vec<usize> = (0..n).collect();
    let mut ordering = Vec::with_capacity(n);
    while !waiting.is_empty() {
        let mut best = 0;
        for (place, row) in waiting.iter().enumerate() {
            if reachability[*row] < reachability[waiting[best]] {
                best = place;
            }
        }
        let row = waiting.remove(best);
        ordering.push(row as u32);
        for &other in &waiting {
            let reached = f64::from(distances.get(row, other)).max(core_distances[row]);
            if reached < reachability[other] {
                (reachability[other], predecessor[other]) = (reached, Some(row as u32));
            }
        }
    }
    let mut plot: Vec<f64> = ordering.iter().map(|row| reachability[*row as usize]).collect();
    plot.push(f64::INFINITY);
    let before: Vec<Option<u32>> = ordering.iter().map(|row| predecessor[*row as usize]).collect();
    let clusters = Plot { reachability: &plot, predecessor: &before, ordering: &ordering, min_samples, xi }.clusters();
    let (mut placed, mut k) = (vec![-1i64; n], 0);
    for (start, end) in clusters {
        // Of nested clusters, the innermost are kept; they come first.
        if placed[start..=end].iter().all(|label| *label == -1) {
            placed[start..=end].fill(k);
            k += 1;
        }
    }
    let mut labels = vec![-1; n];
    ordering.iter().zip(&placed).for_each(|(row, label)| labels[*row as usize] = *label);
    Ok(Optics { ordering, reachability, core_distances, labels, k: k as usize })
}

/// Returns the distance from a row to the farthest of its `min_samples` nearest rows, itself included.
fn core_distance(distances: &CondensedDistances, row: usize, min_samples: usize) -> f64 {
    let mut all: Vec<f32> = (0..distances.n).map(|other| distances.get(row, other)).collect();
    let (_, found, _) = all.select_nth_unstable_by(min_samples - 1, f32::total_cmp);
    f64::from(*found)
}

/// The reachability plot. A place is an index into the ordering.
struct Plot<'a> {
    /// Reachability at each place, followed by infinity, shape `[n + 1]`.
    reachability: &'a [f64],
    /// The row from which the row at each place was reached, shape `[n]`.
    predecessor: &'a [Option<u32>],
    /// The row at each place, shape `[n]`.
    ordering: &'a [u32],
    min_samples: usize,
    xi: f64,
}

/// A region in which reachability falls steeply, where a cluster may begin.
#[derive(Clone, Copy)]
struct SteepDown {
    /// First place of the region.
    start: usize,
    /// Last place of the region.
    end: usize,
    /// The largest reachability between the end of the region and the current place (`mib`, maximum in between, in the paper).
    since: f64,
}

impl Plot<'_> {
    /// Returns the first and last place of every cluster, in the order in which they end. Of clusters that end at the same rise,
    /// the inner ones come first.
    fn clusters(&self) -> Vec<(usize, usize)> {
        let plot = self.reachability;
        let keep = 1.0 - self.xi;
        let ratio: Vec<f64> = plot.windows(2).map(|pair| pair[0] / pair[1]).collect();
        let of_ratio = |test: &dyn Fn(f64) -> bool| ratio.iter().map(|ratio| test(*ratio)).collect::<Vec<bool>>();
        let (steep_up, steep_down) = (of_ratio(&|ratio| ratio <= keep), of_ratio(&|ratio| ratio >= 1.0 / keep));
        let (up, down) = (of_ratio(&|ratio| ratio < 1.0), of_ratio(&|ratio| ratio > 1.0));
        let (mut falls, mut clusters): (Vec<SteepDown>, _) = (Vec::new(), Vec::new());
        let (mut index, mut since) = (0, 0.0f64);
        for steep in 0..ratio.len() {
            if !(steep_up[steep] || steep_down[steep]) || steep < index {
                continue;
            }
            since = plot[index..=steep].iter().copied().fold(since, f64::max);
            if since.is_infinite() {
                falls.clear();
            }
            falls.retain(|fall| since <= plot[fall.start] * keep);
            falls.iter_mut().for_each(|fall| fall.since = fall.since.max(since));
            if steep_down[steep] {
                let end = self.extended(&steep_down, &up, steep);
                falls.push(SteepDown { start: steep, end, since: 0.0 });
                index = end + 1;
            } else {
                let end = self.extended(&steep_up, &down, steep);
                index = end + 1;
                let of_rise: Vec<_> = falls.iter().filter_map(|fall| self.between(*fall, (steep, end), keep)).collect();
                clusters.extend(of_rise.into_iter().rev());
            }
            since = plot[index];
        }
        clusters
    }

    /// Returns the first and last place of the cluster between a steep fall and a steep rise, if these bound one. `keep` is 1 −
    /// ξ. The conditions are those of definition 11 of the OPTICS paper: the reachability in between must be low enough, the
    /// cluster is cut so that it begins and ends at about the same reachability, and it must have at least `min_samples` rows.
    fn between(&self, fall: SteepDown, (rise, rise_end): (usize, usize), keep: f64) -> Option<(usize, usize)> {
        let plot = self.reachability;
        let (mut start, mut end) = (fall.start, rise_end);
        if plot[end + 1] * keep < fall.since {
            return None;
        }
        let highest = plot[fall.start];
        if highest * keep >= plot[end + 1] {
            while plot[start + 1] > plot[end + 1] && start < fall.end {
                start += 1;
            }
        } else if plot[end + 1] * keep >= highest {
            while plot[end - 1] > highest && end > rise {
                end -= 1;
            }
        }
        let (start, end) = self.corrected(start, end)?;
        (end + 1 - start >= self.min_samples && start <= fall.end && end >= rise).then_some((start, end))
    }

    /// Returns a cluster without the rows at its end that were not reached from within it (the predecessor correction).
    fn corrected(&self, start: usize, mut end: usize) -> Option<(usize, usize)> {
        while start < end {
            let from_within = self.predecessor[end].is_some_and(|row| self.ordering[start..end].contains(&row));
            if self.reachability[start] > self.reachability[end] || from_within {
                return Some((start, end));
            }
            end -= 1;
        }
        None
    }

    /// Returns the last place of the steep region that begins at `start`. The region may contain places that are not steep, up to
    /// `min_samples` of them in a row, but no change in the opposite direction.
    fn extended(&self, steep: &[bool], against: &[bool], start: usize) -> usize {
        let (mut still, mut end) = (0, start);
        for index in start..steep.len() {
            if steep[index] {
                (still, end) = (0, index);
            } else if against[index] {
                break;
            } else {
                still += 1;
                if still > self.min_samples {
                    break;
                }
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_and_a_distant_row_are_labelled_as_scikit_learn_does() {
        let points = [0.0, 0.1, 0.2, 0.3, 10.0, 10.1, 10.2, 10.3, 100.0f64];
        let pairs = (0..9).flat_map(|i| (i + 1..9).map(move |j| (i, j)));
        let distances = CondensedDistances { n: 9, values: pairs.map(|(i, j)| (points[i] - points[j]).abs() as f32).collect() };
        let found = optics(&distances, OpticsSettings { min_samples: 3, xi: 0.05 }).unwrap();
        // The last row is labelled as part of the second group, because the rise of reachability that ends that group includes
        // it.
        assert_eq!((found.labels.as_slice(), found.k), (&[0, 0, 0, 0, 1, 1, 1, 1, 1][..], 2));
        assert_eq!(found.ordering, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(found.reachability[0].is_infinite() && (found.core_distances[0] - 0.2).abs() < 1e-6);
        for (min_samples, xi) in [(1, 0.05), (10, 0.05), (3, 0.0), (3, 1.0), (3, f64::NAN)] {
            assert!(optics(&distances, OpticsSettings { min_samples, xi }).is_err());
        }
    }
}
