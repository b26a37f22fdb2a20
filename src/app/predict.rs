//! Predicts attributes for many images, in batches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::event::Event;
use super::faces::{Cut, FaceCutter, FaceOptions, FaceSelection, look_at_pictures};
use super::open::default_batch;
use crate::data::prefetch::decoding_threads;
use crate::data::text::read_text;
use crate::data::{
    AttributeTable, Crop, DecodeError, FaceMark, ImageSource, Rgb8Image, StoredOrientation, decode_ahead, image_name,
};
use crate::nn::{IMAGENET_CLASSES, ImageRunner, Model, ModelError, Started, StoredImage, Top, softmax};
use crate::ops::{AlignmentRecord, Interpolation};
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
    pub(super) fn new(index: usize, error: &DecodeError) -> Failure {
        Failure { index, reason: error.to_string(), kind: error.kind() }
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
    /// Finds and cuts out faces, unless images are used as they are.
    cutter: Option<FaceCutter<'a>>,
    context: Context<'a>,
}

impl<'a> Predictor<'a> {
    /// Returns a predictor. Its programs are compiled for the first batch and kept.
    ///
    /// # Errors
    /// [`Error::NoAttributes`] if the model has no head for attributes, [`Error::Misuse`] if the batch is 0 or a crop is given for
    /// faces that are found and aligned. If faces are looked for, also the errors of [`FaceCutter::open`].
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

    /// Predicts the attributes of images. Images that cannot be used are reported as [`Event::Unusable`] and those without a face
    /// as [`Event::NoFace`]; the others are processed.
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

    /// Calls `use_row` with the index, the face if faces are looked for, and the probabilities, in the order of the list and of the
    /// faces in an image. Returns the images that were left out. Warns if images that are used as they are do not look like aligned
    /// faces.
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

/// Tells which images were left out.
pub(super) fn tell_left_out(images: &[ImageSource], left: &LeftOut, context: &Context) {
    if !left.failures.is_empty() {
        let reasons = left.failures.iter().map(|failure| failure.reason.clone()).collect();
        context.send(Event::Unusable { images: images.len(), reasons, kinds: by_kind(&left.failures) });
    }
    if !left.faceless.is_empty() {
        let names = left.faceless.iter().map(|index| images[*index].label().display().to_string()).collect();
        context.send(Event::NoFace { images: images.len(), names });
    }
}

/// The images of a list that a pass left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The images that could not be used.
    pub failures: Vec<Failure>,
    /// Indices of the images in which no face was found.
    pub faceless: Vec<usize>,
}

