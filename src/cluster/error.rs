//! Errors of clustering and of scoring a clustering.

use std::path::PathBuf;

use crate::data::DataError;
use crate::device::DeviceError;

/// Why rows could not be clustered, or a clustering could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There are no rows or no columns to cluster.
    #[error("there is nothing to cluster: {rows} rows of {columns} columns; give at least one row and one column")]
    Empty {
        /// Number of rows given.
        rows: usize,
        /// Number of columns given.
        columns: usize,
    },
    /// The number of values is not the number of rows times the number of columns.
    #[error("found {found} values for {rows} rows of {columns} columns; expected {rows} × {columns} values")]
    Shape {
        /// Number of values given.
        found: usize,
        /// Number of rows that the caller stated.
        rows: usize,
        /// Number of columns that the caller stated.
        columns: usize,
    },
    /// A value is NaN, infinite, or so large that a sum of its squares could leave the range of f32.
    #[error("{what} {row}, column {column}: the value is {value}; it must be a number between −1e15 and 1e15")]
    NotFinite {
        /// The kind of row that holds the value: `row` or `initial centre`.
        what: &'static str,
        /// Index of the row or centre, from 0.
        row: usize,
        /// Index of the column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// The row weights differ in number from the rows, are out of range, or are all 0.
    #[error("the weights do not fit the {rows} rows: {problem}; give each row a weight from 0 to 1e15, and at least one above 0")]
    Weights {
        /// Number of rows given.
        rows: usize,
        /// What is wrong, in words.
        problem: String,
    },
    /// A setting is out of its range.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// Name of the setting, as it appears in the message.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values that it may have, in words.
        expected: &'static str,
    },
    /// More clusters were requested than there are distinct rows.
    #[error("k is {k}, but among the {rows} rows only {distinct} are distinct; ask for at most {distinct} clusters")]
    TooManyClusters {
        /// Number of clusters requested.
        k: usize,
        /// Number of distinct rows.
        distinct: usize,
        /// Number of rows.
        rows: usize,
    },
    /// More than one cluster was requested, but all rows are equal.
    #[error("k is {k}, but all {rows} rows are identical; select attributes that differ between rows")]
    AllAlike {
        /// Number of clusters requested.
        k: usize,
        /// Number of rows.
        rows: usize,
    },
    /// An attribute has no known frequency, from which its weight would be computed. The paper's script gives frequencies for 37
    /// attributes.
    #[error(
        "'{name}' has no weight under '{rule}', because frequencies are published for the paper's 37 attributes only; \
         leave it out with --select (paper-37 selects those 37), or give the weights in a file"
    )]
    NoFrequency {
        /// Name of the attribute.
        name: String,
        /// The weighting rule: `rare` or `common`.
        rule: &'static str,
    },
    /// More clusters were requested than Birch found subclusters.
    #[error(
        "k is {k}, but Birch finds only {subclusters} subclusters at threshold {threshold}; lower the threshold, or ask for at \
         most {subclusters} clusters"
    )]
    TooFewSubclusters {
        /// Number of clusters requested.
        k: usize,
        /// Number of subclusters found.
        subclusters: usize,
        /// The largest radius that a subcluster may have.
        threshold: f64,
    },
    /// The initial centres do not have the shape `[k, columns]`.
    #[error("the initial centres hold {found} numbers; expected {k} centres × {columns} columns")]
    InitialShape {
        /// Number of values given.
        found: usize,
        /// Number of clusters.
        k: usize,
        /// Number of columns of the data.
        columns: usize,
    },
    /// A file of initial centres is malformed.
    #[error("{}, line {line}: {problem}; expected {k} lines of {columns} numbers separated by commas", path.display())]
    InitialFile {
        /// Path of the file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong, in words.
        problem: String,
        /// Number of centres expected.
        k: usize,
        /// Number of values expected in a line.
        columns: usize,
    },
    /// An attribute was selected twice.
    #[error("attribute '{name}' is selected twice; name it once")]
    SelectedTwice {
        /// Name of the attribute.
        name: String,
    },
    /// The number of labels is not the number of rows.
    #[error("found {found} labels for {rows} rows; give exactly one label for each row")]
    Labels {
        /// Number of labels given.
        found: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The silhouette is undefined for this number of distinct labels. As in scikit-learn, it is defined for 2 to n − 1 distinct
    /// labels of n rows.
    #[error(
        "the number of distinct labels is {labels}; the silhouette of {rows} rows is defined for 2 to {} distinct labels",
        rows.saturating_sub(1)
    )]
    SilhouetteLabels {
        /// Number of distinct labels.
        labels: usize,
        /// Number of rows.
        rows: usize,
    },
    /// Ward's linkage was combined with another metric than the euclidean one, which its definition requires.
    #[error(
        "Ward's linkage is defined for euclidean distances only; choose the euclidean metric, or complete, average or single \
         linkage"
    )]
    WardMetric,
    /// The cosine metric was chosen, but a row of zeros has no direction and so no cosine distance.
    #[error(
        "row {row} is all zeros and has no cosine distance; leave such rows out, or choose the euclidean or manhattan metric"
    )]
    ZeroRow {
        /// Index of the row, from 0.
        row: usize,
    },
    /// There are more rows than a method is limited to, because its cost grows faster than the number of rows.
    #[error(
        "{method} of {rows} rows would need {bytes} bytes and about {operations:.0e} operations; it is limited to {limit} rows; \
         cluster fewer rows, or use k-means, which handles many"
    )]
    TooManyRows {
        /// Name of the method.
        method: &'static str,
        /// Number of rows given.
        rows: usize,
        /// Number of bytes of memory that they would take.
        bytes: u64,
        /// Number of floating-point operations that they would take.
        operations: f64,
        /// The largest number of rows allowed.
        limit: usize,
    },
    /// A buffer would exceed the adapter's limit, or the data would exceed what 32-bit sizes can address.
    #[error("{what} would take {bytes} bytes in one buffer, but the limit is {limit} bytes; use fewer rows, columns or clusters")]
    TooLarge {
        /// The content of the buffer, such as `the data`.
        what: &'static str,
        /// Number of bytes that the buffer would take.
        bytes: u64,
        /// The largest number of bytes allowed.
        limit: u64,
    },
    /// A method that needs the distances between all pairs of rows was given too many rows.
    #[error(
        "the distances between all pairs of {rows} rows would take {bytes} bytes, but the limit is {limit} bytes; use kmeans or \
         dbscan, which do not store them; or cluster by a few 0/1 attributes with agglomerative clustering, which stores equal \
         rows once"
    )]
    TooManyPairs {
        /// Number of stored rows.
        rows: usize,
        /// Number of bytes that their distances would take.
        bytes: u64,
        /// The largest number of bytes allowed.
        limit: u64,
    },
    /// The radius is so large that the lists of neighbours would take too much memory.
    #[error("the neighbour lists of {rows} rows at radius {radius} hold more than {limit} entries; use a smaller radius")]
    TooManyNeighbours {
        /// Number of stored rows.
        rows: usize,
        /// The radius.
        radius: f32,
        /// The largest number of entries allowed in all lists together.
        limit: usize,
    },
    /// The caller asked for the work to stop.
    #[error("stopped; nothing was written")]
    Stopped,
    /// An attribute is unknown, or a file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] DeviceError),
}
