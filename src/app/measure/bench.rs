//! Times whole tasks as a user experiences them, for comparison with other engines.

use std::path::Path;
use std::time::Instant;

use super::profile::run;
use super::search::{FaceSearch, photograph_file};
use super::timing::{Spread, repeat, runs, wall_seconds};
use super::workload::{Extent, Workload};
use crate::cluster::{ClusterError, CountedRows, KMeans, Metric, SilhouetteScorer};
use crate::data::decode;
use crate::device::DeviceError;
use crate::nn::random::{Stream, unit};
use crate::nn::training::NetworkShape;
use crate::nn::{Model, ModelError};
use crate::plan::{Precision, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Number of columns of the generated rows: as many as the paper predicts attributes.
const COLUMNS: usize = 37;
/// Height and width of the images: those at which MobileNetV2 was pretrained.
const IMAGE_SIZE: u32 = 224;
/// Number of groups in the generated rows, and of clusters to find.
const GROUPS: usize = 16;
/// Number of Lloyd iterations in a run.
const ITERATIONS: u32 = 20;

/// A task to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Predicts a batch of images.
    Infer,
    /// Runs the backbone alone: from normalised pixels in host memory to features in host memory, as other engines are timed.
    Backbone,
    /// Trains the head for one step, on features.
    TrainHead,
    /// Runs the frozen backbone forward and trains the head for one step.
    TrainHeadBackbone,
    /// Trains all layers for one step.
    TrainAll,
    /// Finds the faces in a photograph and aligns four.
    Faces,
    /// Decodes a photograph from JPEG, to compare with [`Task::Faces`]. It needs no device.
    Decode,
    /// Runs 20 Lloyd iterations from 16 given centres.
    KMeans(RowKind),
    /// Computes the Euclidean silhouette of 16 clusters, without merging equal rows.
    Silhouette(RowKind),
}

/// The kind of the generated rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// 0 and 1 with noise, so that no two rows are equal.
    Noisy,
    /// 0 and 1 only.
    Binary,
}

/// Why a task could not be timed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The network failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] DeviceError),
    /// The faces cannot be found.
    #[error("{0}")]
    Faces(String),
    /// The clustering failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// The times of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Timings {
    /// Seconds from `started` to the first result.
    pub first: f64,
    /// Seconds of each run, in order.
    pub runs: Vec<f64>,
    /// Processor seconds of all threads in a run, if the system reports them.
    pub processor: Option<f64>,
}

impl Timings {
    /// Returns the spread of the seconds of the runs.
    pub fn spread(&self) -> Spread {
        Spread::of(self.runs.iter().copied())
    }
}

/// How to time a task.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The start of the process, or another moment from which the first result is timed.
    pub started: Instant,
    /// Number of untimed runs. The first of all runs is one of them.
    pub warm: usize,
    /// Number of timed runs, at least one.
    pub repeats: usize,
}

impl Task {
    /// Times the task at a size, which is the number of images in a batch, the number of rows, or megapixels. Predictions use
    /// `model` in the given precision. Training steps use the paper's network on images of 224 × 224 pixels, with generated
    /// weights; the values do not affect the time.
    ///
    /// # Errors
    /// The work does not fit the adapter, or the device fails.
    pub fn time(
        self,
        device: &Device,
        (model, precision): (&Path, Precision),
        size: u32,
        schedule: Schedule,
    ) -> Result<Timings, BenchError> {
        let of_workload = |workload: Workload| -> Result<Timings, BenchError> {
            let programs = workload.programs(device)?;
            // The device has a copy of the inputs and weights, so the host's is freed.
            drop(workload);
            device.flush()?;
            schedule.time(|| Ok(run(device, &programs)?))
        };
        let paper = NetworkShape::paper(1.0, IMAGE_SIZE, COLUMNS as u32);
        let open = |path: &Path| -> Result<Model, BenchError> {
            Ok(Model { size: IMAGE_SIZE, ..Model::open(path, None)?.stored_in(precision)? })
        };
        let of_step = |network: &NetworkShape| of_workload(Workload::training(device.profile(), network, size, Extent::Step)?);
        match self {
            Task::Infer => {
                let model = open(model)?;
                let workload = Workload::prediction(device, &model, size);
                drop(model);
                of_workload(workload)
            }
            Task::Backbone => {
                let backbone = RoundTrip::of(device, open(model)?, size)?;
                device.flush()?;
                schedule.time(|| Ok(backbone.run(device)?))
            }
            Task::TrainAll => of_step(&paper),
            Task::TrainHeadBackbone => of_step(&NetworkShape { first_trained: paper.convolutions(), ..paper }),
            Task::TrainHead => of_step(&paper.without_backbone()),
            Task::Faces => {
                let mut search = FaceSearch::new(device, size)?;
                schedule.time(|| search.run())
            }
            Task::Decode => {
                let file = photograph_file(size)?;
                schedule.time(|| decode(file.path()).map(drop).map_err(|error| BenchError::Faces(error.to_string())))
            }
            Task::KMeans(kind) => {
                // k-means must not converge before its iterations are done.
                let (rows, _) = generated_rows(size as usize, 0.25, kind);
                let initial = Some(rows[..GROUPS * COLUMNS].to_vec());
                let fit = KMeans { k: GROUPS, n_init: 1, seed: 7, tolerance: 0.0, iterations: ITERATIONS, initial };
                schedule.time(|| fit.fit(device, &rows, size as usize, COLUMNS).map(drop).map_err(BenchError::from))
            }
            Task::Silhouette(kind) => {
                let (values, labels) = generated_rows(size as usize, 0.08, kind);
                let rows = CountedRows::every(&values, size as usize, COLUMNS)?;
                drop(values);
                let mut scorer = SilhouetteScorer::new(device, &rows, Metric::Euclidean);
                schedule.time(|| scorer.score(&labels).map(drop).map_err(BenchError::from))
            }
        }
    }
}

