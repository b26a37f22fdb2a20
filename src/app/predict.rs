//! Predicts attributes for many images, in batches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::faces::{FaceCutter, FaceOptions, FaceSelection, look_at_pictures};
use super::left_out::{Failure, LeftOut, by_kind, tell_left_out};
use super::open::default_batch;
use super::pass::{Pass, run_images};
use crate::data::text::read_text;
use crate::data::{AttributeTable, Crop, FaceMark, ImageSource, StoredOrientation, image_name};
use crate::nn::{IMAGENET_CLASSES, ImageRunner, Model, Top, softmax};
use crate::ops::Interpolation;
use crate::plan::Precision;
use crate::profiles::Device;

/// Options for preparing images for a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionOptions {
    /// Number of images in a batch; `None` takes [`default_batch`] for the adapter.
    pub batch: Option<u32>,
    /// How images are resized to the network's input.
    pub interpolation: Interpolation,
    /// The part of each image that is used; `None` takes the whole image.
    pub crop: Option<Crop>,
    /// What to do with the orientation that a camera stored.
    pub orientation: StoredOrientation,
    /// Whether the images are used as they are, or the faces in them are found and aligned.
    pub faces: FaceSelection,
    /// How faces are looked for.
    pub face_options: FaceOptions,
    /// Whether the landmarks of faces are kept.
    pub landmarks: bool,
}

impl Default for PredictionOptions {
    fn default() -> PredictionOptions {
        PredictionOptions {
            batch: None,
            interpolation: Interpolation::Nearest,
            crop: None,
            orientation: StoredOrientation::Applied,
            faces: FaceSelection::AsIs,
            face_options: FaceOptions::default(),
            landmarks: false,
        }
    }
}

/// The predictions of a model for a list of images.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Probabilities for the images that could be used, shape \[used, attributes\]. If faces were looked for, each face is a row.
    pub table: AttributeTable,
    /// Indices of the images of the rows in the list.
    pub used: Vec<usize>,
    /// Indices of the images in which no face was found, if faces were looked for.
    pub faceless: Vec<usize>,
    /// The images that could not be used.
    pub failures: Vec<Failure>,
}

impl Predictions {
    /// Returns the number of images that could not be used, by kind of reason.
    pub fn failures_by_kind(&self) -> BTreeMap<&'static str, usize> {
        by_kind(&self.failures)
    }
}

/// Predicts the attributes of images.
pub struct Predictor<'a> {
    device: &'a Device,
    model: &'a Model,
    options: PredictionOptions,
    batch: u32,
    runner: ImageRunner<'a>,
    /// Finds and cuts out faces, unless images are used as they are.
    cutter: Option<FaceCutter<'a>>,
    context: Context<'a>,
}

