//! k-means on the GPU, as scikit-learn defines it: greedy k-means++ seeding and Lloyd's iterations. Several restarts run in
//! parallel.

use super::kmeans_plan::{Form, Tensors, finish, inertia, lloyd, restart_bytes, seeding};
use super::kmeans_rows::KmeansRows;
use super::limits::buffer_limit;
use super::rows::Rows;
use super::{ClusterError, CountedRows};
use crate::device::DeviceError;
use crate::ops::{KmeansAssign, KmeansShape, RestartState, RowFormat, Ties};
use crate::plan::View;
use crate::profiles::Device;
use crate::scheduler::Program;

/// Number of iterations between two checks of whether every restart has finished. A check waits for the GPU, so it is not made
/// after every iteration.
const ITERATIONS_PER_CHECK: u32 = 4;

/// Maximum number of bytes of the buffers that grow with the number of restarts in a batch.
const BATCH_BYTES: u64 = 256 << 20;

/// Maximum predicted duration in seconds of one dispatch over the restarts of a batch. Drivers abort dispatches that run too
/// long.
const DISPATCH_SECONDS: f64 = 0.5;

/// Settings of k-means.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Number of clusters.
    pub k: usize,
    /// Number of restarts; the one with the lowest inertia is kept. Ignored if `initial` is given: there is a single run then.
    pub n_init: u32,
    /// Seed of the random numbers of all restarts.
    pub seed: u64,
    /// A restart ends when the sum of the squared shifts of its centres is at most this times the mean of the columns' variances
    /// (scikit-learn's `tol`, which defaults to 1e-4).
    pub tolerance: f64,
    /// Maximum number of Lloyd iterations of a restart (scikit-learn's `max_iter`, which defaults to 300).
    pub iterations: u32,
    /// Initial centres, row-major with shape `[k, columns]`, to use instead of k-means++ seeding.
    pub initial: Option<Vec<f32>>,
}

/// The result of the best restart.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansFit {
    /// Cluster of each row, shape `[rows]`, in `0..k`.
    pub labels: Vec<u32>,
    /// The final centres, row-major with shape `[k, columns]`.
    pub centers: Vec<f32>,
    /// Sum of the squared distances of all rows to the centres of their clusters, each multiplied by the row's weight.
    pub inertia: f64,
    /// Number of Lloyd iterations that the restart took.
    pub iterations: u32,
    /// Index of the restart, from 0.
    pub restart: u32,
}

impl KMeans {
    /// Clusters row-major values of shape `[n, d]`.
    ///
    /// An iteration assigns every row to its nearest centre, gives each empty cluster the row that is farthest from its centre,
    /// and moves the centres to the means of their rows. A restart ends when no label changes, when the centres move less than
    /// `tolerance` allows, or after `iterations`. The returned labels belong to the final centres. Of restarts with equal inertia
    /// the first is kept.
    ///
    /// If several centres are equally near to a row, the row goes to the one with the lowest index, as in scikit-learn, if
    /// `initial` is given, and otherwise to one chosen by a hash (see [`Ties`]).
    ///
    /// k-means++ draws among the distinct rows with probabilities that account for their repetitions. It therefore starts from
    /// the same centres whether equal rows are passed separately or as one row with a count.
    ///
    /// The same call on the same adapter gives the same bytes, no matter how many restarts fit in memory at once.
    ///
    /// # Errors
    /// Fails if a setting or a value is out of range, if `k` is above the number of distinct rows, if the data exceed a limit of
    /// the adapter, or if the device fails.
    pub fn fit(&self, device: &Device, rows: &[f32], n: usize, d: usize) -> Result<KMeansFit, ClusterError> {
        let rows = Rows::new("row", rows, n, d)?;
        self.fit_rows(device, rows, &vec![1.0; n])
    }

