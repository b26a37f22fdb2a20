//! The convention under which weights were trained. The header of the safetensors file holds it.
//!
//! Running weights with another padding or input range than they were trained with silently loses eight percentage points of
//! top-1 accuracy on ImageNet.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::WeightsError;
use crate::ops::Padding;

/// How an RGB byte x is scaled before the first convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputScaling {
    /// x / 127.5 − 1, as for Keras' and TensorFlow's MobileNetV2.
    MinusOneToOne,
    /// x / 255, as in the paper's training.
    ZeroToOne,
    /// (x / 255 − mean) / standard deviation, with ImageNet's values for each channel, as in torchvision.
    ImageNetMeanStd,
}

/// What must be known besides the tensors to run a network as it was trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convention {
    /// Padding of convolutions with stride 2.
    pub padding: Padding,
    /// ε that batch norm adds to the variance.
    pub epsilon: f32,
    /// Scaling of the input.
    pub input: InputScaling,
}

/// What is known of a [`Convention`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PartialConvention {
    /// Padding of convolutions with stride 2.
    pub padding: Option<Padding>,
    /// ε that batch norm adds to the variance.
    pub epsilon: Option<f32>,
    /// Scaling of the input.
    pub input: Option<InputScaling>,
}

const PADDING: &str = "padding";
const EPSILON: &str = "bn_eps";
const INPUT: &str = "input";

/// The ε that batch norm may add to the variance.
const EPSILONS: std::ops::RangeInclusive<f32> = 1e-12..=0.1;

fn padding_text(padding: Padding) -> &'static str {
    match padding {
        Padding::TensorflowSame => "tf-same (stride 2: top/left 0, bottom/right 1)",
        Padding::Symmetric => "symmetric 1",
    }
}

impl InputScaling {
    /// All scalings.
    pub const ALL: [Self; 3] = [Self::MinusOneToOne, Self::ZeroToOne, Self::ImageNetMeanStd];

    /// Returns the formula, as a weights file's header states it.
    pub fn text(self) -> &'static str {
        match self {
            Self::MinusOneToOne => "RGB x/127.5-1",
            Self::ZeroToOne => "RGB x/255",
            Self::ImageNetMeanStd => "RGB (x/255-mean)/std imagenet",
        }
    }

    /// Returns multiplier and offset of each channel. The network's input is byte · multiplier + offset.
    pub fn multiplier_and_offset(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::MinusOneToOne => ([1.0 / 127.5; 3], [-1.0; 3]),
            Self::ZeroToOne => ([1.0 / 255.0; 3], [0.0; 3]),
            Self::ImageNetMeanStd => {
                let (mean, deviation): ([f64; 3], [f64; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
                let multiplier = deviation.map(|deviation| (1.0 / (255.0 * deviation)) as f32);
                let offset = [0, 1, 2].map(|channel| (-mean[channel] / deviation[channel]) as f32);
                (multiplier, offset)
            }
        }
    }
}

impl PartialConvention {
    /// Returns what is known here, and what `other` knows of the rest.
    pub fn or(self, other: Self) -> Self {
        Self {
            padding: self.padding.or(other.padding),
            epsilon: self.epsilon.or(other.epsilon),
            input: self.input.or(other.input),
        }
    }

    /// Reads the keys `padding`, `bn_eps` and `input` of a header. Returns the values that could be read, and a fault for each
    /// key that is missing or has an unknown value.
    pub fn parse(metadata: &BTreeMap<&str, &str>) -> (Self, Vec<String>) {
        let value = |key: &str| metadata.get(key).copied().unwrap_or_default().trim();
        let mut faults = Vec::new();
        let mut fault = |key: &str, accepted: &str| {
            let found = metadata.get(key).map_or("missing".to_owned(), |value| format!("'{value}'"));
            faults.push(format!("'{key}' is {found} where {accepted} is wanted"));
        };

        // Only the first word matters. The text in parentheses after `tf-same` and the 1 of `symmetric 1` are explanations.
        let padding = match value(PADDING).split_once(' ').map_or((value(PADDING), ""), |(word, rest)| (word, rest.trim())) {
            ("tf-same", rest) if rest.is_empty() || rest.starts_with('(') => Some(Padding::TensorflowSame),
            ("symmetric", "" | "1") => Some(Padding::Symmetric),
            _ => None,
        };
        if padding.is_none() {
            fault(PADDING, "'tf-same' or 'symmetric 1'");
        }
        let epsilon = value(EPSILON).parse().ok().filter(|epsilon| EPSILONS.contains(epsilon));
        if epsilon.is_none() {
            fault(EPSILON, "a number from 1e-12 to 0.1, such as '0.001' or '0.00001',");
        }
        let input = InputScaling::ALL.into_iter().find(|scaling| scaling.text() == value(INPUT));
        if input.is_none() {
            fault(INPUT, "'RGB x/127.5-1', 'RGB x/255' or 'RGB (x/255-mean)/std imagenet'");
        }
        (Self { padding, epsilon, input }, faults)
    }
}

impl Convention {
    /// Parses the keys `padding`, `bn_eps` and `input` of a header. `path` is the file that errors name.
    ///
    /// # Errors
    /// Returns [`WeightsError::Convention`], which names every faulty key, the value found and the accepted values.
    pub fn parse(path: &Path, metadata: &BTreeMap<&str, &str>) -> Result<Self, WeightsError> {
        match PartialConvention::parse(metadata) {
            (PartialConvention { padding: Some(padding), epsilon: Some(epsilon), input: Some(input) }, _) => {
                Ok(Self { padding, epsilon, input })
            }
            (_, faults) => Err(WeightsError::Convention { path: path.to_path_buf(), faults }),
        }
    }

    /// Returns the metadata of this convention, which [`parse`](Self::parse) reads.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let pairs = [
            (PADDING, padding_text(self.padding).to_owned()),
            (EPSILON, self.epsilon.to_string()),
            (INPUT, self.input.text().to_owned()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