/// A compiled backbone with the input that each run uploads.
struct RoundTrip {
    program: Program,
    input: View,
    numbers: Vec<u8>,
    features: View,
}

impl RoundTrip {
    fn of(device: &Device, Model { backbone, size, precision, .. }: Model, batch: u32) -> Result<RoundTrip, DeviceError> {
        let count = u64::from(batch) * u64::from(size * size) * 4;
        let (plan, [weights, input, features]) = backbone.plan_alone(&device.profile().with_precision(precision), [batch, size]);
        let program = Program::new(device, &plan, &[])?;
        program.write(device, weights, &backbone.stored_parameters(precision));
        // RGB between -1 and 1, and zero in the fourth channel. The values do not affect the time.
        let number = |at: u64| if at % 4 == 3 { 0.0 } else { (at * 31 % 251) as f32 / 125.0 - 1.0 };
        let numbers = precision.stored(&(0..count).map(number).collect::<Vec<f32>>());
        Ok(RoundTrip { program, input, numbers, features })
    }

    fn run(&self, device: &Device) -> Result<(), DeviceError> {
        self.program.write(device, self.input, &self.numbers);
        self.program.run(device)?;
        self.program.read(device, self.features).map(drop)
    }
}

impl Schedule {
    fn time(self, mut work: impl FnMut() -> Result<(), BenchError>) -> Result<Timings, BenchError> {
        let mut once = || wall_seconds(&mut work);
        once()?;
        let first = self.started.elapsed().as_secs_f64();
        if self.warm > 1 {
            repeat(0, runs(self.warm - 1), &mut once)?;
        }
        let (repeats, before) = (self.repeats.max(1), processor_seconds());
        let runs = repeat(0, runs(repeats), once)?;
        let processor = processor_seconds().zip(before).map(|(after, before)| (after - before) / repeats as f64);
        Ok(Timings { first, runs, processor })
    }
}

/// Returns rows of 0 and 1 in 16 loose groups, with each number flipped at probability `flip`, and the group of each row.
fn generated_rows(rows: usize, flip: f64, kind: RowKind) -> (Vec<f32>, Vec<i64>) {
    let draw = |what: usize, at: usize| unit(7, Stream::Weights(what), at as u64);
    let prototype: Vec<bool> = (0..GROUPS * COLUMNS).map(|at| draw(0, at) < 0.3).collect();
    let labels: Vec<i64> = (0..rows).map(|row| (draw(1, row) * GROUPS as f64) as i64).collect();
    let value = |at: usize| {
        let has = prototype[labels[at / COLUMNS] as usize * COLUMNS + at % COLUMNS] != (draw(2, at) < flip);
        let exact = f32::from(u8::from(has));
        match kind {
            RowKind::Binary => exact,
            RowKind::Noisy => (exact + 0.1 * (draw(3, at) as f32 - 0.5)).clamp(0.0, 1.0),
        }
    };
    ((0..rows * COLUMNS).map(value).collect(), labels)
}

/// Returns the processor seconds of all threads of this process so far. Linux reports them in hundredths of a second.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may contain spaces.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let (user, system) = (fields.nth(11)?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / 100.0)
}

/// Returns the peak resident memory of this process in bytes, if the system reports it.
pub fn peak_resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_and_the_first_result_is_timed() {
        let mut calls = 0;
        let schedule = Schedule { started: Instant::now(), warm: 2, repeats: 3 };
        let timings = schedule
            .time(|| {
                calls += 1;
                Ok(())
            })
            .expect("nothing fails");
        assert_eq!((calls, timings.runs.len()), (5, 3));
        assert!(timings.spread().range()[0] >= 0.0 && timings.first >= 0.0);
    }

    #[test]
    fn generated_rows_are_what_their_kind_says() {
        let (binary, labels) = generated_rows(400, 0.08, RowKind::Binary);
        assert!(binary.iter().all(|value| [0.0, 1.0].contains(value)));
        assert!((0..GROUPS as i64).all(|group| labels.contains(&group)));
        let (noisy, same) = generated_rows(400, 0.08, RowKind::Noisy);
        assert_eq!((same, noisy.iter().map(|value| value.round()).collect::<Vec<_>>()), (labels, binary));
        assert_eq!(CountedRows::distinct(&noisy, 400, COLUMNS).expect("rows").len(), 400);
    }
}