    /// Clusters counted rows as [`KMeans::fit`] does, with each stored row weighted by its count. The labels are those of the
    /// stored rows, shape `[rows.len()]`.
    ///
    /// The result is that of clustering all original rows, up to rounding. On rows of 0 and 1, whose sums f32 represents exactly,
    /// the labels and centres are exactly the same.
    ///
    /// # Errors
    /// Fails as [`KMeans::fit`] does.
    pub fn fit_counted(&self, device: &Device, rows: &CountedRows) -> Result<KMeansFit, ClusterError> {
        let counts: Vec<f32> = rows.counts.iter().map(|count| *count as f32).collect();
        let fit = self.fit_weighted(device, &rows.values, &counts, rows.len(), rows.columns);
        // The errors must state the number of original rows, which the caller knows, and not that of stored rows.
        let total = rows.total();
        fit.map_err(|error| match error {
            ClusterError::AllAlike { k, .. } => ClusterError::AllAlike { k, rows: total },
            ClusterError::TooManyClusters { k, distinct, .. } => ClusterError::TooManyClusters { k, distinct, rows: total },
            other => other,
        })
    }

    /// Clusters rows as [`KMeans::fit`] does, with row i counted `weights[i]` times; `weights` has shape `[n]`.
    ///
    /// # Errors
    /// Fails as [`KMeans::fit`] does, and with [`ClusterError::Weights`] if the weights differ in number from the rows, are not
    /// between 0 and 1e15, or are all 0.
    pub fn fit_weighted(
        &self,
        device: &Device,
        rows: &[f32],
        weights: &[f32],
        n: usize,
        d: usize,
    ) -> Result<KMeansFit, ClusterError> {
        let rows = Rows::new("row", rows, n, d)?;
        check_weights(weights, n)?;
        self.fit_rows(device, rows, weights)
    }

    /// Clusters checked rows with checked weights, in batches of as many restarts as the device allows.
    fn fit_rows(&self, device: &Device, rows: Rows, weights: &[f32]) -> Result<KMeansFit, ClusterError> {
        let initial = self.check(&rows, weights)?;
        let whole = self.shape(&rows);
        let together = restarts_together(device, whole)?;
        self.fit_in_batches(device, (whole, together), &KmeansRows::new(rows, weights, initial.is_none()), initial.as_ref())
    }

    /// Returns the sizes of the data and of the work for all restarts.
    fn shape(&self, rows: &Rows) -> KmeansShape {
        KmeansShape {
            rows: rows.count as u32,
            columns: rows.padded as u32,
            clusters: self.k as u32,
            restarts: if self.initial.is_some() { 1 } else { self.n_init },
        }
    }

    /// Runs the restarts of `whole` in batches of `together`, and returns the best restart.
    fn fit_in_batches(
        &self,
        device: &Device,
        (whole, together): (KmeansShape, u32),
        rows: &KmeansRows,
        initial: Option<&Rows>,
    ) -> Result<KMeansFit, ClusterError> {
        let profile = device.profile();
        let ties = if initial.is_some() { Ties::First } else { Ties::ByKey };
        let form = rows.form();
        let tolerance = (self.tolerance * rows.variance) as f32;

        let mut best: Option<KMeansFit> = None;
        let mut first = 0;
        while first < whole.restarts {
            let shape = KmeansShape { restarts: together.min(whole.restarts - first), ..whole };
            let (plan, tensors) = lloyd((shape, form), profile, ties, self.iterations, tolerance);
            let program = Program::new(device, &plan, &[])?;
            rows.write(device, &program, tensors);
            match initial {
                Some(centers) => program.write(device, tensors.centers, bytemuck::cast_slice(&centers.values)),
                None => match &rows.seeds {
                    None => tensors.share(device, &seeding((shape, form), profile, self.seed, first).0, &program)?.run(device)?,
                    Some((rows, weights)) => {
                        let shape = KmeansShape { rows: rows.count as u32, ..shape };
                        let (plan, seeds) = seeding((shape, Form::numbers(weights)), profile, self.seed, first);
                        let seeding = tensors.share_centers(device, &plan, &program)?;
                        seeding.write(device, seeds.rows, bytemuck::cast_slice(&rows.values));
                        seeding.write(device, seeds.weights, bytemuck::cast_slice(weights));
                        seeding.run(device)?;
                    }
                },
            }
            let batch = Batch { device, shape, form, ties, tensors, program };
            batch.iterate()?;
            batch.keep_best(&mut best, first, rows)?;
            first += shape.restarts;
        }
        best.ok_or(ClusterError::Setting { name: "n_init", value: "0".into(), expected: "at least 1" })
    }

