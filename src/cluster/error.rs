//! What can go wrong in clustering.

use std::path::PathBuf;

use crate::data::DataError;
use crate::device::DeviceError;

/// Why rows could not be clustered or judged.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is nothing to cluster.
    #[error("there is nothing to cluster: {rows} rows of {columns} columns; give at least one of each")]
    Empty {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
    },
    /// The values do not make up the rows.
    #[error("{found} values for {rows} rows of {columns} columns; expected {rows} × {columns}")]
    Shape {
        /// Values given.
        found: usize,
        /// Rows announced.
        rows: usize,
        /// Columns announced.
        columns: usize,
    },
    /// A value is NaN, infinite, or so large that its square is not finite.
    #[error("{what} {row}, column {column}: the value is {value}; it must be a number between −1e15 and 1e15")]
    NotFinite {
        /// `row` or `initial centre`.
        what: &'static str,
        /// Which, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// There must be a weight for each row, and one that counts.
    #[error("the weights do not fit {rows} rows: {problem}; give each row a weight of at least 0, and not 0 to all")]
    Weights {
        /// Rows given.
        rows: usize,
        /// What is wrong.
        problem: String,
    },
    /// A setting of k-means that must be at least one is zero, or the tolerance is not a number of at least zero.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// More clusters than the data can fill.
    #[error("k is {k}, but among the {rows} rows only {distinct} are distinct; ask for at most {distinct} clusters")]
    TooManyClusters {
        /// Clusters asked for.
        k: usize,
        /// Distinct rows.
        distinct: usize,
        /// Rows.
        rows: usize,
    },
    /// There is nothing to tell clusters apart by.
    #[error("k is {k}, but all {rows} rows are alike; select attributes that differ")]
    AllAlike {
        /// Clusters asked for.
        k: usize,
        /// Rows.
        rows: usize,
    },
    /// The paper's script gives frequencies for 37 attributes only.
    #[error(
        "'{name}' has no weight under '{rule}': frequencies are published for the paper's 37 attributes; \
         leave it out with --select (paper-37 selects those), or give weights in a file"
    )]
    NoFrequency {
        /// The attribute.
        name: String,
        /// `rare` or `common`.
        rule: &'static str,
    },
    /// Birch found fewer subclusters than there are to be clusters.
    #[error(
        "k is {k}, but Birch finds only {subclusters} subclusters at threshold {threshold}; lower the threshold, or ask for at \
         most {subclusters} clusters"
    )]
    TooFewSubclusters {
        /// Clusters asked for.
        k: usize,
        /// Subclusters found.
        subclusters: usize,
        /// Their largest radius.
        threshold: f64,
    },
    /// The initial centres have another shape.
    #[error("the initial centres hold {found} numbers; expected {k} centres × {columns} columns")]
    InitialShape {
        /// Numbers given.
        found: usize,
        /// Clusters.
        k: usize,
        /// Columns.
        columns: usize,
    },
    /// A file of initial centres is malformed.
    #[error("{}, line {line}: {problem}; expected {k} lines of {columns} numbers separated by commas", path.display())]
    InitialFile {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
        /// Centres wanted.
        k: usize,
        /// Numbers wanted in a line.
        columns: usize,
    },
    /// A column was selected twice.
    #[error("attribute '{name}' is selected twice; name it once")]
    SelectedTwice {
        /// Its name.
        name: String,
    },
    /// There must be a label for each row.
    #[error("{found} labels for {rows} rows; expected one for each")]
    Labels {
        /// Labels given.
        found: usize,
        /// Rows.
        rows: usize,
    },
    /// scikit-learn's rule: valid numbers of labels are 2 to n_samples − 1.
    #[error(
        "the number of labels is {labels}; the silhouette of {rows} rows is defined for 2 to {} (one fewer than there are rows)",
        rows.saturating_sub(1)
    )]
    SilhouetteLabels {
        /// Distinct labels.
        labels: usize,
        /// Rows.
        rows: usize,
    },
    /// Ward's linkage is defined by means and squared euclidean distances.
    #[error("Ward's linkage takes euclidean distances only; choose them, or complete, average or single linkage")]
    WardMetric,
    /// A row of zeros has no direction, and so no cosine distance.
    #[error("row {row} is all zeros and has no cosine distance; leave such rows out, or choose euclidean or manhattan")]
    ZeroRow {
        /// Which, from 0.
        row: usize,
    },
    /// More rows than a method whose cost grows faster than theirs can take.
    #[error(
        "{method} of {rows} rows would need {bytes} bytes and about {operations:.0e} operations; it takes at most {limit} rows; \
         cluster fewer, or use k-means, which scales"
    )]
    TooManyRows {
        /// The method.
        method: &'static str,
        /// Rows given.
        rows: usize,
        /// Memory that they would take.
        bytes: u64,
        /// Floating-point operations that they would take.
        operations: f64,
        /// Rows that are taken.
        limit: usize,
    },
    /// The data do not fit the adapter.
    #[error("{what} needs {bytes} bytes in one buffer, the adapter takes {limit}; use fewer rows, columns or clusters")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// What it needs.
        bytes: u64,
        /// What the adapter takes.
        limit: u64,
    },
    /// A method that looks at all pairs of rows at once was given too many rows.
    #[error(
        "the distances between all pairs of {rows} rows take {bytes} bytes, more than the {limit} that are held at once; use \
         kmeans, or agglomerative or dbscan on few 0/1 attributes with rows alike taken together"
    )]
    TooManyPairs {
        /// Rows held.
        rows: usize,
        /// What their distances take.
        bytes: u64,
        /// What is held at once.
        limit: u64,
    },
    /// The radius takes in so much that nearly all rows are neighbours of each other.
    #[error("within {radius} of each other the {rows} rows have more than {limit} neighbours; use a smaller radius")]
    TooManyNeighbours {
        /// Rows held.
        rows: usize,
        /// The radius.
        radius: f32,
        /// Neighbours that are held at once.
        limit: usize,
    },
    /// The user stopped the work.
    #[error("stopped; nothing was written")]
    Stopped,
    /// An unknown attribute, or a file that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Whatever the device reports.
    #[error(transparent)]
    Gpu(#[from] DeviceError),
}
