//! `lineament predict`

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::app::{Error, FaceSelection, PredictionOptions, Predictor, RunFolder, ensure_writable};
use lineament::data::ImageSource;
use lineament::data::folder::expand;

use super::arguments::PredictionArguments;
use super::{Context, Outcome, Verdict};

/// Name of the folder of a run that holds the aligned faces.
const FACES_FOLDER: &str = "faces";

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
    /// Run folder to write attributes.csv to, with config.json, which records how it was made. With --faces, the aligned faces are
    /// written to its folder `faces`, where the report finds them
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Add the landmarks of each face: x and y of the eyes, the nose and the corners of the mouth
    #[arg(long)]
    landmarks: bool,
    /// Exit with status 0 although some pictures show no face
    #[arg(long)]
    allow_no_face: bool,
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
        let options = PredictionOptions { landmarks: self.landmarks, ..self.prediction.options() };
        if options.faces == FaceSelection::AsIs && (self.landmarks || self.allow_no_face) {
            let problem = "--landmarks and --allow-no-face are for faces that are looked for; add --faces largest or --faces all";
            return Err(Box::new(Error::Misuse(problem.into())));
        }
        let mut predictor = Predictor::new(&device, &model, options)?.with_context(context);
        if let Some(run) = &run {
            predictor = predictor.keeping_faces(&run.at(""), FACES_FOLDER);
        }
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
        let all_show_faces = self.allow_no_face || predictions.faceless.is_empty();
        Ok(Outcome::complete(predictions.failures.is_empty() && all_show_faces))
    }
}
