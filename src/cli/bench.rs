//! `lineament bench`

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use lineament::app::measure::{RowKind, Schedule, Task, peak_resident_bytes};
use serde_json::json;

use super::common::{GpuArguments, PrecisionArguments, print_line};
use super::{Outcome, Verdict};

/// One task timed as a whole, as one JSON line that other engines' can be put beside
///
/// The line holds `peer`, `version`, `task`, `batch`, `precision`, `median_s`, `min_s`, `max_s`, `reps`, `first_s` (from the start of the
/// program to the first result), `cpu_s` (processor seconds a run, of all threads), `rss_mb` (peak resident MiB), and `adapter`.
#[derive(Args)]
pub struct Bench {
    /// What to time
    #[arg(value_enum)]
    task: TaskName,
    /// Images a batch, or rows
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// Runs to warm up
    #[arg(default_value_t = 1)]
    warm: u16,
    /// Runs to time
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// The model that predicts
    #[arg(long, default_value = "weights/mobilenet_v2_celeba.safetensors")]
    model: PathBuf,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

/// Names of tasks.
#[derive(Clone, Copy, ValueEnum)]
enum TaskName {
    /// Predictions: resize, backbone, head
    Infer,
    /// The backbone alone, from normalised numbers to features, uploaded and read back
    Backbone,
    /// A training step of the head, on features
    TrainHead,
    /// A forward pass of the frozen backbone and a step of the head
    TrainHeadBackbone,
    /// A training step of every layer
    TrainAll,
    /// Twenty Lloyd iterations with 16 centres, on rows × 37 numbers
    Kmeans,
    /// The same on rows of 0 and 1
    KmeansBits,
    /// The silhouette of 16 clusters, on rows × 37 numbers
    Silhouette,
    /// The same on rows of 0 and 1
    SilhouetteBits,
}

impl TaskName {
    fn task(self) -> Task {
        match self {
            TaskName::Infer => Task::Infer,
            TaskName::Backbone => Task::Backbone,
            TaskName::TrainHead => Task::TrainHead,
            TaskName::TrainHeadBackbone => Task::TrainHeadBackbone,
            TaskName::TrainAll => Task::TrainAll,
            TaskName::Kmeans => Task::KMeans(RowKind::Noisy),
            TaskName::KmeansBits => Task::KMeans(RowKind::Binary),
            TaskName::Silhouette => Task::Silhouette(RowKind::Noisy),
            TaskName::SilhouetteBits => Task::Silhouette(RowKind::Binary),
        }
    }
}

impl Bench {
    pub fn run(&self) -> Verdict {
        let schedule = Schedule { started: Instant::now(), warm: self.warm.into(), repeats: self.repeats.into() };
        let device = self.device.open()?;
        let task = self.task.task();
        if !matches!(task, Task::Infer | Task::Backbone) {
            self.precision.refuse_f16("this task")?;
        }
        let timings = task.time(&device, (&self.model, self.precision.get()), self.size, schedule)?;
        let runs = timings.sorted();
        let name = self.task.to_possible_value().map(|value| value.get_name().to_string());
        print_line(json!({
            "peer": "lineament",
            "version": env!("CARGO_PKG_VERSION"),
            "task": name,
            "batch": self.size,
            "precision": self.precision.get(),
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
