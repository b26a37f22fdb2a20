//! `comparison.json`: the silhouette of each clustering method as a function of the number of clusters (figure 5 of the paper).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ClusterResultError;
use crate::data::json::read_checked;

/// The command that writes the file.
const COMMAND: &str = "lineament compare";

/// The result of `lineament compare`: how several methods cluster the same faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of faces.
    pub rows: usize,
    /// Number of distinct rows among them. With one cluster for each distinct row, every row that occurs more than once has a
    /// silhouette of 1 under any method, so the curves of 0/1 rows rise towards this k.
    pub distinct_rows: usize,
    /// Names of the attributes by which the faces were clustered.
    pub select: Vec<String>,
    /// The weights that the attributes were multiplied by for clustering: `none`, `rare`, `common` or the path of a file.
    pub weights: String,
    /// The results of the methods that take a number of clusters.
    pub curves: Vec<Curve>,
    /// The results of the methods that find their own number of clusters.
    pub marks: Vec<Mark>,
    /// Wall-clock time in seconds that each method took, by the method's name.
    pub seconds: BTreeMap<String, f64>,
    /// [Hash](crate::data::AttributeTable::sha256) of the table of attributes that was clustered, perhaps after rounding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes_sha256: Option<String>,
    /// Name of the adapter that computed the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Command line that computed the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The silhouettes of one method for several numbers of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Settings of the method in words, such as `complete linkage, manhattan`.
    pub settings: String,
    /// One point for each number of clusters, in ascending order of k.
    pub points: Vec<CurvePoint>,
}

/// The silhouettes of one clustering of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Number of clusters requested.
    pub k: usize,
    /// Mean silhouette of the unweighted rows under the euclidean metric; `null` in the file if it is undefined.
    pub silhouette: Option<f64>,
    /// Mean silhouette of the weighted rows; absent from the file if there are no weights or it is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_weighted: Option<f64>,
}

/// The result of one method that finds its own number of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Settings of the method in words, such as `3 rows within 0.5, euclidean`.
    pub settings: String,
    /// Number of clusters found; noise is not counted.
    pub k: usize,
    /// Number of faces that belong to no cluster.
    pub noise: usize,
    /// Mean silhouette of all faces. Noise counts as one more cluster, as in scikit-learn and the paper's script.
    pub silhouette: Option<f64>,
    /// Mean silhouette of the faces that are not noise.
    pub silhouette_without_noise: Option<f64>,
}

/// Names of the columns of [`Comparison::to_csv`].
const CSV_HEADER: [&str; 7] =
    ["method", "settings", "k", "silhouette", "silhouette_weighted", "noise", "silhouette_without_noise"];

impl Comparison {
    /// Reads and checks `comparison.json`.
    ///
    /// # Errors
    /// [`ClusterResultError`] if the file cannot be read, is not JSON of this form, or contradicts itself.
    pub fn read(path: &Path) -> Result<Comparison, ClusterResultError> {
        Ok(read_checked(path, COMMAND, Self::check)?)
    }