    /// Checks the settings against the rows, and returns the padded initial centres if there are any.
    fn check(&self, rows: &Rows, weights: &[f32]) -> Result<Option<Rows>, ClusterError> {
        let setting = |name, value: String, expected| Err(ClusterError::Setting { name, value, expected });
        if self.k == 0 {
            return setting("k", self.k.to_string(), "at least 1");
        }
        if self.n_init == 0 {
            return setting("n_init", self.n_init.to_string(), "at least 1");
        }
        if self.iterations == 0 {
            return setting("the limit of iterations", self.iterations.to_string(), "at least 1");
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return setting("the tolerance", self.tolerance.to_string(), "a number of at least 0");
        }
        let distinct = rows.distinct(weights, self.k);
        if distinct == 1 && self.k > 1 && weights.iter().all(|weight| *weight > 0.0) {
            return Err(ClusterError::AllAlike { k: self.k, rows: rows.count });
        }
        if self.k > distinct {
            return Err(ClusterError::TooManyClusters { k: self.k, distinct, rows: rows.count });
        }
        let Some(initial) = &self.initial else { return Ok(None) };
        if initial.len() != self.k * rows.columns {
            return Err(ClusterError::InitialShape { found: initial.len(), k: self.k, columns: rows.columns });
        }
        Rows::new("initial centre", initial, self.k, rows.columns).map(Some)
    }
}

/// Checks that there are `rows` weights, each from 0 to 1e15, and not all 0.
fn check_weights(weights: &[f32], rows: usize) -> Result<(), ClusterError> {
    let wrong = |problem| Err(ClusterError::Weights { rows, problem });
    if weights.len() != rows {
        return wrong(format!("there are {} weights", weights.len()));
    }
    // A range never contains NaN, so this finds NaN too.
    if let Some(at) = weights.iter().position(|weight| !(0.0..=1e15).contains(weight)) {
        return wrong(format!("weight {at} is {}", weights[at]));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return wrong("all are 0".to_string());
    }
    Ok(())
}

/// Returns how many restarts can run in one batch within the limits on binding size, memory and duration; at least 1.
///
/// # Errors
/// [`ClusterError::TooLarge`] if the data or a single restart exceed the adapter's buffer size.
fn restarts_together(device: &Device, shape: KmeansShape) -> Result<u32, ClusterError> {
    let limit = buffer_limit(device);
    let each = restart_bytes(shape, device.profile());
    let data = [("the data", 4 * u64::from(shape.rows) * u64::from(shape.columns))];
    if let Some((what, bytes)) = each.iter().chain(&data).find(|(_, bytes)| *bytes > limit) {
        return Err(ClusterError::TooLarge { what, bytes: *bytes, limit });
    }
    let largest = each.iter().map(|(_, bytes)| *bytes).max().unwrap_or(1);
    let total: u64 = each.iter().map(|(_, bytes)| *bytes).sum();
    let seconds = device.predicted_seconds(KmeansAssign::cost(KmeansShape { restarts: 1, ..shape }, RowFormat::Numbers));
    let in_time = (DISPATCH_SECONDS / seconds) as u64;
    let together = (limit / largest.max(1)).min(BATCH_BYTES / total.max(1)).min(in_time).clamp(1, u64::from(shape.restarts));
    Ok(together as u32)
}

