//! `lineament predict`

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::app::{Error, FaceSelection, PredictionOptions, Predictor, RunFolder, ensure_writable, refuse_overwriting};
use lineament::data::{FoundImages, ImageSource, find_images, image_name};
use serde_json::json;

use super::arguments::PredictionArguments;
use super::output::{print_line, tell_left_out};
use super::{Context, Outcome, Verdict};

/// Name of the folder of a run that holds the aligned faces.
const FACES_FOLDER: &str = "faces";

/// Predict facial attributes of images and write them as CSV
#[derive(Args)]
pub struct Predict {
    /// Image files, folders of images (with all folders below them), or zip or tar archives of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Write 1 for probabilities above one half and 0 for others, instead of probabilities
    #[arg(long)]
    binary: bool,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    out: Option<PathBuf>,
    /// Run folder to write attributes.csv to, with config.json, which records how it was made. With --faces, the aligned faces
    /// are written to its folder `faces`, where the report finds them
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Print how many images were used and why others were not, as JSON. The table then goes to --run or --out
    #[arg(long)]
    json: bool,
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
        let FoundImages { images, left_out } = find_images(&self.images)?;
        tell_left_out(&left_out);
        if self.json && self.run.is_none() && self.out.is_none() {
            let problem = "--json prints a summary instead of the table; say where the table goes with --run or --out";
            return Err(Box::new(Error::Misuse(problem.into())));
        }
        let in_run = |run: &Path| ["attributes.csv", "config.json"].map(|name| run.join(name));
        let outputs = self.out.iter().cloned().chain(self.run.as_deref().map(in_run).into_iter().flatten());
        refuse_overwriting(outputs, images.iter().map(ImageSource::file).chain(self.prediction.files()))?;
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
                let mut details = predictor.details(&predictions);
                if !left_out.is_empty() {
                    details.insert("left_out".into(), json!(left_out));
                }
                run.record("predict", Some(&device), details, context)?;
            }
            (None, Some(path)) => predictions.table.write(path)?,
            (None, None) => predictions.table.write_to(std::io::stdout().lock(), Path::new("standard output"))?,
        }
        if self.json {
            let failures: Vec<_> = predictions
                .failures
                .iter()
                .map(|failure| json!({"image": image_name(&images[failure.index].label()), "reason": failure.reason}))
                .collect();
            let faceless: Vec<_> = predictions.faceless.iter().map(|index| image_name(&images[*index].label())).collect();
            let summary = json!({
                "images": predictions.used.len(),
                "unreadable": predictions.failures_by_kind(),
                "left_out": left_out,
                "without_a_face": faceless,
                "failures": failures,
            });
            print_line(serde_json::to_string_pretty(&summary)?)?;
        }
        let all_show_faces = self.allow_no_face || predictions.faceless.is_empty();
        Ok(Outcome::complete(predictions.failures.is_empty() && all_show_faces))
    }
}
