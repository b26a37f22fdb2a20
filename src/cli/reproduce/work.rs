//! What the steps of a reproduction share: data, model, adapter and where things lie.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lineament::data::attributes::{CELEBA_ATTRIBUTES, paper_attributes};
use lineament::data::folder::first_images_below;
use lineament::data::labels::LabelledFolder;
use lineament::data::{Crop, ImageSource, Partition};
use lineament::nn::Model;
use lineament::ops::Interpolation;
use lineament::profiles::Device;
use serde_json::{Value, json};

use super::super::common::interruption;
use super::super::eval::of_celeba;
use super::super::prediction::{PredictionOptions, open_model};
use super::super::training::{Fallible, MODEL};
use super::Reproduce;
use super::choices::{Settings, Trained};
use super::state::{hash, hash_of};

/// The model that is shipped.
const SHIPPED: &str = "weights/mobilenet_v2_celeba.safetensors";
/// The bundled portraits, and those of their labels that are sure for all of them.
const PORTRAITS: &str = "tools/faces";
const SURE_LABELS: [&str; 4] = ["Male", "Eyeglasses", "No_Beard", "Wearing_Necktie"];

/// Folder of the training in a run.
pub const TRAIN: &str = "train";
/// Folder of the evaluation in a run.
pub const EVALUATION: &str = "evaluation";
/// What the paper says beside what was found, in a run.
pub const REPRODUCTION: &str = "reproduction.json";

/// Everything that steps need.
pub struct Work<'a> {
    pub arguments: &'a Reproduce,
    pub settings: Settings,
    /// Where the images are.
    pub data: PathBuf,
    pub folder: LabelledFolder,
    /// A hash of names, labels and partition.
    pub data_hash: String,
    /// The other faces to cluster, of `--beside`.
    pub beside: Vec<ImageSource>,
    /// The model that is used instead of one trained here, and why.
    pub given: Option<(PathBuf, &'static str)>,
    pub stop: Arc<AtomicBool>,
    /// Whether every image could be used.
    pub complete: Cell<bool>,
    device: OnceCell<Device>,
}

impl<'a> Work<'a> {
    /// Opens the data.
    pub fn new(arguments: &'a Reproduce) -> Fallible<Work<'a>> {
        let settings = arguments.source.settings();
        let given = match &arguments.model {
            Some(path) => Some((path.clone(), "--model names one")),
            None if arguments.quick => Some((PathBuf::from(SHIPPED), "--quick takes the shipped model")),
            None => None,
        };
        let data = arguments.data.clone().unwrap_or_else(|| PathBuf::from(PORTRAITS));
        let mut labels = arguments.labels.clone();
        if arguments.data.is_none() && labels.attributes.is_empty() {
            labels.attributes = SURE_LABELS.map(String::from).to_vec();
        }
        let names = match &given {
            Some((path, _)) => of_celeba(&open_model(path, None)?),
            None if settings.all_attributes => CELEBA_ATTRIBUTES.to_vec(),
            None => paper_attributes(),
        };
        let folder = labels.open(&data, &names, arguments.seed)?;
        let dataset = &folder.dataset;
        let partition: Vec<u8> = dataset.partition.iter().map(|partition| *partition as u8).collect();
        let texts = [dataset.attributes.join("\0"), dataset.names.join("\0")];
        let data_hash = hash(&[texts[0].as_bytes(), b"\0\0", texts[1].as_bytes(), &dataset.labels, &partition].concat());
        let beside = match &arguments.beside {
            Some(path) => first_images_below(path, arguments.faces as usize / 5)?.into_iter().map(ImageSource::from).collect(),
            None => Vec::new(),
        };
        let (stop, complete) = (interruption(), Cell::new(true));
        Ok(Work { arguments, settings, data, folder, data_hash, beside, given, stop, complete, device: OnceCell::new() })
    }

    /// The adapter, opened when it is first needed.
    pub fn device(&self) -> Fallible<&Device> {
        if let Some(device) = self.device.get() {
            return Ok(device);
        }
        let device = self.arguments.device.open()?;
        Ok(self.device.get_or_init(|| device))
    }

    /// A place in the run folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.arguments.out.join(name)
    }

    /// The weights to start a training from, at the size and with the input that are asked for.
    pub fn start(&self) -> Fallible<Model> {
        let mut model = Model::open(&self.arguments.weights, None)?;
        model.size = self.arguments.size.unwrap_or(model.size);
        if !model.size.is_multiple_of(32) {
            return Err(format!("--size {}: is no multiple of 32, by which the network divides it", model.size).into());
        }
        model.convention.input = self.settings.scaling.unwrap_or(model.convention.input);
        Ok(model)
    }