/// A batch of restarts that run in parallel, with their initial centres already on the device.
struct Batch<'a> {
    device: &'a Device,
    shape: KmeansShape,
    form: Form,
    ties: Ties,
    tensors: Tensors,
    program: Program,
}

impl Batch<'_> {
    /// Runs Lloyd iterations until every restart has finished.
    fn iterate(&self) -> Result<(), ClusterError> {
        loop {
            for _ in 0..ITERATIONS_PER_CHECK {
                self.program.run(self.device)?;
            }
            if self.states()?.iter().all(|state| state.finished != 0) {
                return Ok(());
            }
        }
    }

    /// Reads the states of all restarts.
    fn states(&self) -> Result<Vec<RestartState>, DeviceError> {
        self.read(self.tensors.states, 0, self.shape.restarts as usize)
    }

    /// Reads elements `first..first + count` of a tensor.
    fn read<T: bytemuck::Pod>(&self, view: View, first: usize, count: usize) -> Result<Vec<T>, DeviceError> {
        let size = size_of::<T>();
        match self.program.buffer(view.tensor) {
            Some(buffer) => self.device.read(buffer, (first * size) as u64, (count * size) as u64),
            None => Ok(Vec::new()),
        }
    }

    /// Labels every row by the final centres, and replaces `best` if the batch has a restart with a lower inertia. `first` is the
    /// index of the batch's first restart.
    fn keep_best(&self, best: &mut Option<KMeansFit>, first: u32, rows: &KmeansRows) -> Result<(), ClusterError> {
        let shape = self.shape;
        let plan = finish((shape, self.form), self.device.profile(), self.ties);
        self.tensors.share(self.device, &plan, &self.program)?.run(self.device)?;
        let [n, k, padded] = [shape.rows, shape.clusters, shape.columns].map(|size| size as usize);
        let sums: Vec<f32> = self.read(self.tensors.sums, 0, 4 * (shape.restarts * shape.sum_entries()) as usize)?;
        let states = self.states()?;
        let inertias = sums.chunks_exact(k * (padded + 4)).map(|sums| inertia(sums, padded));
        let mut chosen = None;
        for (restart, inertia) in inertias.enumerate() {
            let lowest = chosen.map_or(best.as_ref().map_or(f64::INFINITY, |best| best.inertia), |(_, lowest)| lowest);
            if inertia < lowest {
                chosen = Some((restart, inertia));
            }
        }
        let Some((restart, inertia)) = chosen else { return Ok(()) };
        let labels: Vec<u32> = self.read(self.tensors.labels, restart * n, n)?;
        let centers: Vec<f32> = self.read(self.tensors.centers, restart * k * padded, k * padded)?;
        *best = Some(KMeansFit {
            labels: rows.labels(&labels),
            centers: centers.chunks_exact(padded).flat_map(|center| &center[..rows.columns()]).copied().collect(),
            inertia,
            iterations: states[restart].iterations,
            restart: first + restart as u32,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_does_not_depend_on_how_restarts_are_batched() {
        let Some(device) = crate::testing::device() else { return };
        // Pseudorandom values; no two rows are equal.
        let values: Vec<f32> = (0..300 * 5).map(|index| ((index * index) % 1009) as f32 / 1009.0).collect();
        let rows = Rows::new("row", &values, 300, 5).unwrap();
        let weights = vec![1.0; 300];
        let settings = KMeans { k: 7, n_init: 6, seed: 3, tolerance: 1e-4, iterations: 300, initial: None };
        let shape = settings.shape(&rows);
        let rows = KmeansRows::new(rows, &weights, true);
        let fit = |together| settings.fit_in_batches(&device, (shape, together), &rows, None).unwrap();
        let all = fit(6);
        assert!(all.restart > 0, "the first restart is the best one, so batching is hardly tested");
        for together in [1, 4] {
            assert_eq!(fit(together), all, "{together} at a time");
        }
        assert_eq!(settings.fit(&device, &values, 300, 5).unwrap(), all);
    }
}
