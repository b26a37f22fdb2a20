//! Compares the claims of the paper with the results of a run.

use super::published::{PAPER_ACCURACY, PAPER_DBSCAN_SILHOUETTES, PAPER_FIGURE_FIVE, PAPER_HAMMING_DISTANCE, PAPER_LOSS};
use super::{Evaluation, Finding, LossIssue};
use crate::cluster::{ClusterResult, Comparison, Curve, CurvePoint, Mark};
use crate::data::attributes::paper_attributes;

/// The results of a run. A result is missing if its step was not part of the run or has not finished.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// A description of the faces that were predicted and clustered, and of how they differ from those of the paper.
    pub faces: &'a str,
    /// A description of how the model differs from that of the paper.
    pub model: &'a str,
    /// For each attribute, the share of the labelled images that have it, from 0 to 1.
    pub occurrences: &'a [f64],
    /// The evaluation on labelled images, for Table I.
    pub evaluation: Option<&'a Evaluation>,
    /// The comparison of losses, for the loss issue.
    pub loss_issue: Option<&'a LossIssue>,
    /// The comparison of clustering methods, for figure 5.
    pub comparison: Option<&'a Comparison>,
    /// The clusters, for figure 6.
    pub clusters: Option<&'a ClusterResult>,
    /// The number of pairs of a cluster and an attribute in which the attribute is only partially present, and the number of all
    /// such pairs; first without weights, then with weights for rare attributes. For figure 7.
    pub partially_present: Option<[(usize, usize); 2]>,
}

