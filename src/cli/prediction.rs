//! Predicting attributes of images, for the verbs that do.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use lineament::data::{AttributeTable, Crop, ImageSource};
use lineament::device::DeviceError;
use lineament::nn::{Model, Top};
use lineament::ops::Interpolation;
use lineament::plan::Precision;
use lineament::profiles::Device;
use serde_json::{Map, Value, json};

use super::common::{Failure, GpuArguments, Misuse, PrecisionArguments, Resize, default_batch, report_failures, run_images};

/// Which model, on which adapter, and how images are brought to it.
#[derive(Args)]
pub struct PredictionArguments {
    /// A model with attributes, or a head beside the backbone that it names
    #[arg(long, default_value = "weights/mobilenet_v2_celeba.safetensors")]
    model: PathBuf,
    /// The backbone of a head, where it does not lie beside it
    #[arg(long)]
    backbone: Option<PathBuf>,
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
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

/// How images are brought to a model.
#[derive(Debug, Clone, Copy)]
pub struct PredictionOptions {
    /// Images a batch, where the user says.
    pub batch: Option<u32>,
    /// How they are resized.
    pub interpolation: Interpolation,
    /// The part of each that is looked at.
    pub crop: Option<Crop>,
}

/// What a model said of images.
pub struct Predictions {
    /// Probabilities of the images that could be used.
    pub table: AttributeTable,
    /// Which images these are.
    pub used: Vec<usize>,
    /// The others.
    pub failures: Vec<Failure>,
}

impl PredictionArguments {
    /// Opens the model.
    pub fn open(&self) -> Result<Model, Box<dyn Error>> {
        Ok(open_model(&self.model, self.backbone.as_deref())?.stored_in(self.precision.get())?)
    }

    /// Opens the adapter.
    pub fn open_gpu(&self) -> Result<Device, DeviceError> {
        self.device.open()
    }

    /// How images are brought to the model.
    pub fn options(&self) -> PredictionOptions {
        PredictionOptions { batch: self.batch, interpolation: self.resize.into(), crop: self.crop }
    }
}

/// Opens a model that predicts attributes.
pub fn open_model(path: &Path, backbone: Option<&Path>) -> Result<Model, Box<dyn Error>> {
    let model = Model::open(path, backbone)?;
    if !matches!(model.top, Top::Attributes(_)) {
        let path = path.display();
        return Err(Box::new(Misuse(format!("{path}: predicts no attributes; train a head with `lineament train`"))));
    }
    Ok(model)
}

impl PredictionOptions {
    /// Predicts the attributes of images. Those that cannot be used are named on stderr; if none can, that is an error.
    pub fn predict(&self, device: &Device, model: &Model, images: &[ImageSource]) -> Result<Predictions, Box<dyn Error>> {
        let batch = self.batch.unwrap_or_else(|| default_batch(device));
        let mut runner = model.runner(device, batch, self.interpolation);
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; images.len()];
        let failures =
            run_images(device, &mut runner, batch, images.to_vec(), self.crop, |index, row| rows[index] = Some(row.to_vec()))?;

        let mut table = AttributeTable { images: Vec::new(), attributes: model.attributes.clone(), values: Vec::new() };
        let mut used = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            if let Some(row) = row {
                table.images.push(images[index].label().to_string_lossy().into_owned());
                table.values.extend(row);
                used.push(index);
            }
        }
        report_failures(images.len(), &failures);
        if used.is_empty() {
            return Err(Box::new(Misuse("none of the images could be used; nothing was written".into())));
        }
        Ok(Predictions { table, used, failures })
    }

    /// What a run folder records of the predictions.
    pub fn details(&self, model: &Model, predictions: &Predictions) -> Map<String, Value> {
        let weights: Vec<_> =
            model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
        let mut details = Map::new();
        details.insert("weights".into(), json!(weights));
        if model.precision != Precision::F32 {
            details.insert("precision".into(), json!(model.precision));
        }
        if let Some(crop) = self.crop {
            details.insert("crop".into(), json!(crop.to_string()));
        }
        details.insert("images".into(), json!(predictions.used.len()));
        details.insert("unreadable".into(), json!(predictions.failures.len()));
        details
    }
}