    /// Checks that the fields agree with each other.
    ///
    /// # Errors
    /// Returns a message that names the field, what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        let Comparison { rows, distinct_rows, .. } = self;
        if *distinct_rows == 0 || distinct_rows > rows {
            return Err(format!("`distinct_rows`: expected 1 to {rows}, the number of rows, found {distinct_rows}"));
        }
        for Curve { method, points, .. } in &self.curves {
            if !points.is_sorted_by(|a, b| a.k < b.k) {
                return Err(format!("`curves`, {method}: the points are not in ascending order of k"));
            }
        }
        let of_curves =
            self.curves.iter().flat_map(|curve| &curve.points).flat_map(|one| [one.silhouette, one.silhouette_weighted]);
        let of_marks = self.marks.iter().flat_map(|mark| [mark.silhouette, mark.silhouette_without_noise]);
        match of_curves.chain(of_marks).flatten().find(|value| !(-1.0..=1.0).contains(value)) {
            Some(value) => Err(format!("expected silhouettes in [-1, 1], found {value}")),
            None => Ok(()),
        }
    }

    /// Explains in words how the number of distinct rows affects the curves.
    pub fn remark(&self) -> String {
        let Comparison { rows, distinct_rows, .. } = self;
        if distinct_rows == rows {
            return format!("All {rows} rows are distinct.");
        }
        format!(
            "Only {distinct_rows} of the {rows} rows are distinct. With one cluster for each of them, every row that occurs more \
             than once has a silhouette of 1 under any method: a curve that rises towards k = {distinct_rows} shows that rows \
             repeat, not that faces form groups."
        )
    }

    /// Returns a sentence for each curve that lacks points; it says which points are missing and why.
    pub fn gaps(&self) -> Vec<String> {
        let gap = |curve: &Curve| {
            let missing: Vec<usize> = curve.points.iter().filter(|one| one.silhouette.is_none()).map(|one| one.k).collect();
            let (first, last) = (missing.first()?, missing.last()?);
            let which = if first == last { format!("k = {first}") } else { format!("k = {first} to {last}") };
            let distinct = self.distinct_rows;
            let why = match *first > distinct {
                true => format!("there are {distinct} distinct rows"),
                false => format!("the method finds fewer clusters, or one for each of the {} rows", self.rows),
            };
            Some(format!("{}: no point at {which}: {why}", curve.method))
        };
        self.curves.iter().filter_map(gap).collect()
    }

    /// Returns a table for a terminal with a line for each k and for each mark. `-` stands for a missing value.
    pub fn to_text(&self) -> String {
        let weighted = |curve: &Curve| curve.points.iter().any(|one| one.silhouette_weighted.is_some());
        let figure = |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.4}"));
        let mut columns: Vec<(String, BTreeMap<usize, String>)> = Vec::new();
        for curve in &self.curves {
            let column =
                |value: fn(&CurvePoint) -> Option<f64>| curve.points.iter().map(|one| (one.k, figure(value(one)))).collect();
            columns.push((curve.method.clone(), column(|one| one.silhouette)));
            if weighted(curve) {
                columns.push((format!("{}, weighted", curve.method), column(|one| one.silhouette_weighted)));
            }
        }
        let ks: BTreeSet<usize> = columns.iter().flat_map(|(_, cells)| cells.keys().copied()).collect();
        let mut text = String::new();
        let mut line = |k: String, cells: &mut dyn Iterator<Item = (String, usize)>| {
            let _ = write!(text, "{k:>5}");
            cells.for_each(|(cell, width)| {
                let _ = write!(text, "  {cell:>width$}");
            });
            text.push('\n');
        };
        if !columns.is_empty() {
            line("k".to_string(), &mut columns.iter().map(|(name, _)| (name.clone(), name.len().max(6))));
        }
        for k in ks {
            let cell = |(name, cells): &(String, BTreeMap<usize, String>)| {
                (cells.get(&k).cloned().unwrap_or("-".to_string()), name.len().max(6))
            };
            line(k.to_string(), &mut columns.iter().map(cell));
        }
        for mark in &self.marks {
            let without = match mark.noise {
                0 => String::new(),
                noise => format!(", {noise} rows are noise; silhouette without them {}", figure(mark.silhouette_without_noise)),
            };
            let Mark { method, settings, k, silhouette, .. } = mark;
            let _ = writeln!(text, "{method} ({settings}): {k} clusters, silhouette {}{without}", figure(*silhouette));
        }
        text
    }

    /// Returns a CSV table with a line for each point of a curve and for each mark. A missing value is an empty field.
    ///
    /// # Errors
    /// Fails if the CSV writer does.
    pub fn to_csv(&self) -> std::io::Result<Vec<u8>> {
        let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(CSV_HEADER)?;
        for Curve { method, settings, points } in &self.curves {
            for CurvePoint { k, silhouette, silhouette_weighted } in points {
                let [silhouette, weighted] = [*silhouette, *silhouette_weighted].map(figure);
                csv.write_record([method, settings, &k.to_string(), &silhouette, &weighted, "", ""])?;
            }
        }
        for Mark { method, settings, k, noise, silhouette, silhouette_without_noise } in &self.marks {
            let [silhouette, without] = [*silhouette, *silhouette_without_noise].map(figure);
            csv.write_record([method, settings, &k.to_string(), &silhouette, "", &noise.to_string(), &without])?;
        }
        csv.into_inner().map_err(|error| error.into_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let point = |k, silhouette, silhouette_weighted| CurvePoint { k, silhouette, silhouette_weighted };
        let curve = |method: &str, points| Curve { method: method.into(), settings: "as usual, or not".into(), points };
        let plain = vec![point(2, Some(0.25), None), point(3, Some(0.5), None), point(4, None, None)];
        let weighted = vec![point(2, Some(0.125), Some(0.75)), point(3, None, None)];
        let mark = Mark {
            method: "dbscan".into(),
            settings: "eps 0.5".into(),
            k: 3,
            noise: 2,
            silhouette: Some(0.5),
            silhouette_without_noise: Some(0.875),
        };
        Comparison {
            rows: 10,
            distinct_rows: 3,
            select: vec!["Male".into()],
            weights: "none".into(),
            curves: vec![curve("kmeans", plain), curve("birch", weighted)],
            marks: vec![mark],
            seconds: BTreeMap::new(),
            attributes_sha256: None,
            adapter: None,
            command: None,
        }
    }

    #[test]
    fn tables_have_a_row_for_each_k_and_explain_missing_points() {
        let expected = concat!(
            "    k  kmeans   birch  birch, weighted\n",
            "    2  0.2500  0.1250           0.7500\n",
            "    3  0.5000       -                -\n",
            "    4       -       -                -\n",
            "dbscan (eps 0.5): 3 clusters, silhouette 0.5000, 2 rows are noise; silhouette without them 0.8750\n",
        );
        assert_eq!(comparison().to_text(), expected);
        let csv = String::from_utf8(comparison().to_csv().unwrap()).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[4], "birch,\"as usual, or not\",2,0.125000,0.750000,,");
        assert_eq!(lines[6], "dbscan,eps 0.5,3,0.500000,,2,0.875000");
        let gaps = comparison().gaps();
        assert_eq!(gaps[0], "kmeans: no point at k = 4: there are 3 distinct rows");
        assert!(gaps[1].contains("k = 3") && gaps[1].contains("10 rows"), "{gaps:?}");
        assert!(comparison().remark().contains("Only 3 of the 10 rows"));
        let distinct = Comparison { distinct_rows: 10, ..comparison() };
        assert_eq!(distinct.remark(), "All 10 rows are distinct.");
    }

    #[test]
    fn a_file_reads_back_as_written_and_contradictions_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&comparison()).unwrap()).unwrap();
        assert_eq!(Comparison::read(file.path()).unwrap(), comparison());
        type Change = fn(&mut Comparison);
        let cases: [(Change, &str); 3] = [
            (|one| one.distinct_rows = 11, "`distinct_rows`: expected 1 to 10, the number of rows, found 11"),
            (|one| one.curves[0].points.reverse(), "`curves`, kmeans"),
            (|one| one.curves[1].points[0].silhouette_weighted = Some(1.5), "found 1.5"),
        ];
        for (change, expected) in cases {
            let mut changed = comparison();
            change(&mut changed);
            std::fs::write(file.path(), serde_json::to_vec(&changed).unwrap()).unwrap();
            let message = Comparison::read(file.path()).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("lineament compare"), "{message}");
        }
        std::fs::write(file.path(), "{}").unwrap();
        assert!(Comparison::read(file.path()).unwrap_err().to_string().contains("lineament compare"));
    }
}
