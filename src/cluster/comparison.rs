//! `comparison.json`: the silhouette of every method over the number of clusters, which the paper draws as figure 5.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ClusterResultError;

/// The command that makes the file.
const COMMAND: &str = "lineament compare";

/// What `lineament compare` found for `n` faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Faces.
    pub rows: usize,
    /// Distinct rows among them: with a cluster for each, every row that has a double scores 1, whatever the method, so that on
    /// 0/1 rows curves rise towards this k.
    pub distinct_rows: usize,
    /// Names of the attributes that the distance was computed on.
    pub select: Vec<String>,
    /// `none`, `rare`, `common` or the file of weights that the features were multiplied by; the silhouettes are of unweighted ones.
    pub weights: String,
    /// The methods that take a number of clusters, one curve each.
    pub curves: Vec<Curve>,
    /// The methods that find their own number of clusters.
    pub marks: Vec<Mark>,
    /// Wall-clock seconds by method.
    pub seconds: BTreeMap<String, f64>,
    /// Adapter that computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Command line that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// One method over the number of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Its settings in words, such as `complete linkage, manhattan`.
    pub settings: String,
    /// Ascending by k.
    pub points: Vec<CurvePoint>,
}

/// The silhouette of one clustering of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Clusters asked for.
    pub k: usize,
    /// Mean silhouette, euclidean, of the unweighted rows; `null` where it is undefined.
    pub silhouette: Option<f64>,
    /// The same on the weighted rows that were clustered; absent without weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_weighted: Option<f64>,
}

/// One method that finds its own number of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Its settings in words, such as `eps 0.5, 3 neighbours`.
    pub settings: String,
    /// Clusters found, without noise.
    pub k: usize,
    /// Faces in no cluster.
    pub noise: usize,
    /// Mean silhouette with noise as one more cluster, as scikit-learn and the original script take it.
    pub silhouette: Option<f64>,
    /// Mean silhouette of the faces in clusters.
    pub silhouette_without_noise: Option<f64>,
}

/// Columns of [`Comparison::to_csv`].
const CSV_HEADER: [&str; 7] =
    ["method", "settings", "k", "silhouette", "silhouette_weighted", "noise", "silhouette_without_noise"];

impl Comparison {
    /// Reads and checks `comparison.json`.
    ///
    /// # Errors
    /// [`ClusterResultError`] if the file is missing, is not JSON of this form, or contradicts itself.
    pub fn read(path: &Path) -> Result<Comparison, ClusterResultError> {
        let path = || path.to_path_buf();
        let bytes = std::fs::read(path()).map_err(|source| ClusterResultError::Read { path: path(), source })?;
        let parse = |source| ClusterResultError::Parse { path: path(), command: COMMAND, source };
        let result: Comparison = serde_json::from_slice(&bytes).map_err(parse)?;
        let inconsistent = |problem| ClusterResultError::Inconsistent { path: path(), command: COMMAND, problem };
        result.check().map_err(inconsistent)?;
        Ok(result)
    }

    /// Checks that the fields agree with each other.
    ///
    /// # Errors
    /// A sentence that names the field, what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        let Comparison { rows, distinct_rows, .. } = self;
        if *distinct_rows == 0 || distinct_rows > rows {
            return Err(format!("`distinct_rows`: expected 1 to the {rows} rows, found {distinct_rows}"));
        }
        for Curve { method, points, .. } in &self.curves {
            if !points.is_sorted_by(|a, b| a.k < b.k) {
                return Err(format!("`curves`, {method}: its points are not ascending by k"));
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

    /// What the number of distinct rows has to do with the curves, in sentences.
    pub fn remark(&self) -> String {
        let Comparison { rows, distinct_rows, .. } = self;
        if distinct_rows == rows {
            return format!("All {rows} rows are distinct.");
        }
        format!(
            "Only {distinct_rows} of the {rows} rows are distinct. With a cluster for each of them every row that has a double \
             scores 1, whatever the method: a curve that rises towards k = {distinct_rows} tells of rows that repeat, not of \
             groups of faces."
        )
    }

    /// The points that a curve lacks, in a sentence for each curve that lacks any.
    pub fn gaps(&self) -> Vec<String> {
        let gap = |curve: &Curve| {
            let missing: Vec<usize> = curve.points.iter().filter(|one| one.silhouette.is_none()).map(|one| one.k).collect();
            let (first, last) = (missing.first()?, missing.last()?);
            let which = if first == last { format!("k = {first}") } else { format!("k = {first} to {last}") };
            let distinct = self.distinct_rows;
            let why = match *first > distinct {
                true => format!("there are {distinct} distinct rows"),
                false => format!("it tells fewer groups apart, or as many as the {} rows", self.rows),
            };
            Some(format!("{}: no point at {which}: {why}", curve.method))
        };
        self.curves.iter().filter_map(gap).collect()
    }

    /// A table for a terminal, a row for each k; `-` where there is no figure.
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
                noise => format!(", {noise} rows in none; silhouette without these {}", figure(mark.silhouette_without_noise)),
            };
            let Mark { method, settings, k, silhouette, .. } = mark;
            let _ = writeln!(text, "{method} ({settings}): {k} clusters, silhouette {}{without}", figure(*silhouette));
        }
        text
    }

    /// A line for each point of a curve and for each mark, as CSV, with empty fields where there is no figure.
    ///
    /// # Errors
    /// Memory for it cannot be had.
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
            adapter: None,
            command: None,
        }
    }

    #[test]
    fn tables_have_a_row_for_each_k_and_say_what_is_missing() {
        let expected = concat!(
            "    k  kmeans   birch  birch, weighted\n",
            "    2  0.2500  0.1250           0.7500\n",
            "    3  0.5000       -                -\n",
            "    4       -       -                -\n",
            "dbscan (eps 0.5): 3 clusters, silhouette 0.5000, 2 rows in none; silhouette without these 0.8750\n",
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
    fn a_file_reads_back_as_it_was_and_contradictions_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&comparison()).unwrap()).unwrap();
        assert_eq!(Comparison::read(file.path()).unwrap(), comparison());
        type Change = fn(&mut Comparison);
        let cases: [(Change, &str); 3] = [
            (|one| one.distinct_rows = 11, "`distinct_rows`: expected 1 to the 10 rows, found 11"),
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