impl Found<'_> {
    /// Returns a comparison for every claim of the paper, in the order of the paper.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.imbalance()];
        findings.extend(self.accuracy());
        findings.extend(self.losses());
        findings.extend([self.silhouettes_at_dbscan(), self.kmeans_above_agglomerative()]);
        findings.extend([self.silhouette_rises(), self.methods_without_k()]);
        findings.extend([self.summaries(), self.weights()]);
        findings
    }

    fn imbalance(&self) -> Finding {
        let all = self.occurrences.len();
        let [rare, common] =
            [|share: &&f64| **share < 0.1, |share: &&f64| **share > 0.7].map(|test| self.occurrences.iter().filter(test).count());
        finding(
            "Attributes are imbalanced",
            "section III, figure 1",
            "more than a third occur in less than 10 % of the images, only a couple in more than 70 %",
            (all > 0).then(|| format!("{rare} of {all} below 10 %, {common} above 70 %")),
            format!("counted over all labelled images of the data set; {}", self.faces),
        )
    }

    /// Compares the metrics of the model with those of the paper.
    fn accuracy(&self) -> Vec<Finding> {
        let metrics = self.evaluation.map(|one| &one.metrics);
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        let comparable =
            metrics.is_some_and(|one| one.attributes.iter().map(|one| one.attribute.as_str()).eq(paper_attributes()));
        let basis = metrics.map_or(String::new(), |one| {
            let guess = percent(one.means.majority_accuracy);
            let attributes = match comparable {
                true => "the paper's 37 attributes".to_string(),
                false => format!("the {} labelled attributes", one.attributes.len()),
            };
            format!("mean over {attributes} on {} images; always guessing the majority reaches {guess}; ", one.images)
        });
        let why = format!("{basis}{}; {}", self.model, self.faces);
        vec![
            finding(
                "Accuracy",
                "table I, abstract",
                &percent(PAPER_ACCURACY),
                metrics.map(|one| {
                    let balanced =
                        one.means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {}", percent(share)));
                    format!("{}{balanced}", percent(one.means.accuracy))
                }),
                why,
            ),
            finding(
                "Average Hamming distance",
                "notebook",
                &format!("{PAPER_HAMMING_DISTANCE:.3} of 37"),
                metrics.map(|one| format!("{:.3} of {}", one.average_hamming_distance, one.attributes.len())),
                "the number of attributes times the share of wrong predictions, so it tells the same as the accuracy".into(),
            ),
            finding(
                "Test loss, the cosine proximity",
                "notebook",
                &format!("{PAPER_LOSS:.4}"),
                metrics.map(|one| format!("{:.4}", one.cosine_proximity)),
                "−1 is best. The value depends on how certain the predictions are: a model trained with another loss is not \
                 comparable"
                    .into(),
            ),
        ]
    }

    /// Compares the results of each loss that the paper names for the loss issue.
    fn losses(&self) -> Vec<Finding> {
        let outcome = |name: &str| {
            let one = self.loss_issue?.losses.iter().find(|one| one.loss == name)?;
            let predicted = one.attributes.iter().filter(|one| one.predicted > 0).count();
            let balanced =
                one.balanced_accuracy.map_or(String::new(), |share| format!(", balanced accuracy {:.2} %", 100.0 * share));
            Some(format!("predicts {predicted} of {} attributes at least once{balanced}", one.attributes.len()))
        };
        let claim = |(name, says): (&'static str, &'static str)| {
            finding(
                &format!("Loss issue: {name}"),
                "section III, loss issue",
                says,
                outcome(name),
                "the paper's head on frozen ImageNet features, with the same initial weights and the same batches for all \
                 losses; the paper does not say how it found this, and the accuracy alone does not show it"
                    .into(),
            )
        };
        let zeros = "fails completely: predicts 0 for every attribute of every image";
        [("mse", zeros), ("mae", zeros), ("cosine", "effective: learns the attributes")].map(claim).into()
    }

    fn silhouettes_at_dbscan(&self) -> Finding {
        let [agglomerative, kmeans, dbscan] = PAPER_DBSCAN_SILHOUETTES;
        let ours = self.comparison.and_then(|comparison| {
            let mark = mark(comparison, "dbscan")?;
            let at = |name| silhouette(curve(comparison, name)?, mark.k);
            let figure = |value: Option<f64>| value.map_or("none".into(), |value| format!("{value:.3}"));
            Some(format!(
                "at k = {}: agglomerative {}, k-means {}, DBSCAN {}",
                mark.k,
                figure(at("agglomerative")),
                figure(at("kmeans")),
                figure(mark.silhouette)
            ))
        });
        finding(
            "Silhouettes at DBSCAN's number of clusters",
            "section III, figure 5",
            &format!("agglomerative {agglomerative:.2}, k-means {kmeans:.2}, DBSCAN {dbscan:.2}"),
            ours,
            format!(
                "the faces are others, with other distinct rows; the script does not tell which 400 + 100 images it used; {}",
                self.faces
            ),
        )
    }

    fn kmeans_above_agglomerative(&self) -> Finding {
        let ours = self.comparison.and_then(|comparison| {
            let (kmeans, other) = (curve(comparison, "kmeans")?, curve(comparison, "agglomerative")?);
            let pairs: Vec<(f64, f64)> =
                kmeans.points.iter().filter_map(|one| Some((one.silhouette?, silhouette(other, one.k)?))).collect();
            let above = pairs.iter().filter(|(kmeans, other)| kmeans > other).count();
            (!pairs.is_empty()).then(|| format!("k-means is above agglomerative at {above} of {} k", pairs.len()))
        });
        finding(
            "k-means against agglomerative clustering",
            "figure 5",
            "k-means always performs better",
            ours,
            "agglomerative clustering uses complete linkage with the Manhattan distance, which the paper found best; rows of 0 \
             and 1 have many equal distances, so its curve depends on the order of the rows"
                .into(),
        )
    }

    fn silhouette_rises(&self) -> Finding {
        let [(first_k, first), (last_k, last)] = PAPER_FIGURE_FIVE;
        let ours = self.comparison.and_then(|comparison| {
            let points: Vec<&CurvePoint> =
                curve(comparison, "kmeans")?.points.iter().filter(|one| one.silhouette.is_some()).collect();
            let figure = |one: &CurvePoint| Some(format!("{:.3} at k = {}", one.silhouette?, one.k));
            Some(format!("{}, {}", figure(points.first()?)?, figure(points.last()?)?))
        });
        let why = self
            .comparison
            .map_or("the silhouette rises with k because many rows of 0 and 1 are identical".into(), Comparison::remark);
        finding(
            "The silhouette of k-means rises with k",
            "figure 5, as drawn",
            &format!("about {first:.2} at k = {first_k}, {last:.2} at k = {last_k}"),
            ours,
            why,
        )
    }

    fn methods_without_k(&self) -> Finding {
        let ours = self.comparison.map(|comparison| {
            let words = |one: &Mark| {
                let figure = one.silhouette.map_or("none".into(), |value| format!("{value:.2}"));
                format!("{}: k = {}, {figure}, {} faces in no cluster", one.method, one.k, one.noise)
            };
            comparison.marks.iter().map(words).collect::<Vec<_>>().join("; ")
        });
        finding(
            "Methods that find their own number of clusters",
            "figure 5, as drawn",
            "DBSCAN: k = 32, about 0.89; OPTICS: k = 17, about 0.75",
            ours.filter(|words| !words.is_empty()),
            "with these settings a cluster of either method is a group of identical rows, so k is the number of rows that occur \
             often enough. The legend of the published figure exchanges the names Spectral and Birch, because the points are \
             drawn in another order than they are named"
                .into(),
        )
    }

    fn summaries(&self) -> Finding {
        let ours = self.clusters.map(|clusters| {
            let figure = clusters.silhouette.map_or("undefined".into(), |value| format!("{value:.3}"));
            let [least, most] = [clusters.sizes.iter().min(), clusters.sizes.iter().max()].map(|size| size.copied().unwrap_or(0));
            format!("{} clusters of {least} to {most} faces, silhouette {figure}", clusters.k)
        });
        finding(
            "Clusters and their summaries",
            "figure 6",
            "16 clusters (script); the paper shows one of them and gives no silhouette; about 0.69 in figure 5 as drawn",
            ours,
            "the report shows a contact sheet, a chart of attributes and an eigenface for every cluster".into(),
        )
    }

    fn weights(&self) -> Finding {
        finding(
            "Weighted attributes",
            "figure 7",
            "drastically fewer attributes that are only partially present within a cluster",
            self.partially_present.map(|[(before, of), (after, of_after)]| {
                format!("{before} of {of} without weights, {after} of {of_after} with weights for rare attributes")
            }),
            "counted as in the report: an attribute is partially present in a cluster if 40 % to 60 % of its faces have it; \
             the paper shows charts of some clusters and gives no count"
                .into(),
        )
    }
}

