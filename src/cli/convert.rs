//! `lineament convert`

use std::path::PathBuf;

use clap::Args;
use lineament::app::convert_weights;
use lineament::nn::convert::ConvertOptions;
use lineament::nn::weights::{InputScaling, PartialConvention, StoredPrecision};
use lineament::ops::Padding;

use super::arguments::{Choices, one_of};
use super::output::print_result;
use super::{Context, Outcome, Verdict};

const SCALINGS: &Choices<InputScaling> = &[
    ("minus-one-to-one", "x / 127.5 − 1, as preprocess_input of Keras' MobileNetV2", InputScaling::MinusOneToOne),
    ("zero-to-one", "x / 255, as the paper's script", InputScaling::ZeroToOne),
    ("imagenet", "(x / 255 − mean) / standard deviation of ImageNet, as torchvision and timm", InputScaling::ImageNetMeanStd),
];

const PADDINGS: &Choices<Padding> = &[
    ("tf-same", "As TensorFlow and Keras: at stride 2, one row and column at the bottom and right", Padding::TensorflowSame),
    ("symmetric", "As PyTorch: one row and column on every side", Padding::Symmetric),
];

const STORED: &Choices<StoredPrecision> = &[
    ("f32", "32-bit floats, which hold the values exactly", StoredPrecision::F32),
    ("f16", "16-bit floats, in half the space", StoredPrecision::F16),
];

/// Convert the weights of a MobileNetV2 from Keras, torchvision or timm to the form that this program reads
///
/// SOURCE is an HDF5 file of Keras (.h5, .hdf5), with weights alone or a whole model, or a safetensors file with torchvision's,
/// timm's or Keras' names. The network may end in ImageNet's classifier, in the paper's head (dense, batch norm, dense), or in
/// neither.
#[derive(Args)]
pub struct Convert {
    /// The weights file to convert
    source: PathBuf,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How RGB values x from 0 to 255 were scaled in training. Keras' files do not say, so it must be given for them [default:
    /// what the header says, or imagenet for torchvision's and timm's names]
    #[arg(long, value_name = "NAME", value_parser = one_of(SCALINGS))]
    input: Option<InputScaling>,
    /// Padding of convolutions with stride 2 [default: what the header says, or tf-same for Keras' names and symmetric for
    /// others]
    #[arg(long, value_name = "NAME", value_parser = one_of(PADDINGS))]
    padding: Option<Padding>,
    /// The ε that batch norm adds to the variance [default: what the file says, or 0.001 for Keras' names and 0.00001 for others]
    #[arg(long, value_name = "NUMBER", value_parser = epsilon)]
    epsilon: Option<f32>,
    /// Names of a head's outputs in order, separated by commas, or paper-37 for those of the paper's network
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    attributes: Vec<String>,
    /// Height and width of the input in pixels, a multiple of 32 [default: what the file says, or 224]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    /// Type in which the values are stored
    #[arg(long, value_name = "NAME", value_parser = one_of(STORED), default_value = "f32")]
    precision: StoredPrecision,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn epsilon(text: &str) -> Result<f32, String> {
    let valid = text.parse().ok().filter(|epsilon| (1e-12..=0.1).contains(epsilon));
    valid.ok_or_else(|| "choose a number from 1e-12 to 0.1".to_owned())
}

impl Convert {
    pub fn run(&self, context: &Context) -> Verdict {
        let options = ConvertOptions {
            convention: PartialConvention { padding: self.padding, epsilon: self.epsilon, input: self.input },
            attributes: self.attributes.clone(),
            size: self.size,
        };
        let done = convert_weights(&self.source, &self.out, &options, self.precision, context)?;
        let said = |key: &str| done.metadata.get(key).map_or("", String::as_str);
        print_result(self.json, &done, || {
            format!(
                "{}: MobileNetV2 {} with {} {}, {} values in {} tensors, from {}'s names\n\
                 input {}, {} × {} pixels; padding {}; batch norm's ε {}",
                self.out.display(),
                done.width,
                done.output_count,
                if done.outputs == "classifier" { "classes" } else { done.outputs },
                done.values,
                done.tensors,
                done.names,
                said("input"),
                said("size"),
                said("size"),
                said("padding"),
                said("bn_eps"),
            )
        })?;
        Ok(Outcome::Done)
    }
}
