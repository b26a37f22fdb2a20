//! Predicts attributes for many images, in batches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::event::Event;
use super::open::default_batch;
use crate::data::prefetch::decoding_threads;
use crate::data::text::read_text;
use crate::data::{AttributeTable, Crop, DecodeError, ImageSource, StoredOrientation, decode_ahead, image_name};
use crate::nn::{IMAGENET_CLASSES, ImageRunner, Model, ModelError, Started, StoredImage, Top, softmax};
use crate::ops::Interpolation;
use crate::plan::Precision;
use crate::profiles::Device;

/// Options for preparing images for a model.
#[derive(Debug, Clone, Copy)]
pub struct PredictionOptions {
    /// Number of images in a batch; `None` takes [`default_batch`] for the adapter.
    pub batch: Option<u32>,
    /// How images are resized to the network's input.
    pub interpolation: Interpolation,
    /// The part of each image that is used; `None` takes the whole image.
    pub crop: Option<Crop>,
    /// What to do with the orientation that a camera stored.
    pub orientation: StoredOrientation,
}

impl Default for PredictionOptions {
    fn default() -> PredictionOptions {
        let orientation = StoredOrientation::Applied;
        PredictionOptions { batch: None, interpolation: Interpolation::Nearest, crop: None, orientation }
    }
}

/// An image that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the image in the list.
    pub index: usize,
    /// The reason; it names the file.
    pub reason: String,
    /// The kind of the reason, by which failures are counted.
    pub kind: &'static str,
}

impl Failure {
    fn new(index: usize, error: &DecodeError) -> Failure {
        Failure { index, reason: error.to_string(), kind: error.kind() }
    }
}

/// The predictions of a model for a list of images.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Probabilities for the images that could be used, shape \[used, attributes\].
    pub table: AttributeTable,
    /// Indices of these images in the list.
    pub used: Vec<usize>,
    /// The images that could not be used.
    pub failures: Vec<Failure>,
}

impl Predictions {
    /// Returns the number of images that could not be used, by kind of reason.
    pub fn failures_by_kind(&self) -> BTreeMap<&'static str, usize> {
        by_kind(&self.failures)
    }
}

fn by_kind(failures: &[Failure]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for failure in failures {
        *counts.entry(failure.kind).or_default() += 1;
    }
    counts
}

/// Predicts the attributes of images.
pub struct Predictor<'a> {
    device: &'a Device,
    model: &'a Model,
    options: PredictionOptions,
    batch: u32,
    runner: ImageRunner<'a>,
    context: Context<'a>,
}

impl<'a> Predictor<'a> {
    /// Returns a predictor. Its programs are compiled for the first batch and kept.
    ///
    /// # Errors
    /// [`Error::NoAttributes`] if the model has no head for attributes, [`Error::Misuse`] if the batch is 0.
    pub fn new(device: &'a Device, model: &'a Model, options: PredictionOptions) -> Result<Predictor<'a>, Error> {
        if !matches!(model.top, Top::Attributes(_)) {
            return Err(Error::NoAttributes { path: file_of(model) });
        }
        let batch = checked_batch(options.batch.unwrap_or_else(|| default_batch(device)))?;
        let runner = model.runner(device, batch, options.interpolation);
        Ok(Predictor { device, model, options, batch, runner, context: Context::default() })
    }

    /// Returns this predictor with a context.
    pub fn with_context(self, context: &Context<'a>) -> Predictor<'a> {
        Predictor { context: context.clone(), ..self }
    }

    /// Predicts the attributes of images. Images that cannot be used are reported as [`Event::Unusable`]; the others are
    /// processed.
    ///
    /// # Errors
    /// No image can be used, the device fails, or the context is cancelled.
    pub fn predict(&mut self, images: &[ImageSource]) -> Result<Predictions, Error> {
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; images.len()];
        let failures = self.predict_each(images, |index, row| rows[index] = Some(row.to_vec()))?;
        let mut table = AttributeTable { images: Vec::new(), attributes: self.model.attributes.clone(), values: Vec::new() };
        let mut used = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            if let Some(row) = row {
                table.images.push(image_name(&images[index].label()));
                table.values.extend(row);
                used.push(index);
            }
        }
        if used.is_empty() {
            return Err(Error::NoImages);
        }
        Ok(Predictions { table, used, failures })
    }

    /// Calls `use_row` with the index and the probabilities of each image, in the order of the list. Returns the images that
    /// could not be used.
    ///
    /// # Errors
    /// The device fails, or the context is cancelled.
    pub fn predict_each(&mut self, images: &[ImageSource], use_row: impl FnMut(usize, &[f32])) -> Result<Vec<Failure>, Error> {
        let (crop, orientation) = (self.options.crop, self.options.orientation);
        let pass = Pass { images: images.to_vec(), batch: self.batch, crop, orientation, task: "" };
        let failures = run_images(self.device, &mut self.runner, pass, &self.context, use_row)?;
        tell_failures(images.len(), &failures, &self.context);
        Ok(failures)
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
    let failures = run_images(device, &mut runner, pass, context, |index, logits| {
        let mut ranked: Vec<(usize, f32)> = softmax(logits).into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = ranked.into_iter().take(top);
        classes[index] =
            Some(best.map(|(class, probability)| RankedClass { class, name: names[class].clone(), probability }).collect());
    })?;
    tell_failures(images.len(), &failures, context);
    Ok(Classifications { classes, failures })
}