impl<'a> Predictor<'a> {
    /// Returns a predictor. Its programs are compiled for the first batch and kept.
    ///
    /// # Errors
    /// [`Error::NoAttributes`] if the model has no head for attributes, [`Error::Misuse`] if the batch is 0 or a crop is given
    /// for faces that are found and aligned. If faces are looked for, also the errors of [`FaceCutter::open`].
    pub fn new(device: &'a Device, model: &'a Model, options: PredictionOptions) -> Result<Predictor<'a>, Error> {
        if !matches!(model.top, Top::Attributes(_)) {
            return Err(Error::NoAttributes { path: file_of(model) });
        }
        let batch = checked_batch(options.batch.unwrap_or_else(|| default_batch(device)))?;
        if options.crop.is_some() && options.faces != FaceSelection::AsIs {
            return Err(Error::Misuse("--crop and --faces exclude each other: aligned faces are cropped already".into()));
        }
        let cutter = FaceCutter::open(device, options.faces, options.face_options, options.landmarks)?;
        let runner = match cutter {
            None => model.runner(device, batch, options.interpolation),
            Some(_) => model.face_runner(device, batch, options.interpolation),
        };
        Ok(Predictor { device, model, options, batch, runner, cutter, context: Context::default() })
    }

    /// Returns this predictor with a context.
    pub fn with_context(self, context: &Context<'a>) -> Predictor<'a> {
        Predictor { context: context.clone(), ..self }
    }

    /// Returns this predictor so that it also writes the picture of every aligned face to the folder `name` in `root`. The rows
    /// name these pictures. Without [`PredictionOptions::faces`] it writes nothing.
    pub fn keeping_faces(mut self, root: &Path, name: &str) -> Predictor<'a> {
        self.cutter = self.cutter.map(|cutter| cutter.keeping_pictures(root, name));
        self
    }

    /// Predicts the attributes of images. Images that cannot be used are reported as [`Event::Unusable`](super::Event::Unusable),
    /// and those without a face as [`Event::NoFace`](super::Event::NoFace). The others are processed.
    ///
    /// # Errors
    /// No image can be used, the device fails, or the context is cancelled.
    pub fn predict(&mut self, images: &[ImageSource]) -> Result<Predictions, Error> {
        let mut table = AttributeTable { attributes: self.model.attributes.clone(), ..AttributeTable::default() };
        let mut used = Vec::new();
        let left = self.predict_each(images, |index, mark, row| {
            table.images.push(image_name(&images[index].label()));
            table.values.extend_from_slice(row);
            table.faces.extend(mark.cloned());
            used.push(index);
        })?;
        if used.is_empty() {
            return Err(if left.faceless.is_empty() { Error::NoImages } else { Error::NoFaces { images: images.len() } });
        }
        Ok(Predictions { table, used, faceless: left.faceless, failures: left.failures })
    }

    /// Calls `use_row` with the index, the face if faces are looked for, and the probabilities, in the order of the list and of
    /// the faces in an image. Returns the images that were left out. Warns if images that are used as they are do not look like
    /// aligned faces.
    ///
    /// # Errors
    /// The device fails, or the context is cancelled.
    pub fn predict_each(
        &mut self,
        images: &[ImageSource],
        use_row: impl FnMut(usize, Option<&FaceMark>, &[f32]),
    ) -> Result<LeftOut, Error> {
        let (crop, orientation) = (self.options.crop, self.options.orientation);
        if self.cutter.is_none() && crop.is_none() {
            look_at_pictures(self.device, images, orientation, &self.context)?;
        }
        let pass = Pass { images: images.to_vec(), batch: self.batch, crop, orientation, task: "" };
        let left = run_images(self.device, &mut self.runner, self.cutter.as_mut(), pass, &self.context, use_row)?;
        if let Some(cutter) = &self.cutter {
            cutter.tell_limits(&self.context);
        }
        tell_left_out(images, &left, &self.context);
        Ok(left)
    }

    /// Returns the details of predictions that a run folder records: the weights, and how many images were used.
    pub fn details(&self, predictions: &Predictions) -> Map<String, Value> {
        let mut details = weights_of(self.model);
        if self.model.precision != Precision::F32 {
            details.insert("precision".into(), json!(self.model.precision));
        }
        if let Some(crop) = self.options.crop {
            details.insert("crop".into(), json!(crop.to_string()));
        }
        if self.options.orientation != StoredOrientation::default() {
            details.insert("orientation".into(), json!(self.options.orientation));
        }
        if let Some(cutter) = &self.cutter {
            let (path, hash) = cutter.detector_file();
            let selection = if self.options.faces == FaceSelection::All { "all" } else { "largest" };
            details.insert("faces".into(), json!(selection));
            details.insert("face detector".into(), json!({"file": path.display().to_string(), "sha256": hash}));
            details.insert("without a face".into(), json!(predictions.faceless.len()));
        }
        details.insert("images".into(), json!(predictions.used.len()));
        details.insert("unreadable".into(), json!(predictions.failures.len()));
        if !predictions.failures.is_empty() {
            details.insert("unreadable_by_reason".into(), json!(predictions.failures_by_kind()));
        }
        details
    }
}

