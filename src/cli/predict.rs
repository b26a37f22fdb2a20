//! `lineament predict`

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::data::folder::expand;
use lineament::data::{AttributeTable, Crop, DataError};
use lineament::model::{Model, Top};
use serde_json::{Map, json};

use super::common::{
    GpuArguments, Misuse, Resize, default_batch, ensure_writable, make_run_folder, record, report_failures, run_images,
};
use super::{Outcome, Verdict};

/// Predict facial attributes of images, as CSV
#[derive(Args)]
pub struct Predict {
    /// Images or folders of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// A model with attributes, or a head beside the backbone that it names
    #[arg(long, default_value = "weights/mobilenet_v2_celeba.safetensors")]
    model: PathBuf,
    /// The backbone of a head, where it does not lie beside it
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// Write 0 or 1 (a probability of more than one half) instead of probabilities
    #[arg(long)]
    binary: bool,
    /// Write to this file instead of stdout
    #[arg(long, conflicts_with = "run")]
    out: Option<PathBuf>,
    /// Write RUN/attributes.csv, and RUN/config.json with how it was made
    #[arg(long)]
    run: Option<PathBuf>,
    /// Images a batch [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// How images are brought to the network's size
    #[arg(long, value_enum, default_value = "nearest")]
    resize: Resize,
    /// Look only at this part of each image, in percent. Weights trained on CelebA expect a face that fills the picture
    /// from hair to chin; of a portrait with shoulders, 10,0,80,80 is about that
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT")]
    crop: Option<Crop>,
    #[command(flatten)]
    gpu: GpuArguments,
}

impl Predict {
    pub fn run(&self) -> Verdict {
        let images = expand(&self.images)?;
        self.out.as_deref().map_or(Ok(()), ensure_writable)?;
        self.run.as_deref().map_or(Ok(()), make_run_folder)?;
        let model = Model::open(&self.model, self.backbone.as_deref())?;
        if !matches!(model.top, Top::Attributes(_)) {
            let path = self.model.display();
            return Err(Box::new(Misuse(format!("{path}: predicts no attributes; train a head with `lineament train`"))));
        }
        let gpu = self.gpu.open()?;
        let batch = self.batch.unwrap_or_else(|| default_batch(&gpu));
        let mut runner = model.runner(&gpu, batch, self.resize.into());
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; images.len()];
        let failures = run_images(&gpu, &mut runner, batch, &images, self.crop, |index, row| rows[index] = Some(row.to_vec()))?;

        let mut table = AttributeTable { images: Vec::new(), attributes: model.attributes.clone(), values: Vec::new() };
        for (image, row) in images.iter().zip(rows) {
            if let Some(row) = row {
                table.images.push(image.to_string_lossy().into_owned());
                table.values.extend(row);
            }
        }
        if self.binary {
            table = table.rounded();
        }
        report_failures(&images, &failures);
        if table.images.is_empty() {
            return Err(Box::new(Misuse("none of the images could be used; nothing was written".into())));
        }
        match &self.run {
            None => self.write(&table)?,
            Some(run) => {
                table.write(&run.join("attributes.csv"))?;
                let mut details = Map::new();
                let weights: Vec<_> =
                    model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
                details.insert("weights".into(), json!(weights));
                if let Some(crop) = self.crop {
                    details.insert("crop".into(), json!(crop.to_string()));
                }
                details.insert("images".into(), json!(table.images.len()));
                details.insert("unreadable".into(), json!(failures.len()));
                record(run, "predict", Some(&gpu), details)?;
            }
        }
        Ok(if failures.is_empty() { Outcome::Done } else { Outcome::Incomplete })
    }

    fn write(&self, table: &AttributeTable) -> Result<(), DataError> {
        match &self.out {
            Some(path) => table.write(path),
            None => table.write_to(std::io::stdout().lock(), Path::new("standard output")),
        }
    }
}
