//! Arguments that several subcommands share.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use lineament::app::measure::WorkloadOptions;
use lineament::app::{
    Context, DeviceOptions, Error, FaceOptions, FaceSelection, LabelSelection, PredictionOptions, model_path,
    open_attribute_model, open_device,
};
use lineament::data::{Crop, StoredOrientation};
use lineament::device::{AdapterRequest, DeviceError};
use lineament::nn::Model;
use lineament::nn::weights::CELEBA_MODEL;
use lineament::ops::Interpolation;
use lineament::plan::Precision;
use lineament::profiles::Device;

/// The environment variable that turns the autotuner's winners off if it is set to `off`.
const TUNING_VARIABLE: &str = "LINEAMENT_TUNING";

/// A table of named values: the name on the command line with aliases after `|`, its help text, and the value that it stands for.
pub type Choices<T> = [(&'static str, &'static str, T)];

/// Returns a parser that accepts the names in `choices` and yields their values.
pub fn one_of<T: Clone + Send + Sync + 'static>(choices: &'static Choices<T>) -> impl TypedValueParser<Value = T> {
    let possible = choices.iter().map(|(names, help, _)| {
        let mut names = names.split('|');
        PossibleValue::new(names.next().unwrap_or_default()).aliases(names).help(*help)
    });
    PossibleValuesParser::new(possible).try_map(|given| {
        let chosen = choices.iter().find(|(names, ..)| names.split('|').any(|name| name == given));
        chosen.map(|(_, _, value)| value.clone()).ok_or("no such name")
    })
}

