//! What the steps of a reproduction share: data, model, adapter and paths.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::choices::{Settings, Trained};
use super::state::{hash, hash_of};
use super::{ORIENTATION, ReproductionOptions, first_images};
use crate::app::{
    Context, Error, MODEL_FILE, PredictionOptions, RunFolder, celeba_attributes_of, model_path, open_attribute_model,
    open_device, open_start,
};
use crate::data::attributes::{CELEBA_ATTRIBUTES, paper_attributes};
use crate::data::labels::LabelledFolder;
use crate::data::{Crop, ImageSource, Partition};
use crate::nn::Model;
use crate::nn::weights::CELEBA_MODEL;
use crate::plan::Precision;
use crate::profiles::Device;

/// The folder of the bundled portraits, and the attributes whose labels are certain for all of them.
const PORTRAITS: &str = "tools/faces";
const SURE_LABELS: [&str; 4] = ["Male", "Eyeglasses", "No_Beard", "Wearing_Necktie"];

/// Folder in a run for the training.
pub(super) const TRAIN: &str = "train";
/// Folder in a run for the evaluation.
pub(super) const EVALUATION: &str = "evaluation";
/// Folder of the run with the aligned faces of `--beside`.
pub(super) const BESIDE: &str = "beside";
/// File in a run with the results compared with the paper's.
pub(super) const REPRODUCTION: &str = "reproduction.json";

/// A model that was not trained in this run.
pub(super) struct GivenModel {
    pub path: PathBuf,
    /// The reason why it is used.
    pub reason: &'static str,
    /// Whether it is the shipped model.
    pub shipped: bool,
}

/// The shared state of the steps.
pub(super) struct Work<'a> {
    pub options: &'a ReproductionOptions,
    pub context: Context<'a>,
    pub settings: Settings,
    /// Path of the images.
    pub data: PathBuf,
    pub folder: LabelledFolder,
    /// Hash of names, labels and partition.
    pub data_hash: String,
    /// The further faces to cluster, from `--beside`.
    pub beside: Vec<ImageSource>,
    /// The model that is used instead of training one.
    pub given: Option<GivenModel>,
    /// Whether every image could be used.
    pub complete: Cell<bool>,
    device: OnceCell<Device>,
}