    /// The model to evaluate and to predict with.
    pub fn model(&self) -> Fallible<Model> {
        match &self.given {
            Some((path, _)) => open_model(path, None),
            None => {
                let path = self.at(TRAIN).join(MODEL);
                if !path.is_file() {
                    return Err(
                        format!("{}: missing; train it with --only train, or name a model with --model", path.display()).into()
                    );
                }
                open_model(&path, Some(&self.arguments.weights))
            }
        }
    }

    /// A hash of the model's file.
    pub fn model_hash(&self) -> Value {
        let path = self.given.as_ref().map_or_else(|| self.at(TRAIN).join(MODEL), |(path, _)| path.clone());
        json!(hash_of(&path))
    }

    /// A hash of a file in the run folder.
    pub fn hash_at(&self, name: &str) -> Value {
        json!(hash_of(&self.at(name)))
    }

    /// How images are brought to the model.
    pub fn options(&self) -> PredictionOptions {
        let portraits = Crop { left: 10, top: 0, width: 80, height: 80 };
        let crop = self.arguments.crop.or(self.arguments.data.is_none().then_some(portraits));
        PredictionOptions { batch: None, interpolation: Interpolation::Nearest, crop }
    }

    /// What faces are evaluated and clustered: test images, else validation images, or all where a model that has not learnt from
    /// them is used on labels without partitions.
    pub fn partition(&self) -> Option<Partition> {
        let holds = |partition| self.folder.dataset.partition.contains(&partition);
        match (self.folder.partitioned, self.given.is_some()) {
            (false, true) => None,
            (true, _) if holds(Partition::Test) => Some(Partition::Test),
            _ => Some(Partition::Validation),
        }
    }

    /// The rows of the faces to cluster: the first by name, leaving room for those of `--beside`.
    pub fn faces(&self) -> Vec<usize> {
        let data = &self.folder.dataset;
        let mut rows = self.partition().map_or_else(|| (0..data.len()).collect(), |partition| data.indices_of(partition));
        rows.sort_by(|a, b| data.names[*a].cmp(&data.names[*b]));
        rows.truncate(self.arguments.faces as usize - self.beside.len());
        rows
    }

    /// Which faces are clustered, in words.
    pub fn clustered_in_words(&self) -> String {
        let of = self.partition().map_or("all images".into(), |partition| format!("the {} images", partition.name()));
        let beside = match &self.arguments.beside {
            Some(path) => format!(", and the first {} by name below {}", self.beside.len(), path.display()),
            None => " (--beside takes others too)".into(),
        };
        format!("the first {} of {of} by name{beside}", self.faces().len())
    }

    /// How long and in what batches a training goes, where there is one.
    pub fn trained(&self) -> Option<Trained> {
        self.given.is_none().then(|| Trained {
            batch: self.arguments.batch.unwrap_or(self.settings.batch),
            epochs: self.arguments.epochs.unwrap_or(self.settings.epochs),
        })
    }

    /// How these faces differ from the paper's, in words.
    pub fn faces_in_words(&self) -> String {
        if self.arguments.data.is_none() {
            let labelled = self.folder.dataset.attributes.len();
            return format!(
                "these are {} portraits of other people, cropped to about what CelebA shows, with {labelled} attributes labelled",
                self.folder.dataset.len()
            );
        }
        let kind = self.partition().map_or("all", Partition::name);
        let given = Path::new(&self.data).display();
        if lineament::data::celeba::is_celeba(&self.data) {
            let complete = self.folder.dataset.len() == 202_599;
            let part =
                if complete { "CelebA as it is".to_string() } else { format!("{} images of CelebA", self.folder.dataset.len()) };
            return format!("{part}, its {kind} images");
        }
        format!("{given} is not CelebA")
    }

    /// How the model differs from the paper's, in words.
    pub fn model_in_words(&self) -> String {
        match (&self.given, self.trained()) {
            (Some((path, _)), _) if path == Path::new(SHIPPED) => {
                "the shipped model learnt from 37,540 of CelebA's 162,770 training \
                images at 128 × 128, the first four blocks as ImageNet left them, with binary cross-entropy (weights/README.md)"
                    .into()
            }
            (Some((path, _)), _) => format!("the model is {}", path.display()),
            (None, trained) => {
                let images = self.folder.dataset.indices_of(Partition::Train).len();
                let epochs = trained.map_or(0, |trained| trained.epochs);
                format!("trained here for {epochs} epochs on {images} images, the paper on 162,770")
            }
        }
    }
}
