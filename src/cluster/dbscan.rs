//! DBSCAN (Ester et al. 1996): rows with enough neighbours are core rows, neighbouring core rows form clusters, and rows without
//! a neighbouring core row are noise.

/// The result of DBSCAN for `m` stored rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dbscan {
    /// Cluster of each stored row, shape `[m]`; −1 marks noise. Clusters are numbered in the order of their first core rows.
    pub labels: Vec<i64>,
    /// Whether each stored row is a core row, shape `[m]`.
    pub core: Vec<bool>,
}

/// Clusters stored rows as scikit-learn's DBSCAN does.
///
/// `neighbours[i]` lists the stored rows within the radius of row i in ascending order, i included, and `near[i]` is the number
/// of original rows that they represent. A row is a core row if that number is at least `min_samples`. A row that is not a core
/// row joins the first cluster that reaches it.
pub fn dbscan(near: &[u32], min_samples: u32, neighbours: &[Vec<u32>]) -> Dbscan {
    let core: Vec<bool> = near.iter().map(|count| *count >= min_samples).collect();
    let mut labels = vec![-1; core.len()];
    let mut clusters = 0;
    let mut stack = Vec::new();
    for first in 0..core.len() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Clusters points on a line by DBSCAN.
    fn of(places: &[f32], counts: &[u32], radius: f32, min_samples: u32) -> Dbscan {
        let near = |a: &f32| (0..places.len() as u32).filter(|b| (a - places[*b as usize]).abs() <= radius).collect();
        let lists: Vec<Vec<u32>> = places.iter().map(near).collect();
        let counts: Vec<u32> = lists.iter().map(|list| list.iter().map(|row| counts[*row as usize]).sum()).collect();
        dbscan(&counts, min_samples, &lists)
    }

    #[test]
    fn a_border_row_joins_the_cluster_that_reaches_it_first() {
        let found = of(&[5.0, 2.0, 1.0, 1.5, 3.0, 4.0, 4.5, 20.0], &[1; 8], 1.0, 4);
        assert_eq!(found.core, [false, true, false, false, false, true, false, false]);
        assert_eq!(found.labels, [1, 0, 0, 0, 0, 1, 1, -1]);
    }

    #[test]
    fn counted_rows_get_the_same_labels_as_all_rows() {
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