impl<'a> Work<'a> {
    /// Opens the data.
    pub fn new(options: &'a ReproductionOptions, context: &Context<'a>) -> Result<Work<'a>, Error> {
        let settings = options.source.settings();
        let given = match &options.model {
            Some(path) => {
                let shipped = model_path(None, CELEBA_MODEL).is_ok_and(|shipped| shipped == *path);
                Some(GivenModel { path: path.clone(), reason: "--model names one", shipped })
            }
            None if options.quick => {
                let path = model_path(None, CELEBA_MODEL)?;
                Some(GivenModel { path, reason: "--quick uses the shipped model", shipped: true })
            }
            None => None,
        };
        let data = options.data.clone().unwrap_or_else(portraits);
        let mut labels = options.labels.clone();
        if options.data.is_none() && labels.attributes.is_empty() {
            labels.attributes = SURE_LABELS.map(String::from).to_vec();
        }
        let names = match &given {
            Some(given) => celeba_attributes_of(&open_attribute_model(&given.path, None, Precision::F32)?),
            None if settings.all_attributes => CELEBA_ATTRIBUTES.to_vec(),
            None => paper_attributes(),
        };
        let folder = labels.open(&data, &names, options.seed, context)?;
        let dataset = &folder.dataset;
        let partition: Vec<u8> = dataset.partition.iter().map(|partition| *partition as u8).collect();
        let texts = [dataset.attributes.join("\0"), dataset.names.join("\0")];
        let data_hash = hash(&[texts[0].as_bytes(), b"\0\0", texts[1].as_bytes(), &dataset.labels, &partition].concat());
        let beside = match &options.beside {
            Some(path) => first_images(path, options.faces as usize / 5, context)?,
            None => Vec::new(),
        };
        let (context, complete, device) = (context.clone(), Cell::new(true), OnceCell::new());
        Ok(Work { options, context, settings, data, folder, data_hash, beside, given, complete, device })
    }

    /// Returns the adapter. It is opened when it is first needed.
    pub fn device(&self) -> Result<&Device, Error> {
        if let Some(device) = self.device.get() {
            return Ok(device);
        }
        let device = open_device(&self.options.device, &self.context)?;
        Ok(self.device.get_or_init(|| device))
    }

    /// Returns the run folder.
    pub fn run(&self) -> Result<RunFolder, Error> {
        RunFolder::create(&self.options.out)
    }

    /// Returns the path of a file in the run folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.options.out.join(name)
    }

    /// Returns the model from which a training starts, with the requested size and input scaling.
    pub fn start(&self) -> Result<Model, Error> {
        let mut model = open_start(&self.options.weights()?, self.options.size)?;
        model.convention.input = self.settings.scaling.unwrap_or(model.convention.input);
        Ok(model)
    }

    /// Returns the path of the model to evaluate and to predict with.
    fn model_file(&self) -> PathBuf {
        self.given.as_ref().map_or_else(|| self.at(TRAIN).join(MODEL_FILE), |given| given.path.clone())
    }

    /// Returns the model to evaluate and to predict with.
    pub fn model(&self) -> Result<Model, Error> {
        let path = self.model_file();
        if self.given.is_some() {
            return open_attribute_model(&path, None, Precision::F32);
        }
        if !path.is_file() {
            return Err(Error::NotTrained { path });
        }
        open_attribute_model(&path, Some(&self.options.weights()?), Precision::F32)
    }

    /// Returns the hash of the model's file.
    pub fn model_hash(&self) -> Value {
        json!(hash_of(&self.model_file()))
    }

    /// Returns the hash of a file in the run folder.
    pub fn hash_at(&self, name: &str) -> Value {
        json!(hash_of(&self.at(name)))
    }

    /// Returns how images are prepared for the model.
    pub fn prediction(&self) -> PredictionOptions {
        let portraits = Crop { left: 10, top: 0, width: 80, height: 80 };
        let crop = self.options.crop.or(self.options.data.is_none().then_some(portraits));
        PredictionOptions { crop, orientation: ORIENTATION, ..PredictionOptions::default() }
    }

    /// Returns the partition that is evaluated and clustered: the test images, or the validation images if there are none.
    /// Returns `None` for all images, if a given model has not learnt from them and the labels have no partitions.
    pub fn partition(&self) -> Option<Partition> {
        let holds = |partition| self.folder.dataset.partition.contains(&partition);
        match (self.folder.partitioned, self.given.is_some()) {
            (false, true) => None,
            (true, _) if holds(Partition::Test) => Some(Partition::Test),
            _ => Some(Partition::Validation),
        }
    }

    /// Returns the rows of the faces to cluster: the first by name. Some places are left for the faces of `--beside`.
    pub fn faces(&self) -> Vec<usize> {
        let data = &self.folder.dataset;
        let mut rows = self.partition().map_or_else(|| (0..data.len()).collect(), |partition| data.indices_of(partition));
        rows.sort_by(|a, b| data.names[*a].cmp(&data.names[*b]));
        rows.truncate(self.options.faces as usize - self.beside.len());
        rows
    }

    /// Describes which faces are clustered.
    pub fn clustered_in_words(&self) -> String {
        let of = self.partition().map_or("all images".into(), |partition| format!("the {} images", partition.name()));
        let beside = match &self.options.beside {
            Some(path) => format!(", and the first {} by name below {}", self.beside.len(), path.display()),
            None => " (--beside adds others)".into(),
        };
        format!("the first {} of {of} by name{beside}", self.faces().len())
    }

    /// Returns the length of the training. It has no meaning if a model is given.
    pub fn length(&self) -> Trained {
        Trained {
            batch: self.options.batch.unwrap_or(self.settings.batch),
            epochs: self.options.epochs.unwrap_or(self.settings.epochs),
        }
    }

    /// Returns the length of the training, if there is one.
    pub fn trained(&self) -> Option<Trained> {
        self.given.is_none().then(|| self.length())
    }

    /// Describes how these faces differ from the paper's.
    pub fn faces_in_words(&self) -> String {
        if self.options.data.is_none() {
            let labelled = self.folder.dataset.attributes.len();
            return format!(
                "these are {} portraits of other people, cropped roughly like CelebA's, with {labelled} attributes labelled",
                self.folder.dataset.len()
            );
        }
        let kind = self.partition().map_or("all", Partition::name);
        if crate::data::celeba::is_celeba(&self.data) {
            let complete = self.folder.dataset.len() == 202_599;
            let part =
                if complete { "all of CelebA".to_string() } else { format!("{} images of CelebA", self.folder.dataset.len()) };
            return format!("{part}, its {kind} images");
        }
        format!("{} is not CelebA", self.data.display())
    }

    /// Describes how the model differs from the paper's.
    pub fn model_in_words(&self) -> String {
        match &self.given {
            Some(given) if given.shipped => "the shipped model learnt from 37,540 of CelebA's 162,770 training \
                images at 128 × 128, with binary cross-entropy and the first four blocks unchanged from ImageNet \
                (weights/README.md)"
                .into(),
            Some(given) => format!("the model is {}", given.path.display()),
            None => {
                let images = self.folder.dataset.indices_of(Partition::Train).len();
                let epochs = self.length().epochs;
                format!("trained here for {epochs} epochs on {images} images; the paper used 162,770")
            }
        }
    }
}

/// Returns the folder of the bundled portraits: in the current folder, or in the source tree from which the program was built.
fn portraits() -> PathBuf {
    let here = PathBuf::from(PORTRAITS);
    if here.is_dir() { here } else { Path::new(env!("CARGO_MANIFEST_DIR")).join(PORTRAITS) }
}