/// What a place in a batch shows: an image, or a face in it.
struct Shown {
    index: usize,
    /// Width and height of the image before anything was left out.
    size: (u32, u32),
    image: StoredImage<'static>,
    face: Option<(FaceMark, AlignmentRecord)>,
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

/// Runs every image, or every face that `cutter` finds, through the network in batches. Images are decoded in parallel ahead of the
/// GPU, and the next batch is submitted before the results of the last one are read. `use_row` receives the results in order.
/// Returns the images that were left out.
pub(super) fn run_images(
    device: &Device,
    runner: &mut ImageRunner,
    mut cutter: Option<&mut FaceCutter>,
    Pass { images, batch, crop, orientation, task }: Pass,
    context: &Context,
    mut use_row: impl FnMut(usize, Option<&FaceMark>, &[f32]),
) -> Result<LeftOut, Error> {
    context.start(task, "images", images.len());
    let batch = batch as usize;
    let (mut left, mut pending) = (LeftOut::default(), Vec::with_capacity(batch));
    let limit = device.capabilities().binding_bytes;
    // A photograph in which faces are looked for can be large, so fewer are decoded ahead.
    let ahead = if cutter.is_some() { 2 * decoding_threads() } else { 2 * batch };
    let mut decoded = decode_ahead(images.clone(), decoding_threads(), ahead, orientation);
    // The batch that is running on the device, and what its places show.
    let mut started: Option<(Started, Vec<(usize, Option<FaceMark>)>)> = None;
    let mut use_rows = |runner: &ImageRunner, (started, shown): (Started, Vec<(usize, Option<FaceMark>)>)| {
        let rows = runner.finish(device, started)?;
        for ((index, mark), row) in shown.iter().zip(rows.chunks_exact(rows.len() / shown.len())) {
            use_row(*index, mark.as_ref(), row);
        }
        context.advance(shown.last().map_or(0, |(index, _)| index + 1));
        Ok::<(), ModelError>(())
    };
    loop {
        context.check("predicting")?;
        let next = decoded.next();
        let last = next.is_none();
        match next {
            Some((index, Ok(whole))) => {
                for shown in shown(runner, (index, &images[index]), whole, crop, cutter.as_deref_mut(), &mut left)? {
                    if shown.image.bytes() > limit {
                        let reason = too_large(&images[index].label(), shown.size, limit);
                        left.failures.push(Failure { index, reason, kind: "too large" });
                    } else {
                        pending.push(shown);
                    }
                }
            }
            Some((index, Err(error))) => left.failures.push(Failure::new(index, &error)),
            None => {}
        }
        // Large images would be run in several parts anyway. Not waiting for the others bounds the memory.
        let bytes = |pending: &[Shown]| pending.iter().map(|shown| shown.image.bytes()).sum::<u64>();
        while pending.len() >= batch || (!pending.is_empty() && (last || bytes(&pending) >= limit)) {
            let rest = pending.split_off(pending.len().min(batch));
            let next = submit(device, runner, std::mem::replace(&mut pending, rest))?;
            if let Some(before) = started.replace(next) {
                use_rows(runner, before)?;
            }
        }
        if last {
            if let Some(before) = started.take() {
                use_rows(runner, before)?;
            }
            context.finish();
            return Ok(left);
        }
    }
}

/// Returns what is shown of an image: the image or a part of it, or the faces that `cutter` finds.
fn shown(
    runner: &ImageRunner,
    (index, source): (usize, &ImageSource),
    whole: Rgb8Image,
    crop: Option<Crop>,
    cutter: Option<&mut FaceCutter>,
    left: &mut LeftOut,
) -> Result<Vec<Shown>, Error> {
    let Some(cutter) = cutter else {
        let image = if let Some(crop) = crop { crop.of(&whole) } else { whole };
        let size = (image.width, image.height);
        return Ok(vec![Shown { index, size, image: runner.stored(image), face: None }]);
    };
    let cuts = cutter.cut(&source.label(), &whole)?;
    if cuts.is_empty() {
        left.faceless.push(index);
    }
    let shown = |Cut { mark, part, alignment }| {
        let part: Rgb8Image = part;
        Shown { index, size: (part.width, part.height), image: part.into(), face: Some((mark, alignment)) }
    };
    Ok(cuts.into_iter().map(shown).collect())
}

/// Submits a batch and returns it with what its places show.
fn submit(
    device: &Device,
    runner: &mut ImageRunner,
    batch: Vec<Shown>,
) -> Result<(Started, Vec<(usize, Option<FaceMark>)>), ModelError> {
    let alignments: Vec<AlignmentRecord> = batch.iter().filter_map(|shown| Some(shown.face.as_ref()?.1)).collect();
    let (images, shown): (Vec<StoredImage>, Vec<_>) =
        batch.into_iter().map(|shown| (shown.image, (shown.index, shown.face.map(|(mark, _)| mark)))).unzip();
    Ok((runner.start_stored(device, &images, &alignments)?, shown))
}

fn too_large(path: &Path, (width, height): (u32, u32), limit: u64) -> String {
    let (path, most) = (path.display(), limit / 3_000_000);
    format!(
        "{path}: {width} × {height} pixels, more in its wide rows than the {most} megapixels that this adapter can process at \
         once; make the image smaller, or use --resize nearest"
    )
}
