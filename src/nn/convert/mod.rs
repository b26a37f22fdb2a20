//! Converts weights of MobileNetV2 from other programs into Lineament's names, layouts and header.
//!
//! torchvision, timm and Keras name the tensors of the same network differently, and Keras also stores them in other layouts.
//! What the tensors do not say (padding, the ε of batch norm, the scaling of the input, the names of the outputs) comes from the
//! options, from the header of the file, or from the network that the program is known to build. What none of these say is an
//! error, because a wrong convention silently costs accuracy.

mod decide;
mod keras;
mod names;
mod source;
mod top;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

pub use keras::Architecture;
pub use names::Naming;
pub(super) use names::check_names;
pub use source::{Source, SourceTensor};

use super::keys;
use super::mobilenet_v2::{WIDTHS, mobilenet_v2};
use super::network::Network;
use super::weights::{Convention, LISTED, PartialConvention, WeightsError};
use crate::ops::Padding;
use names::recognise;
pub use top::ConvertedTop;

/// Why weights cannot be converted. Every message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The file cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file is HDF5, but damaged or not of the expected kind.
    #[error("{}: {problem}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// No tensor has a known name.
    #[error(
        "{}: none of its {count} tensors has a name of MobileNetV2 in torchvision, timm or Keras; it has {listed}; \
         convert the weights of a MobileNetV2", path.display()
    )]
    UnknownNames {
        /// The file.
        path: PathBuf,
        /// Number of tensors in the file.
        count: usize,
        /// The first names.
        listed: String,
    },
    /// Tensors are missing, left over, or have another shape.
    #[error(
        "{}: {} MobileNetV2 with {naming}'s names: {listed}; {remedy}",
        path.display(),
        if *count == 1 { "1 tensor does not fit".to_owned() } else { format!("{count} tensors do not fit") }
    )]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Number of tensors that do not fit.
        count: usize,
        /// Whose names they have.
        naming: &'static str,
        /// The first faults.
        listed: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// Neither the file nor the options say what is needed to run the network as it was trained.
    #[error("{}: does not say {}; a wrong value silently costs accuracy, so there is no default", path.display(), missing.join("; nor "))]
    Undecided {
        /// The file.
        path: PathBuf,
        /// What is missing, each with the option that states it.
        missing: Vec<String>,
    },
    /// The options or the file state something that is not supported or contradicts the tensors.
    #[error("{}: {problem}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        problem: String,
    },
}

/// What the caller knows of the weights. It takes precedence over what their file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConvertOptions {
    /// Padding, the ε of batch norm, and the scaling of the input.
    pub convention: PartialConvention,
    /// Names of the outputs of a head, in order.
    pub attributes: Vec<String>,
    /// Height and width of the input in pixels.
    pub size: Option<u32>,
}

/// A tensor with Lineament's name and layout.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedTensor {
    /// The tensor's name.
    pub name: String,
    /// The tensor's shape.
    pub shape: Vec<usize>,
    /// The tensor's values in row-major order.
    pub values: Vec<f32>,
}

/// Converted weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// Whose names the tensors had.
    pub naming: Naming,
    /// The width multiplier.
    pub width: f32,
    /// The layers after the backbone.
    pub top: ConvertedTop,
    /// The tensors.
    pub tensors: Vec<ConvertedTensor>,
    /// Padding, the ε of batch norm, and the scaling of the input.
    pub convention: Convention,
    /// Names of the outputs of a head.
    pub attributes: Vec<String>,
    /// Height and width of the input in pixels.
    pub size: u32,
    /// What was concluded from the names of the tensors alone, with the option that overrides each.
    pub assumed: Vec<&'static str>,
}

impl Converted {
    /// Returns the header's metadata: the convention, the input size, and the names of the outputs if there is a head.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = self.convention.to_metadata();
        metadata.insert(keys::SIZE.to_owned(), self.size.to_string());
        if !self.attributes.is_empty() {
            metadata.insert(keys::ATTRIBUTES.to_owned(), self.attributes.join(","));
        }
        metadata
    }
}

/// The tensors of a source by the names that `naming` knows, and which of them have been used.
struct Tensors<'a> {
    naming: Naming,
    /// Normalised names, in the order of the source.
    names: Vec<String>,
    tensors: Vec<&'a SourceTensor>,
    by_name: BTreeMap<String, usize>,
    used: HashSet<usize>,
    /// What does not fit.
    faults: Vec<String>,
}

impl<'a> Tensors<'a> {
    fn get(&self, name: &str) -> Option<&'a SourceTensor> {
        self.by_name.get(name).map(|&at| self.tensors[at])
    }

    /// Returns a tensor and marks it as used. A missing one is a fault.
    fn take(&mut self, name: &str) -> Option<&'a SourceTensor> {
        match self.by_name.get(name) {
            Some(&at) => {
                self.used.insert(at);
                Some(self.tensors[at])
            }
            None => {
                self.faults.push(format!("'{name}' is missing"));
                None
            }
        }
    }

    /// Returns a tensor of this shape and marks it as used. A missing one or another shape is a fault.
    fn take_shaped(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let tensor = self.take(name)?;
        if tensor.shape != shape {
            self.faults.push(format!("'{name}' is {:?} where {shape:?} is wanted", tensor.shape));
            return None;
        }
        Some(tensor.values.clone())
    }

    /// Returns the names that have not been used, in order.
    fn unused(&self) -> impl Iterator<Item = &str> {
        self.names.iter().enumerate().filter(|(at, _)| !self.used.contains(at)).map(|(_, name)| name.as_str())
    }
}

