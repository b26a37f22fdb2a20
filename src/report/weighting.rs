//! Compares a clustering by weighted attributes with one by unweighted attributes (the paper's figure 7), by the number of
//! attributes that are partially present in their clusters.

use serde::Serialize;

use super::ReportInput;
use super::charts::{Bar, Chart};
use super::comparison::Row;
use super::occurrence::{self, Occurrence, Standing};
use super::wording::{count, decimals, thousands};
use crate::cluster::ClusterResult;

/// The section of the page that compares the two clusterings.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Introduction of the section.
    what: String,
    heading: [&'static str; 4],
    rows: Vec<Row>,
    charts: Vec<Chart>,
}

/// The numbers of partially present attributes of a clustering.
struct Partial {
    /// For each cluster that is not empty: its number, its number of faces, and the number of attributes that are partially
    /// present in it. Sorted by decreasing number of faces.
    clusters: Vec<(usize, usize, usize)>,
    /// Number of attributes that the clustering used.
    attributes: usize,
}

impl Partial {
    /// Counts the partially present attributes among those that the clustering used. An attribute is partially present in a
    /// cluster if its share there lies in [`occurrence::NOISY`].
    fn of(input: &ReportInput, result: &ClusterResult) -> Partial {
        let is_counted: Vec<bool> =
            input.attributes.iter().map(|name| result.select.is_empty() || result.select.contains(name)).collect();
        let mut clusters = Vec::new();
        for cluster in 0..result.k {
            let rows: Vec<usize> = (0..result.labels.len()).filter(|row| result.labels[*row] == cluster as i64).collect();
            let shares = occurrence::shares(input, rows.iter().copied());
            let is_partial = |(attribute, share): (usize, &f64)| {
                is_counted[attribute] && Occurrence { attribute, share: *share, overall: 0.0 }.standing() == Standing::Noisy
            };
            if !rows.is_empty() {
                clusters.push((cluster, rows.len(), shares.iter().enumerate().filter(|one| is_partial(*one)).count()));
            }
        }
        clusters.sort_by_key(|(_, faces, _)| std::cmp::Reverse(*faces));
        Partial { clusters, attributes: is_counted.into_iter().filter(|counted| *counted).count() }
    }

    /// Returns the number of partially present attributes, summed over the clusters.
    fn total(&self) -> usize {
        self.clusters.iter().map(|(_, _, partial)| partial).sum()
    }

    /// Returns the mean number of partially present attributes per cluster.
    fn mean(&self) -> f64 {
        self.total() as f64 / self.clusters.len().max(1) as f64
    }

    fn chart(&self, title: &str) -> Chart {
        let share = |number: f64| number / self.attributes.max(1) as f64;
        let bar = |(cluster, faces, partial): &(usize, usize, usize)| {
            let name = format!("Cluster {cluster} ({})", count(*faces, "face"));
            Bar::new(&name, Some(share(*partial as f64)), thousands(*partial), share(self.mean()))
        };
        Chart {
            title: title.to_string(),
            by: "cluster",
            bar: "partially present attributes",
            line: "mean of the clusters",
            bars: self.clusters.iter().map(bar).collect(),
        }
    }
}

/// The number of partially present attributes in the clusters of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartiallyPresent {
    /// Number of pairs of a cluster and an attribute that about half of the cluster's faces have.
    pub pairs: usize,
    /// Number of all pairs of a non-empty cluster and an attribute that the clustering used.
    pub of: usize,
}

/// Counts the attributes that are partially present in the clusters of `result`, a clustering of the faces of `input`.
pub fn partially_present(input: &ReportInput, result: &ClusterResult) -> PartiallyPresent {
    let partial = Partial::of(input, result);
    PartiallyPresent { pairs: partial.total(), of: partial.attributes * partial.clusters.len() }
}

/// Returns the section that compares the two clusterings of the run, or `None` if the run does not have both.
pub(super) fn summarise(input: &ReportInput) -> Option<Summary> {
    let (before, after) = (input.clusters.as_ref()?, input.weighted.as_ref()?);
    let weights = after.weights.as_deref().unwrap_or("unnamed");
    let sides = [("Unweighted", before), ("Weighted", after)].map(|(title, result)| (title, result, Partial::of(input, result)));
    let [(.., unweighted), (.., weighted)] = &sides;
    let change = match weighted.total().cmp(&unweighted.total()) {
        std::cmp::Ordering::Less => "fewer",
        std::cmp::Ordering::Equal => "equally many",
        std::cmp::Ordering::Greater => "more",
    };
    let row = |(title, result, partial): &(&str, &ClusterResult, Partial)| Row {
        name: title.to_string(),
        cells: vec![
            thousands(partial.clusters.len()),
            result.silhouette.map_or("–".into(), |value| decimals(value, 3)),
            format!("{} of {}", thousands(partial.total()), thousands(partial.attributes * partial.clusters.len())),
            decimals(partial.mean(), 2),
        ],
    };
    Some(Summary {
        what: format!(
            "The same faces were clustered twice: by unweighted attributes, and with each attribute multiplied by a weight \
             ({weights}). With weights there are {change} partially present attributes in total: {} without weights, {} with \
             weights.",
            thousands(unweighted.total()),
            thousands(weighted.total())
        ),
        heading: ["Clusters", "Silhouette of unweighted rows", "Partially present attributes", "Mean per cluster"],
        rows: sides.iter().map(row).collect(),
        charts: vec![unweighted.chart("Unweighted"), weighted.chart("Weighted")],
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{input_of, written};

    #[test]
    fn weighted_and_unweighted_clusterings_stand_side_by_side() {
        // Without weights, one attribute has a share of one half in both clusters. With weights, the selected attribute has a
        // share of one half in neither.
        let mut input = input_of(&[&[1.0, 0.0], &[1.0, 1.0], &[0.0, 0.0], &[0.0, 1.0]], &[0, 0, 1, 1]);
        assert!(!written(&input).0.contains("id=\"weighting\""));
        let mut weighted = input.clusters.clone().expect("clusters");
        weighted.weights = Some("rare".into());
        weighted.labels = vec![0, 1, 0, 1];
        weighted.select = vec!["Attribute_1".into()];
        input.weighted = Some(weighted);
        let (page, _) = written(&input);
        assert!(
            page.contains(
                "(rare). With weights there are fewer partially present attributes in total: 2 without weights, 0 with"
            ),
            "{page}"
        );
        assert!(page.contains("<th scope=\"row\">Unweighted</th><td>2</td><td>0.250</td><td>2 of 4</td><td>1.00</td>"));
        assert!(page.contains("<th scope=\"row\">Weighted</th><td>2</td><td>0.250</td><td>0 of 2</td><td>0.00</td>"));
        assert!(page.contains("Cluster 1 (2 faces)"));
        input.weighted.as_mut().expect("weighted").labels.pop();
        let message = input.check().unwrap_err().to_string();
        assert!(message.contains("clusters_weighted.json"), "{message}");
    }
}
