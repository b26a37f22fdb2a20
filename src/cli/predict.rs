//! `lineament predict`

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::app::{Predictor, RunFolder, ensure_writable};
use lineament::data::ImageSource;
use lineament::data::folder::expand;

use super::arguments::PredictionArguments;
use super::{Context, Outcome, Verdict};

/// Predict facial attributes of images and write them as CSV
#[derive(Args)]
pub struct Predict {
    /// Image files, or folders of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Write 1 for probabilities above one half and 0 for others, instead of probabilities
    #[arg(long)]
    binary: bool,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    out: Option<PathBuf>,
    /// Run folder to write attributes.csv to, with config.json, which records how it was made
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    #[command(flatten)]
    prediction: PredictionArguments,
}

impl Predict {
    pub fn run(&self, context: &Context) -> Verdict {
        let images: Vec<ImageSource> = expand(&self.images)?.into_iter().map(Into::into).collect();
        self.out.as_deref().map_or(Ok(()), ensure_writable)?;
        let run = self.run.as_deref().map(RunFolder::create).transpose()?;
        let model = self.prediction.open()?;
        let device = self.prediction.device.open(context)?;
        let mut predictor = Predictor::new(&device, &model, self.prediction.options())?.with_context(context);
        let mut predictions = predictor.predict(&images)?;
        if self.binary {
            predictions.table = predictions.table.rounded();
        }
        match (&run, &self.out) {
            (Some(run), _) => {
                predictions.table.write(&run.at("attributes.csv"))?;
                run.record("predict", Some(&device), predictor.details(&predictions), context)?;
            }
            (None, Some(path)) => predictions.table.write(path)?,
            (None, None) => predictions.table.write_to(std::io::stdout().lock(), Path::new("standard output"))?,
        }
        Ok(Outcome::complete(predictions.failures.is_empty()))
    }
}