/// Converts weights. `source` must hold a whole MobileNetV2 of one of the published widths, and may also hold ImageNet's
/// classifier or the paper's head.
///
/// # Errors
/// The tensors are not those of such a network, a value is NaN or infinite, or it is not known how the network was trained.
pub fn convert(source: &Source, options: &ConvertOptions) -> Result<Converted, ConvertError> {
    let path = || source.path.clone();
    let all: Vec<&str> = source.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let Some((naming, prefix)) = recognise(&all) else {
        let (count, listed) = (all.len(), listed(all.iter().map(|name| format!("'{name}'"))));
        return Err(ConvertError::UnknownNames { path: path(), count, listed });
    };
    let names = all.iter().map(|name| naming.normalised(name.strip_prefix(prefix).unwrap_or(name))).collect();
    let mut tensors = index(source, naming, names)?;

    // Neither padding nor ε changes the names and shapes of tensors.
    let described = |width: f32| mobilenet_v2(width, Padding::Symmetric, 1e-5);
    let width = WIDTHS.into_iter().find(|width| fits(&tensors, &described(*width)));
    let network = described(width.unwrap_or(1.0));
    let mut converted = backbone(&mut tensors, &network);
    let top = top::convert(&mut tensors, network.outputs() as usize, &mut converted);
    let mut faults = std::mem::take(&mut tensors.faults);
    faults.extend(tensors.unused().map(|name| format!("'{name}' belongs to no layer")));
    if !faults.is_empty() {
        let (count, naming) = (faults.len(), naming.name());
        let remedy = "the head may be ImageNet's classifier or the paper's: dense, batch norm, dense";
        return Err(ConvertError::Unfit { path: path(), count, naming, listed: listed(faults), remedy });
    }
    check_finite(source, &converted)?;
    let decide::Decided { convention, attributes, size, assumed } = decide::decide(source, options, naming, &network, top)?;
    let width = width.unwrap_or(1.0);
    Ok(Converted { naming, width, top, tensors: converted, convention, attributes, size, assumed })
}

/// Joins the first few items, and counts the others.
fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    let more = items.len().saturating_sub(LISTED);
    items.truncate(LISTED);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    items.join("; ")
}

/// Indexes the tensors of a source by their normalised names.
fn index(source: &Source, naming: Naming, names: Vec<String>) -> Result<Tensors<'_>, ConvertError> {
    let mut by_name = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        if by_name.insert(name.clone(), at).is_some() {
            let problem = format!("two tensors are called '{name}'; remove one of the networks from the file");
            return Err(ConvertError::Contradiction { path: source.path.clone(), problem });
        }
    }
    let tensors = source.tensors.iter().collect();
    Ok(Tensors { naming, names, tensors, by_name, used: HashSet::new(), faults: Vec::new() })
}

/// Returns whether the convolutions in the source have the shapes of `network`.
fn fits(tensors: &Tensors, network: &Network) -> bool {
    network.convolutions().all(|layer| {
        let tensor = tensors.get(&tensors.naming.layer(layer).weight);
        tensor.is_none_or(|tensor| {
            // The layout depends on the shape alone, so no values are needed to compare it.
            let shape = match (tensors.naming, tensor.shape.as_slice()) {
                (Naming::Keras, &[height, width, inputs, outputs]) => match layer.inputs_per_output() {
                    1 => vec![inputs, outputs, height, width],
                    _ => vec![outputs, inputs, height, width],
                },
                (_, shape) => shape.to_vec(),
            };
            shape == layer.weight_shape()
        })
    })
}

/// Converts the tensors of the convolutions and their batch norms.
fn backbone(tensors: &mut Tensors, network: &Network) -> Vec<ConvertedTensor> {
    let mut converted = Vec::new();
    for layer in network.convolutions() {
        let (from, to) = (tensors.naming.layer(layer), Naming::Torchvision.layer(layer));
        if let Some(weight) = tensors.take(&from.weight) {
            let (shape, values) = tensors.naming.to_torch(layer.kind, &weight.shape, &weight.values);
            if shape != layer.weight_shape() {
                let wanted = layer.weight_shape();
                tensors.faults.push(format!("'{}' is {shape:?} where {wanted:?} is wanted (OIHW)", from.weight));
            }
            converted.push(ConvertedTensor { name: to.weight, shape, values });
        }
        for (from, name) in from.norm.iter().zip(to.norm) {
            let shape = vec![layer.outputs as usize];
            if let Some(values) = tensors.take_shaped(from, &shape) {
                converted.push(ConvertedTensor { name, shape, values });
            }
        }
    }
    converted
}

fn check_finite(source: &Source, tensors: &[ConvertedTensor]) -> Result<(), ConvertError> {
    for tensor in tensors {
        if let Some(value) = tensor.values.iter().find(|value| !value.is_finite()) {
            let problem = format!("the tensor '{}' holds {value}; train or export the model again", tensor.name);
            return Err(ConvertError::Contradiction { path: source.path.clone(), problem });
        }
    }
    Ok(())
}
