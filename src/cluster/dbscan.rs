//! DBSCAN: clusters are what dense rows reach, and the rest is noise.

use super::CondensedDistances;

/// What DBSCAN finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dbscan {
    /// Cluster of each held row, numbered by the first core row in row order; −1 is noise.
    pub labels: Vec<i64>,
    /// Whether each held row is a core row.
    pub core: Vec<bool>,
}

/// scikit-learn's DBSCAN of held rows, of which each stands for as many as its count says.
///
/// `neighbours[i]` are the rows within the radius of row i, ascending and with i itself. A row is core if the counts of its
/// neighbours sum to at least `min_samples`. A row that is not core joins the first cluster that reaches it.
pub fn dbscan(counts: &[u32], min_samples: u32, neighbours: &[Vec<u32>]) -> Dbscan {
    let near = |rows: &Vec<u32>| rows.iter().map(|row| u64::from(counts[*row as usize])).sum::<u64>();
    let core: Vec<bool> = neighbours.iter().map(|rows| near(rows) >= u64::from(min_samples)).collect();
    let mut labels = vec![-1; counts.len()];
    let mut clusters = 0;
    let mut stack = Vec::new();
    for first in 0..counts.len() {
        if labels[first] >= 0 || !core[first] {
            continue;
        }
        stack.push(first);
        while let Some(row) = stack.pop() {
            if labels[row] >= 0 {
                continue;
            }
            labels[row] = clusters;
            if core[row] {
                stack.extend(neighbours[row].iter().map(|row| *row as usize).filter(|row| labels[*row] < 0));
            }
        }
        clusters += 1;
    }
    Dbscan { labels, core }
}

impl CondensedDistances {
    /// The rows at most `radius` away from each row, ascending and with itself, as [`dbscan`] takes them.
    pub fn neighbours(&self, radius: f64) -> Vec<Vec<u32>> {
        let within = |i: usize| (0..self.n).filter(move |j| f64::from(self.get(i, *j)) <= radius).map(|j| j as u32).collect();
        (0..self.n).map(within).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(places: &[f32], counts: &[u32], radius: f64, min_samples: u32) -> Dbscan {
        let values = places.iter().enumerate().flat_map(|(i, a)| places[i + 1..].iter().map(move |b| (a - b).abs()));
        let distances = CondensedDistances { n: places.len(), values: values.collect() };
        dbscan(counts, min_samples, &distances.neighbours(radius))
    }

    #[test]
    fn a_border_row_joins_the_cluster_that_reaches_it_first() {
        let found = of(&[5.0, 2.0, 1.0, 1.5, 3.0, 4.0, 4.5, 20.0], &[1; 8], 1.0, 4);
        assert_eq!(found.core, [false, true, false, false, false, true, false, false]);
        assert_eq!(found.labels, [1, 0, 0, 0, 0, 1, 1, -1]);
    }

    #[test]
    fn counted_rows_expand_to_what_all_rows_give() {
        let (places, counts) = ([0.0, 1.0, 2.0, 5.0, 6.0, 9.0, 12.0], [1u32, 2, 1, 1, 1, 3, 2]);
        let every: Vec<f32> = places.iter().zip(counts).flat_map(|(place, count)| vec![*place; count as usize]).collect();
        for min_samples in 1..6 {
            let (counted, all) = (of(&places, &counts, 1.0, min_samples), of(&every, &[1; 11], 1.0, min_samples));
            let expand = counts.iter().enumerate().flat_map(|(row, count)| vec![row; *count as usize]);
            let expanded: Vec<_> = expand.map(|row| (counted.labels[row], counted.core[row])).collect();
            assert_eq!(expanded, all.labels.into_iter().zip(all.core).collect::<Vec<_>>(), "{min_samples}");
        }
    }
}
