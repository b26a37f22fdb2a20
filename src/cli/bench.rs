//! `lineament bench`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use lineament::app::measure::{RowKind, Schedule, Task, peak_resident_bytes, refuse_f16};
use lineament::app::model_path;
use lineament::nn::weights::CELEBA_MODEL;
use serde_json::json;

use super::arguments::{Choices, GpuArguments, PrecisionArguments, name_of, one_of};
use super::display::Display;
use super::output::print_line;
use super::{Outcome, Verdict};

/// One task timed as a whole, as one JSON line that other engines' can be put beside
///
/// The line holds `peer`, `version`, `task`, `batch`, `precision`, `median_s`, `min_s`, `max_s`, `reps`, `first_s` (from the start of the
/// program to the first result), `cpu_s` (processor seconds a run, of all threads), `rss_mb` (peak resident MiB), and `adapter`.
#[derive(Args)]
pub struct Bench {
    /// What to time
    #[arg(value_parser = one_of(TASKS))]
    task: Task,
    /// Images a batch, or rows
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// Runs to warm up
    #[arg(default_value_t = 1)]
    warm: u16,
    /// Runs to time
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// The model that predicts [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long)]
    model: Option<PathBuf>,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

const TASKS: &Choices<Task> = &[
    ("infer", "Predictions: resize, backbone, head", Task::Infer),
    ("backbone", "The backbone alone, from normalised numbers to features, uploaded and read back", Task::Backbone),
    ("train-head", "A training step of the head, on features", Task::TrainHead),
    ("train-head-backbone", "A forward pass of the frozen backbone and a step of the head", Task::TrainHeadBackbone),
    ("train-all", "A training step of every layer", Task::TrainAll),
    ("kmeans", "Twenty Lloyd iterations with 16 centres, on rows × 37 numbers", Task::KMeans(RowKind::Noisy)),
    ("kmeans-bits", "The same on rows of 0 and 1", Task::KMeans(RowKind::Binary)),
    ("silhouette", "The silhouette of 16 clusters, on rows × 37 numbers", Task::Silhouette(RowKind::Noisy)),
    ("silhouette-bits", "The same on rows of 0 and 1", Task::Silhouette(RowKind::Binary)),
];

impl Bench {
    pub fn run(&self) -> Verdict {
        let schedule = Schedule { started: Instant::now(), warm: self.warm.into(), repeats: self.repeats.into() };
        let display = Display::default();
        let device = self.device.open(&display.context())?;
        let precision = self.precision.precision;
        let predicts = matches!(self.task, Task::Infer | Task::Backbone);
        if !predicts {
            refuse_f16(precision, "this task")?;
        }
        let model = if predicts { model_path(self.model.as_deref(), CELEBA_MODEL)? } else { PathBuf::new() };
        let timings = self.task.time(&device, (&model, precision), self.size, schedule)?;
        let runs = timings.sorted();
        print_line(json!({
            "peer": "lineament",
            "version": env!("CARGO_PKG_VERSION"),
            "task": name_of(TASKS, &self.task),
            "batch": self.size,
            "precision": precision,
            "median_s": runs[runs.len() / 2],
            "min_s": runs[0],
            "max_s": runs[runs.len() - 1],
            "reps": runs.len(),
            "first_s": timings.first,
            "cpu_s": timings.processor,
            "rss_mb": peak_resident_bytes().map(|bytes| bytes >> 20),
            "adapter": device.report().name,
        }))?;
        Ok(Outcome::Done)
    }
}
