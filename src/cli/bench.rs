//! `lineament bench`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use lineament::app::measure::{RowKind, Schedule, Task, peak_resident_bytes, refuse_f16};
use lineament::app::model_path;
use lineament::nn::weights::CELEBA_MODEL;
use serde_json::json;

use super::arguments::{Choices, GpuArguments, PrecisionArguments, name_of, one_of};
use super::output::print_line;
use super::{Context, Outcome, Verdict};

/// Time a complete task and print the result as one line of JSON
///
/// The line is meant for comparison with other engines. It holds `peer` (the engine), `version`, `task`, `batch`, `precision`,
/// `median_s`, `min_s`, `max_s`, `reps`, `first_s` (seconds from the start of the program to the first result), `cpu_s`
/// (processor seconds of all threads in a run), `rss_mb` (peak resident memory in MiB), and `adapter`.
#[derive(Args)]
pub struct Bench {
    /// Task to time
    #[arg(value_parser = one_of(TASKS))]
    task: Task,
    /// Number of images in a batch, of rows for kmeans and silhouette, or of megapixels for faces and decode
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// Number of untimed runs before the timed ones
    #[arg(default_value_t = 1)]
    warm: u16,
    /// Number of timed runs
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Weights file of the model for infer and backbone [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

const TASKS: &Choices<Task> = &[
    ("infer", "Predict attributes: resize, backbone and head", Task::Infer),
    ("backbone", "Run the backbone alone; upload normalised pixels and read the features back", Task::Backbone),
    ("train-head", "Train the head for one step, on features", Task::TrainHead),
    ("train-head-backbone", "Run the frozen backbone forward and train the head for one step", Task::TrainHeadBackbone),
    ("train-all", "Train all layers for one step", Task::TrainAll),
    ("faces", "Find the faces in a photograph of SIZE megapixels and align four", Task::Faces),
    ("decode", "Decode a photograph of SIZE megapixels from JPEG, to compare with faces", Task::Decode),
    ("kmeans", "Run 20 Lloyd iterations of k-means with 16 centres, on rows of 37 numbers", Task::KMeans(RowKind::Noisy)),
    ("kmeans-bits", "Like kmeans, on rows of 0 and 1", Task::KMeans(RowKind::Binary)),
    ("silhouette", "Compute the silhouette of 16 clusters, on rows of 37 numbers", Task::Silhouette(RowKind::Noisy)),
    ("silhouette-bits", "Like silhouette, on rows of 0 and 1", Task::Silhouette(RowKind::Binary)),
];

impl Bench {
    pub fn run(&self, context: &Context) -> Verdict {
        let schedule = Schedule { started: Instant::now(), warm: self.warm.into(), repeats: self.repeats.into() };
        let device = self.device.open(context)?;
        let precision = self.precision.precision;
        let model = match self.task {
            Task::Infer | Task::Backbone => model_path(self.model.as_deref(), CELEBA_MODEL)?,
            _ => refuse_f16(precision, "this task").map(|()| PathBuf::new())?,
        };
        let timings = self.task.time(&device, (&model, precision), self.size, schedule)?;
        let spread = timings.spread();
        let [fastest, slowest] = spread.range();
        print_line(json!({
            "peer": "lineament",
            "version": env!("CARGO_PKG_VERSION"),
            "task": name_of(TASKS, &self.task),
            "batch": self.size,
            "precision": precision,
            "median_s": spread.median(),
            "min_s": fastest,
            "max_s": slowest,
            "reps": timings.runs.len(),
            "first_s": timings.first,
            "cpu_s": timings.processor,
            "rss_mb": peak_resident_bytes().map(|bytes| bytes >> 20),
            "adapter": device.report().name,
        }))?;
        Ok(Outcome::Done)
    }
}