/// Returns the paths and hashes of a model's files, under the key `weights`.
pub(super) fn weights_of(model: &Model) -> Map<String, Value> {
    let weights: Vec<_> =
        model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
    Map::from_iter([("weights".to_string(), json!(weights))])
}

/// An ImageNet class and its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedClass {
    /// Index of the class, starting at 0.
    pub class: usize,
    /// Name of the class.
    pub name: String,
    /// Probability of the class.
    pub probability: f32,
}

/// The results of a classifier for a list of images.
#[derive(Debug, Clone)]
pub struct Classifications {
    /// The most probable classes of each image, best first; `None` for an image that could not be used.
    pub classes: Vec<Option<Vec<RankedClass>>>,
    /// The images that could not be used.
    pub failures: Vec<Failure>,
}

/// Returns the names of a classifier's classes: the lines of the file `labels`, or those of ImageNet's 1,000 classes if no file
/// is given.
///
/// # Errors
/// The model has no classifier, the file cannot be read, or there are not as many names as classes. The names would then belong
/// to other classes.
pub fn class_names(model: &Model, labels: Option<&Path>) -> Result<Vec<String>, Error> {
    let Top::Classifier(classifier) = &model.top else { return Err(Error::NoClassifier { path: file_of(model) }) };
    let (text, source) = match labels {
        Some(path) => (read_text(path)?, path.display().to_string()),
        None => (IMAGENET_CLASSES.to_string(), "the built-in list of ImageNet's classes".to_string()),
    };
    let names: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
    if names.len() != classifier.outputs as usize {
        let (path, classes, found) = (file_of(model), classifier.outputs, names.len());
        let path = path.display();
        return Err(Error::Misuse(format!(
            "{path}: has {classes} classes, but {source} has {found} names; give a file with a name for each class, one a line, with --labels"
        )));
    }
    Ok(names)
}

/// Returns the `top` most probable classes of each image. `names` has the name of each class, such as [`class_names`] returns.
///
/// # Errors
/// The model has no classifier or another number of classes, the batch is 0, the device fails, or the context is cancelled.
pub fn classify(
    device: &Device,
    model: &Model,
    images: &[ImageSource],
    (names, top): (&[String], usize),
    options: &PredictionOptions,
    context: &Context,
) -> Result<Classifications, Error> {
    let Top::Classifier(classifier) = &model.top else { return Err(Error::NoClassifier { path: file_of(model) }) };
    if names.len() != classifier.outputs as usize {
        return Err(Error::Misuse(format!("{} names for {} classes", names.len(), classifier.outputs)));
    }
    let batch = checked_batch(options.batch.unwrap_or_else(|| default_batch(device).min(images.len() as u32).max(1)))?;
    let mut runner = model.runner(device, batch, options.interpolation);
    let mut classes = vec![None; images.len()];
    let PredictionOptions { crop, orientation, .. } = *options;
    let pass = Pass { images: images.to_vec(), batch, crop, orientation, task: "" };
    let left = run_images(device, &mut runner, None, pass, context, |index, _, logits| {
        let mut ranked: Vec<(usize, f32)> = softmax(logits).into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = ranked.into_iter().take(top);
        classes[index] =
            Some(best.map(|(class, probability)| RankedClass { class, name: names[class].clone(), probability }).collect());
    })?;
    tell_left_out(images, &left, context);
    Ok(Classifications { classes, failures: left.failures })
}

/// Returns the path of a model's first file; it is empty if the model was not read from a file.
fn file_of(model: &Model) -> PathBuf {
    model.files.first().map_or_else(PathBuf::new, |(path, _)| path.clone())
}

fn checked_batch(batch: u32) -> Result<u32, Error> {
    if batch == 0 { Err(Error::Misuse("the batch is 0; choose at least one image".into())) } else { Ok(batch) }
}