/// Returns the command-line name of a value.
pub fn name_of<T: PartialEq>(choices: &'static Choices<T>, value: &T) -> &'static str {
    let named = choices.iter().find(|(_, _, other)| other == value);
    named.and_then(|(names, ..)| names.split('|').next()).unwrap_or_default()
}

/// Checks an option's value, if it was given, before any work.
///
/// # Errors
/// [`Error::Misuse`] names the option, its value and its range.
pub fn require_within(option: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Result<(), Error> {
    let Some(value) = value.filter(|value| !range.contains(value)) else { return Ok(()) };
    let (least, most) = (*range.start(), *range.end());
    let range = match (least == f64::MIN_POSITIVE, most >= f64::from(f32::MAX)) {
        (true, true) => "a finite number above 0".to_string(),
        (false, true) => format!("a finite number of at least {least}"),
        (true, false) if most > 0.999 && most < 1.0 => "between 0 and 1".to_string(),
        (true, false) => format!("above 0 and at most {most}"),
        (false, false) => format!("from {least} to {most}"),
    };
    Err(Error::Misuse(format!("{option} is {value}; it must be {range}")))
}

/// Options that select and open a GPU.
#[derive(Args, Clone)]
pub struct GpuArguments {
    /// Adapter to use: part of its name, or its index in `lineament devices`
    #[arg(long, value_name = "NAME|INDEX")]
    adapter: Option<String>,
    /// Graphics API to use: vulkan, metal, dx12 or gl
    #[arg(long, value_name = "API")]
    backend: Option<String>,
    /// Use only the limits that every WebGPU implementation guarantees
    #[arg(long)]
    webgpu_limits: bool,
    /// Multiply matrices in the GPU's tensor cores where numbers are 16-bit floats (see --precision and the column `matrices` of
    /// `lineament devices`). wgpu calls this feature experimental
    #[arg(long)]
    tensor_cores: bool,
}

impl GpuArguments {
    /// Returns the options with which the adapter is opened.
    pub fn options(&self) -> DeviceOptions {
        let (adapter, backend) = (self.adapter.clone(), self.backend.clone());
        DeviceOptions {
            adapter: AdapterRequest {
                adapter,
                backend,
                webgpu_limits: self.webgpu_limits,
                cooperative_matrices: self.tensor_cores,
                ..AdapterRequest::default()
            },
            tuned: std::env::var_os(TUNING_VARIABLE).is_none_or(|value| value != "off"),
            adjust_software_driver: true,
            ..DeviceOptions::default()
        }
    }

    /// Opens the adapter and reports which one it is.
    pub fn open(&self, context: &Context) -> Result<Device, DeviceError> {
        open_device(&self.options(), context)
    }

    /// Returns whether the user named an adapter or a graphics API.
    pub fn names_one(&self) -> bool {
        self.adapter.is_some() || self.backend.is_some()
    }
}

const PRECISIONS: &Choices<Precision> = &[
    ("f32", "32-bit floats", Precision::F32),
    ("f16", "16-bit floats for the backbone; sums, biases, features and the head stay in 32-bit floats", Precision::F16),
];

/// The precision in which a model's backbone is stored.
#[derive(Args, Clone, Copy)]
pub struct PrecisionArguments {
    /// Precision of the backbone's weights and activations. f16 halves the memory traffic on adapters that support 16-bit floats
    /// (see `lineament devices`). It is slower on a software adapter
    #[arg(long, value_name = "NAME", value_parser = one_of(PRECISIONS), default_value = "f32")]
    pub precision: Precision,
}

/// What to do with the orientation that a camera stored.
#[derive(Args, Clone, Copy)]
pub struct OrientationArguments {
    /// Take the pixels as they are stored, as Keras' load_img does. Without this option a picture is turned upright if its
    /// metadata (EXIF) say that the camera was held sideways
    #[arg(long)]
    ignore_orientation: bool,
}

impl OrientationArguments {
    /// Returns the choice as a value.
    pub fn stored(self) -> StoredOrientation {
        if self.ignore_orientation { StoredOrientation::Ignored } else { StoredOrientation::Applied }
    }
}

/// Ways to resize an image to the network's input size.
pub const RESIZES: &Choices<Interpolation> = &[
    ("nearest", "Take the nearest pixel, as Keras' load_img does", Interpolation::Nearest),
    ("bilinear", "Interpolate between the four nearest pixels", Interpolation::Bilinear),
];

/// What is used of a picture.
pub const FACE_SELECTIONS: &Choices<FaceSelection> = &[
    ("as-is", "The whole picture: it is an aligned face already, as CelebA's pictures are", FaceSelection::AsIs),
    ("largest", "The largest face in it, aligned as in CelebA", FaceSelection::Largest),
    ("all", "Every face in it, aligned as in CelebA", FaceSelection::All),
];

/// Options for finding faces in photographs.
#[derive(Args, Clone, Copy)]
pub struct FinderArguments {
    /// Least score of a face, from 0 to 1. A lower one finds more faces and takes more other things for faces
    #[arg(long, value_name = "SCORE", default_value_t = FaceOptions::default().threshold)]
    face_score: f32,
    /// Width in pixels of the smallest face to look for. Small faces in large photographs take time and memory [default: a 50th
    /// of the photograph's longer side]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..))]
    smallest_face: Option<u32>,
}

impl FinderArguments {
    /// Returns how faces are looked for.
    pub fn options(&self) -> FaceOptions {
        FaceOptions { threshold: self.face_score, smallest: self.smallest_face }
    }
}

/// Options of a prediction: the model, the adapter, and how images are prepared.
#[derive(Args)]
pub struct PredictionArguments {
    /// Weights file of a model with a head for attributes, or of a head alone [default: the shipped
    /// mobilenet_v2_celeba.safetensors]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Weights file of the backbone for a head. Needed only if it is not in the head's folder
    #[arg(long, value_name = "FILE")]
    backbone: Option<PathBuf>,
    /// Number of images in a batch [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// How to resize images to the network's input size
    #[arg(long, value_name = "NAME", value_parser = one_of(RESIZES), default_value = "nearest")]
    resize: Interpolation,
    /// Use only this part of each image, in percent of its width and height. Weights trained on CelebA expect a face that fills
    /// the picture from hair to chin. Measure whether a crop helps with `lineament eval`: on the bundled portraits, which show
    /// shoulders, accuracy falls from 95.1 % to 93.5 % with 10,0,80,80
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT")]
    crop: Option<Crop>,
    /// What is used of each picture. Photographs need `largest` or `all`: weights trained on CelebA expect aligned faces
    #[arg(long, value_name = "WHICH", value_parser = one_of(FACE_SELECTIONS), default_value = "as-is")]
    faces: FaceSelection,
    #[command(flatten)]
    finder: FinderArguments,
    #[command(flatten)]
    orientation: OrientationArguments,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    pub device: GpuArguments,
}

impl PredictionArguments {
    /// Opens the model.
    pub fn open(&self) -> Result<Model, Error> {
        let path = model_path(self.model.as_deref(), CELEBA_MODEL)?;
        open_attribute_model(&path, self.backbone.as_deref(), self.precision.precision)
    }

    /// Returns the files of the model that the user named.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.model, &self.backbone].into_iter().filter_map(|path| path.as_deref())
    }

    /// Returns how images are prepared for the model.
    pub fn options(&self) -> PredictionOptions {
        PredictionOptions {
            batch: self.batch,
            interpolation: self.resize,
            crop: self.crop,
            orientation: self.orientation.stored(),
            faces: self.faces,
            face_options: self.finder.options(),
            ..PredictionOptions::default()
        }
    }
}

/// Options that name images and their labels.
#[derive(Args)]
pub struct DataArguments {
    /// The data set: CelebA as distributed (its folder, or the zip archive of its images), or a folder of images with a label CSV
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    #[command(flatten)]
    pub labels: LabelArguments,
}

/// Options that select labels and images.
#[derive(Args, Clone)]
pub struct LabelArguments {
    /// Path of the label CSV [default: labels.csv in the folder that --data names]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Use only these attributes, separated by commas [default: all columns of a label CSV; for CelebA the paper's 37 in
    /// training, and those that the model predicts in evaluation]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    attributes: Vec<String>,
    /// Drop rows of a label CSV that contain -1 ("unsure"). Without this option they are an error
    #[arg(long)]
    drop_unsure: bool,
    /// Drop images without any of the attributes; the cosine loss learns nothing from them
    #[arg(long)]
    drop_zero: bool,
}

impl LabelArguments {
    /// Returns the files with labels in the data set `data`: the one that the user named, and those that may be there.
    pub fn files(&self, data: &Path) -> Vec<PathBuf> {
        const LISTS: [&str; 5] =
            ["labels.csv", "list_attr_celeba.txt", "list_attr_celeba.csv", "list_eval_partition.txt", "list_eval_partition.csv"];
        self.labels.iter().cloned().chain(LISTS.map(|name| data.join(name))).chain([data.to_path_buf()]).collect()
    }

    /// Returns the selection of labels and images.
    pub fn selection(&self) -> LabelSelection {
        let LabelArguments { labels, attributes, drop_unsure, drop_zero } = self.clone();
        LabelSelection { labels, attributes, drop_unsure, drop_zero }
    }
}

/// Options that choose the work that `plan` and `profile` examine.
#[derive(Args)]
pub struct WorkloadArguments {
    /// Weights file of the model [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Examine a training step of all layers instead of a prediction
    #[arg(long)]
    train: bool,
    /// Number of images in a batch [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// Height and width of the input in pixels, a multiple of 32 [default: the model's input size]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    #[command(flatten)]
    precision: PrecisionArguments,
}

impl WorkloadArguments {
    /// Opens the model.
    pub fn open(&self) -> Result<Model, Error> {
        open_model(self.model.as_deref())
    }

    /// Returns the options of the workload.
    pub fn options(&self) -> WorkloadOptions {
        WorkloadOptions { train: self.train, batch: self.batch, size: self.size, precision: self.precision.precision }
    }
}

/// Opens the model file that the user named, or the shipped model of attributes.
pub fn open_model(named: Option<&Path>) -> Result<Model, Error> {
    Ok(Model::open(&model_path(named, CELEBA_MODEL)?, None)?)
}
