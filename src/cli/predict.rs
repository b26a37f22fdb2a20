//! `lineament predict`

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::data::folder::expand;
use lineament::data::{AttributeTable, DataError, ImageSource};

use super::common::{ensure_writable, make_run_folder, record};
use super::prediction::PredictionArguments;
use super::{Outcome, Verdict};

/// Predict facial attributes of images, as CSV
#[derive(Args)]
pub struct Predict {
    /// Images or folders of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Write 0 or 1 (a probability of more than one half) instead of probabilities
    #[arg(long)]
    binary: bool,
    /// Write to this file instead of stdout
    #[arg(long, conflicts_with = "run")]
    out: Option<PathBuf>,
    /// Write RUN/attributes.csv, and RUN/config.json with how it was made
    #[arg(long)]
    run: Option<PathBuf>,
    #[command(flatten)]
    prediction: PredictionArguments,
}

impl Predict {
    pub fn run(&self) -> Verdict {
        let images = expand(&self.images)?;
        self.out.as_deref().map_or(Ok(()), ensure_writable)?;
        self.run.as_deref().map_or(Ok(()), make_run_folder)?;
        let model = self.prediction.open()?;
        let images: Vec<ImageSource> = images.into_iter().map(Into::into).collect();
        let device = self.prediction.open_gpu()?;
        let options = self.prediction.options();
        let mut predictions = options.predict(&device, &model, &images)?;
        if self.binary {
            predictions.table = predictions.table.rounded();
        }
        match &self.run {
            None => self.write(&predictions.table)?,
            Some(run) => {
                predictions.table.write(&run.join("attributes.csv"))?;
                record(run, "predict", Some(&device), options.details(&model, &predictions))?;
            }
        }
        Ok(if predictions.failures.is_empty() { Outcome::Done } else { Outcome::Incomplete })
    }

    fn write(&self, table: &AttributeTable) -> Result<(), DataError> {
        match &self.out {
            Some(path) => table.write(path),
            None => table.write_to(std::io::stdout().lock(), Path::new("standard output")),
        }
    }
}
