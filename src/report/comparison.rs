//! Prepares a comparison of clustering methods for the page: the paper's figure 5, and tables of its values for readers who
//! cannot see the chart.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::figure_five::{for_page, name, remark};
use super::wording::{count, decimals, readable_name, thousands};
use crate::cluster::Comparison;

/// One row of a table.
#[derive(Serialize)]
pub(super) struct Row {
    /// Heading of the row.
    pub name: String,
    pub cells: Vec<String>,
}

/// The section of the page that shows a comparison.
#[derive(Serialize)]
pub(super) struct Summary {
    /// One or two sentences that say what was compared.
    what: String,
    /// The chart for wide windows, as SVG.
    wide: String,
    /// The chart for narrow windows, as SVG.
    narrow: String,
    /// Caption of the chart.
    remark: String,
    /// Table of the methods that find the number of clusters themselves.
    marks: Vec<Row>,
    /// Names of the methods that have a curve: the column headings of `rows`.
    heading: Vec<String>,
    /// Table of silhouettes, one row per number of clusters.
    rows: Vec<Row>,
    /// Names and values to list: the settings and time of each method, the attributes, the adapter and the command.
    settings: Vec<(String, String)>,
}

/// Returns the section for `comparison`.
pub(super) fn summarise(comparison: &Comparison) -> Summary {
    let [wide, narrow] = for_page(comparison);
    let figure = |value: Option<f64>| value.map_or("–".to_string(), |value| decimals(value, 3));
    let mark = |mark: &crate::cluster::Mark| Row {
        name: name(&mark.method),
        cells: vec![thousands(mark.k), figure(mark.silhouette), thousands(mark.noise), figure(mark.silhouette_without_noise)],
    };
    let columns: Vec<BTreeMap<usize, Option<f64>>> =
        comparison.curves.iter().map(|curve| curve.points.iter().map(|point| (point.k, point.silhouette)).collect()).collect();
    let ks: BTreeSet<usize> = columns.iter().flat_map(|column| column.keys().copied()).collect();
    let row = |k: usize| Row {
        name: thousands(k),
        cells: columns.iter().map(|column| figure(column.get(&k).copied().flatten())).collect(),
    };
    Summary {
        what: what(comparison),
        wide,
        narrow,
        remark: remark(comparison),
        marks: comparison.marks.iter().map(mark).collect(),
        heading: comparison.curves.iter().map(|curve| name(&curve.method)).collect(),
        rows: ks.into_iter().map(row).collect(),
        settings: settings(comparison),
    }
}

fn what(comparison: &Comparison) -> String {
    let Comparison { rows, select, weights, .. } = comparison;
    let attributes = match select.is_empty() {
        true => "all attributes".to_string(),
        false => count(select.len(), "attribute"),
    };
    let weighed = match weights.as_str() {
        "none" => String::new(),
        weights => format!(", weighted ({weights})"),
    };
    format!(
        "Each method clusters {} by {}{weighed}. The mean silhouette, from −1 to 1, measures how well the clusters are \
         separated. It uses euclidean distances between unweighted rows.",
        count(*rows, "face"),
        attributes
    )
}

fn settings(comparison: &Comparison) -> Vec<(String, String)> {
    let of_curves = comparison.curves.iter().map(|curve| (&curve.method, &curve.settings));
    let of_marks = comparison.marks.iter().map(|mark| (&mark.method, &mark.settings));
    let mut lines: Vec<(String, String)> = of_curves
        .chain(of_marks)
        .map(|(method, settings)| {
            let seconds = comparison.seconds.get(method).map_or(String::new(), |seconds| format!("; {seconds:.2} s"));
            (name(method), format!("{settings}{seconds}"))
        })
        .collect();
    let names = |select: &[String]| select.iter().map(|name| readable_name(name)).collect::<Vec<_>>().join(", ");
    if !comparison.select.is_empty() {
        lines.push(("Attributes".into(), names(&comparison.select)));
    }
    let also = [("Adapter", &comparison.adapter), ("Command", &comparison.command)];
    lines.extend(also.into_iter().filter_map(|(name, value)| Some((name.to_string(), value.clone()?))));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::figure_five::tests::comparison;
    use super::super::tests::{input_of, written};
    use super::super::{ReportInput, load_run};

    #[test]
    fn the_page_draws_and_tables_a_comparison_with_or_without_clusters() {
        let input = ReportInput { comparison: Some(comparison(90)), ..input_of(&[&[0.9], &[0.8]], &[0, 0]) };
        let (page, _) = written(&input);
        assert_eq!(page.matches("class=\"figure-five").count(), 3, "a box and two charts");
        assert!(page.contains("<th scope=\"col\">Birch &amp; &lt;co&gt;</th>"), "{page}");
        assert!(page.contains("<th scope=\"row\">9</th><td>–</td><td>–</td>"));
        assert!(page.contains("<th scope=\"row\">DBSCAN</th><td>41</td><td>0.600</td><td>3</td><td>0.700</td>"));
        assert!(page.contains("as &lt;usual&gt;") && page.contains("the number lies beyond the chart, at k = 90"));

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("attributes.csv"), "image,Male\na.png,1\n").unwrap();
        std::fs::write(folder.path().join("comparison.json"), serde_json::to_vec(&comparison(45)).unwrap()).unwrap();
        let (page, summary) = written(&load_run(folder.path(), None, None).unwrap());
        assert!(page.contains(">45 distinct rows<") && !page.contains("<script"), "{page}");
        assert_eq!(summary.clusters, 0);
        std::fs::write(folder.path().join("comparison.json"), "{}").unwrap();
        let message = load_run(folder.path(), None, None).unwrap_err().to_string();
        assert!(message.contains("comparison.json") && message.contains("lineament compare"), "{message}");
        let mut wrong = comparison(45);
        wrong.distinct_rows = wrong.rows + 1;
        std::fs::write(folder.path().join("comparison.json"), serde_json::to_vec(&wrong).unwrap()).unwrap();
        let message = load_run(folder.path(), None, None).unwrap_err().to_string();
        assert!(message.contains("comparison.json") && message.contains("distinct_rows"), "{message}");
    }
}