/// Returns the path of a model's first file; it is empty if the model was not read from a file.
fn file_of(model: &Model) -> PathBuf {
    model.files.first().map_or_else(PathBuf::new, |(path, _)| path.clone())
}

fn checked_batch(batch: u32) -> Result<u32, Error> {
    if batch == 0 { Err(Error::Misuse("the batch is 0; choose at least one image".into())) } else { Ok(batch) }
}

fn tell_failures(images: usize, failures: &[Failure], context: &Context) {
    if !failures.is_empty() {
        let reasons = failures.iter().map(|failure| failure.reason.clone()).collect();
        context.send(Event::Unusable { images, reasons, kinds: by_kind(failures) });
    }
}

/// The settings of a pass over images.
pub(super) struct Pass<'t> {
    pub images: Vec<ImageSource>,
    /// Number of images in a batch.
    pub batch: u32,
    pub crop: Option<Crop>,
    pub orientation: StoredOrientation,
    /// Name of the work, for the observer; may be empty.
    pub task: &'t str,
}

/// Runs every image through the network in batches. Images are decoded in parallel ahead of the GPU, and the next batch is
/// submitted before the results of the last one are read. `use_row` receives the results in order. Returns the images that could
/// not be used.
pub(super) fn run_images(
    device: &Device,
    runner: &mut ImageRunner,
    Pass { images, batch, crop, orientation, task }: Pass,
    context: &Context,
    mut use_row: impl FnMut(usize, &[f32]),
) -> Result<Vec<Failure>, Error> {
    context.start(task, "images", images.len());
    let (mut failures, mut pending, mut done) = (Vec::new(), Vec::with_capacity(batch as usize), 0);
    let limit = device.capabilities().binding_bytes;
    let mut decoded = decode_ahead(images.clone(), decoding_threads(), 2 * batch as usize, orientation);
    let mut pending_bytes = 0;
    // The batch that is running on the device, and the indices of its images.
    let mut started: Option<(Started, Vec<usize>)> = None;
    let mut use_rows = |runner: &ImageRunner, (started, indices): (Started, Vec<usize>)| {
        let rows = runner.finish(device, started)?;
        for (index, row) in indices.iter().zip(rows.chunks_exact(rows.len() / indices.len())) {
            use_row(*index, row);
        }
        done += indices.len();
        context.advance(done);
        Ok::<(), ModelError>(())
    };
    loop {
        context.check("predicting")?;
        let next = decoded.next();
        let last = next.is_none();
        match next {
            Some((index, Ok(whole))) => {
                let image = if let Some(crop) = crop { crop.of(&whole) } else { whole };
                let size = (image.width, image.height);
                let stored = runner.stored(image);
                if stored.bytes() > limit {
                    let path = images[index].label();
                    failures.push(Failure { index, reason: too_large(&path, size, limit), kind: "too large" });
                } else {
                    pending_bytes += stored.bytes();
                    pending.push((index, stored));
                }
            }
            Some((index, Err(error))) => failures.push(Failure::new(index, &error)),
            None => {}
        }
        // Large images would be run in several parts anyway. Not waiting for the others bounds the memory.
        let is_full = pending.len() == batch as usize || pending_bytes >= limit;
        if is_full || (last && !pending.is_empty()) {
            let (indices, stored): (Vec<usize>, Vec<StoredImage>) = pending.drain(..).unzip();
            let next = (runner.start_stored(device, &stored)?, indices);
            pending_bytes = 0;
            if let Some(before) = started.replace(next) {
                use_rows(runner, before)?;
            }
        }
        if last {
            if let Some(before) = started.take() {
                use_rows(runner, before)?;
            }
            context.finish();
            return Ok(failures);
        }
    }
}

fn too_large(path: &Path, (width, height): (u32, u32), limit: u64) -> String {
    let (path, most) = (path.display(), limit / 3_000_000);
    format!(
        "{path}: {width} × {height} pixels, more in its wide rows than the {most} megapixels that this adapter can process at \
         once; make the image smaller, or use --resize nearest"
    )
}
