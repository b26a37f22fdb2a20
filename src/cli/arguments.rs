//! Arguments that several verbs share.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use lineament::app::measure::WorkloadOptions;
use lineament::app::{
    Context, DeviceOptions, Error, LabelSelection, PredictionOptions, model_path, open_attribute_model, open_device,
};
use lineament::data::Crop;
use lineament::device::{AdapterRequest, DeviceError};
use lineament::nn::Model;
use lineament::nn::weights::CELEBA_MODEL;
use lineament::ops::Interpolation;
use lineament::plan::Precision;
use lineament::profiles::Device;

/// Where it is `off`, the autotuner's winners are left out.
const TUNING_VARIABLE: &str = "LINEAMENT_TUNING";

/// Names on the command line, what help says of each, and the values that they stand for. Other names follow after `|`.
pub type Choices<T> = [(&'static str, &'static str, T)];

/// Returns a parser of one of some named values.
pub fn one_of<T: Clone + Send + Sync + 'static>(choices: &'static Choices<T>) -> impl TypedValueParser<Value = T> {
    let possible = choices.iter().map(|(names, help, _)| {
        let mut names = names.split('|');
        let value = PossibleValue::new(names.next().unwrap_or_default()).aliases(names);
        if help.is_empty() { value } else { value.help(*help) }
    });
    PossibleValuesParser::new(possible).try_map(|given| {
        let chosen = choices.iter().find(|(names, ..)| names.split('|').any(|name| name == given));
        chosen.map(|(_, _, value)| value.clone()).ok_or("no such name")
    })
}

/// Returns the name of a value.
pub fn name_of<T: PartialEq>(choices: &'static Choices<T>, value: &T) -> &'static str {
    let named = choices.iter().find(|(_, _, other)| other == value);
    named.and_then(|(names, ..)| names.split('|').next()).unwrap_or_default()
}

/// Which GPU to use.
#[derive(Args, Clone)]
pub struct GpuArguments {
    /// Adapter by part of its name, or by its index in `lineament devices`
    #[arg(long, value_name = "NAME|INDEX")]
    adapter: Option<String>,
    /// Graphics interface: vulkan, metal, dx12 or gl
    #[arg(long)]
    backend: Option<String>,
    /// Ask the adapter for no more than every implementation of WebGPU grants
    #[arg(long)]
    webgpu_limits: bool,
}

impl GpuArguments {
    /// Returns how the adapter is opened.
    pub fn options(&self) -> DeviceOptions {
        let (adapter, backend) = (self.adapter.clone(), self.backend.clone());
        DeviceOptions {
            adapter: AdapterRequest { adapter, backend, webgpu_limits: self.webgpu_limits },
            tuned: std::env::var_os(TUNING_VARIABLE).is_none_or(|value| value != "off"),
            adjust_software_driver: true,
            ..DeviceOptions::default()
        }
    }

    /// Opens the adapter, and says which one it is.
    pub fn open(&self, context: &Context) -> Result<Device, DeviceError> {
        open_device(&self.options(), context)
    }

    /// Opens the adapter with the shipped choices of variants.
    pub fn open_untuned(&self, context: &Context) -> Result<Device, DeviceError> {
        open_device(&DeviceOptions { tuned: false, ..self.options() }, context)
    }

    /// Returns whether the user asked for a certain adapter or interface.
    pub fn names_one(&self) -> bool {
        self.adapter.is_some() || self.backend.is_some()
    }
}

const PRECISIONS: &Choices<Precision> = &[
    ("f32", "32-bit floats", Precision::F32),
    ("f16", "16-bit floats; sums, biases, features and the head stay 32-bit", Precision::F16),
];

/// What a model's backbone computes in.
#[derive(Args, Clone, Copy)]
pub struct PrecisionArguments {
    /// What activations and weights of the backbone are stored as. f16 halves what is moved, on adapters whose shaders compute in
    /// 16-bit floats (`lineament devices` says); a software adapter is slower by it
    #[arg(long, value_parser = one_of(PRECISIONS), default_value = "f32")]
    pub precision: Precision,
}

/// How an image is brought to the network's size.
pub const RESIZES: &Choices<Interpolation> = &[
    ("nearest", "As Keras' load_img does", Interpolation::Nearest),
    ("bilinear", "Between the four nearest pixels", Interpolation::Bilinear),
];

/// Which model, on which adapter, and how images are brought to it.
#[derive(Args)]
pub struct PredictionArguments {
    /// A model with attributes, or a head [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long)]
    model: Option<PathBuf>,
    /// The backbone of a head, where it does not lie beside it
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// Images a batch [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// How images are brought to the network's size
    #[arg(long, value_parser = one_of(RESIZES), default_value = "nearest")]
    resize: Interpolation,
    /// Look only at this part of each image, in percent. Weights trained on CelebA expect a face that fills the picture
    /// from hair to chin; of a portrait with shoulders, 10,0,80,80 is about that
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT")]
    crop: Option<Crop>,
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

    /// Returns how images are brought to the model.
    pub fn options(&self) -> PredictionOptions {
        PredictionOptions { batch: self.batch, interpolation: self.resize, crop: self.crop }
    }
}

/// Which images with which labels.
#[derive(Args)]
pub struct DataArguments {
    /// CelebA as it is distributed (its folder, or a zip archive of its images), or a folder of images with a label CSV
    #[arg(long)]
    pub data: PathBuf,
    #[command(flatten)]
    pub labels: LabelArguments,
}

/// Which labels of the images, and which images.
#[derive(Args, Clone)]
pub struct LabelArguments {
    /// The label CSV, if it is not DATA/labels.csv
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Only these attributes, separated by commas [default: all columns of a label CSV; of CelebA the paper's 37, or those
    /// that the model predicts]
    #[arg(long, value_delimiter = ',')]
    attributes: Vec<String>,
    /// Drop rows of a label CSV that hold -1 for "unsure" beside 0 and 1, instead of refusing them
    #[arg(long)]
    drop_unsure: bool,
    /// Drop images that have none of the attributes; the cosine loss learns nothing from them
    #[arg(long)]
    drop_zero: bool,
}

impl LabelArguments {
    /// Returns which labels are taken.
    pub fn selection(&self) -> LabelSelection {
        let LabelArguments { labels, attributes, drop_unsure, drop_zero } = self.clone();
        LabelSelection { labels, attributes, drop_unsure, drop_zero }
    }
}

/// The work that `plan` and `profile` look at.
#[derive(Args)]
pub struct WorkloadArguments {
    /// The model [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long)]
    model: Option<PathBuf>,
    /// A training step of every layer instead of a prediction
    #[arg(long)]
    train: bool,
    /// Images at once [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// Height and width of the input, a multiple of 32 [default: the model's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    #[command(flatten)]
    precision: PrecisionArguments,
}

impl WorkloadArguments {
    /// Opens the model.
    pub fn open(&self) -> Result<Model, Error> {
        open_model(self.model.as_deref(), CELEBA_MODEL)
    }

    /// Returns which work.
    pub fn options(&self) -> WorkloadOptions {
        WorkloadOptions { train: self.train, batch: self.batch, size: self.size, precision: self.precision.precision }
    }
}

/// Opens the model that was named, or the shipped one.
pub fn open_model(named: Option<&Path>, default: &str) -> Result<Model, Error> {
    Ok(Model::open(&model_path(named, default)?, None)?)
}