fn finding(what: &str, place: &str, paper: &str, ours: Option<String>, why: String) -> Finding {
    Finding { what: what.into(), place: place.into(), paper: paper.into(), ours, why }
}

fn curve<'a>(comparison: &'a Comparison, method: &str) -> Option<&'a Curve> {
    comparison.curves.iter().find(|curve| curve.method == method)
}

fn mark<'a>(comparison: &'a Comparison, method: &str) -> Option<&'a Mark> {
    comparison.marks.iter().find(|mark| mark.method == method)
}

fn silhouette(curve: &Curve, k: usize) -> Option<f64> {
    curve.points.iter().find(|one| one.k == k)?.silhouette
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Metrics;

    #[test]
    fn every_claim_has_a_finding_with_and_without_results() {
        let nothing = Found {
            faces: "other faces",
            model: "another model",
            occurrences: &[],
            evaluation: None,
            loss_issue: None,
            comparison: None,
            clusters: None,
            partially_present: None,
        };
        let findings = nothing.findings();
        assert!(findings.len() >= 10 && findings.iter().all(|one| one.ours.is_none() && !one.why.is_empty()));

        let point = |k, silhouette| CurvePoint { k, silhouette, silhouette_weighted: None };
        let curve = |method: &str, points| Curve { method: method.into(), settings: String::new(), points };
        let comparison = Comparison {
            rows: 10,
            distinct_rows: 4,
            select: Vec::new(),
            weights: "none".into(),
            curves: vec![
                curve("kmeans", vec![point(2, Some(0.25)), point(3, Some(0.5)), point(5, None)]),
                curve("agglomerative", vec![point(2, Some(0.375)), point(3, Some(0.4))]),
            ],
            marks: vec![Mark {
                method: "dbscan".into(),
                settings: String::new(),
                k: 3,
                noise: 1,
                silhouette: Some(0.75),
                silhouette_without_noise: None,
            }],
            seconds: Default::default(),
            attributes_sha256: None,
            adapter: None,
            command: None,
        };
        let names = ["Male", "Bald"].map(String::from);
        let labels = [1, 0, 0, 0, 1, 0];
        let metrics = Metrics::new(&names, &[0.9, 0.1, 0.2, 0.3, 0.3, 0.1], &labels);
        let mut issue = LossIssue::new(&names, &labels, &labels, 2);
        issue.add("mse", 1, &metrics);
        let evaluation = Evaluation { partition: None, metrics, confident_mistakes: Vec::new(), half_precision: None };
        let found = Found {
            occurrences: &[0.05, 0.2, 0.8],
            evaluation: Some(&evaluation),
            loss_issue: Some(&issue),
            comparison: Some(&comparison),
            partially_present: Some([(7, 20), (3, 20)]),
            ..nothing
        };
        let ours: Vec<String> = found.findings().into_iter().filter_map(|one| one.ours).collect();
        for part in [
            "1 of 3 below 10 %, 1 above 70 %",
            "83.33 %",
            "0.333 of 2",
            "predicts 1 of 2 attributes at least once",
            "at k = 3: agglomerative 0.400, k-means 0.500, DBSCAN 0.750",
            "above agglomerative at 1 of 2 k",
            "0.250 at k = 2, 0.500 at k = 3",
            "dbscan: k = 3, 0.75, 1 faces in no cluster",
            "7 of 20 without weights, 3 of 20",
        ] {
            assert!(ours.iter().any(|one| one.contains(part)), "{part}: {ours:?}");
        }
    }
}
