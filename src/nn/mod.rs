//! The network: its layers, its weights and how they are read from safetensors.

mod backbone;
mod composition;
mod dense;
mod head;
pub mod lowering;
pub mod mobilenet_v2;
mod model;
pub mod network;
pub mod random;
mod runner;
pub mod training;
pub mod weights;

use std::path::PathBuf;

pub use backbone::{Backbone, ReadTensor, expected_tensors};
pub use dense::{Dense, Upload};
pub use head::{HEAD_EPSILON, Head};
pub use lowering::{Activations, dispatches};
pub use model::{Model, Top, keys};
pub use network::{Convolution, ConvolutionKind, Layer, Network};
pub(crate) use runner::pack;
pub use runner::{BatchShape, BuildNetwork, ImageRunner, Normalisation, Started};

/// Why a model cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The weights file cannot be used.
    #[error(transparent)]
    Weights(#[from] weights::WeightsError),
    /// The device reports something.
    #[error(transparent)]
    Gpu(#[from] crate::device::DeviceError),
    /// A head was trained on another backbone.
    #[error(
        "{}: was trained on a backbone with SHA-256 {wanted}, but {} has {found}; give the right one with --backbone",
        head.display(), backbone.display()
    )]
    WrongBackbone {
        /// The head's file.
        head: PathBuf,
        /// The backbone's file.
        backbone: PathBuf,
        /// The hash in the head's header.
        wanted: String,
        /// The hash of the backbone's file.
        found: String,
    },
    /// The head's names do not fit its outputs.
    #[error("{}: `attributes` in the header names {found} outputs, the head has {expected}; the file is damaged or not ours", path.display())]
    AttributeNames {
        /// The head's file.
        path: PathBuf,
        /// Outputs of the head.
        expected: usize,
        /// Names in the header.
        found: usize,
    },
    /// The input size in the header is not one that the network takes.
    #[error("{}: `size` in the header is `{found}`; expected a multiple of 32 from 32 to 1024", path.display())]
    InputSize {
        /// The file.
        path: PathBuf,
        /// The header's text.
        found: String,
    },
    /// A weight is larger than what it is to be stored in can hold.
    #[error(
        "{}: {layer}, folded with its batch norm, has a weight of {weight:e}, and {precision} ends at {:e}; use --precision f32",
        path.display(), precision.largest()
    )]
    BeyondPrecision {
        /// The file.
        path: PathBuf,
        /// The convolution.
        layer: String,
        /// The weight.
        weight: f32,
        /// What it was to be stored in.
        precision: crate::plan::Precision,
    },
    /// An image's pixels do not fit a binding.
    #[error("an image holds {bytes} bytes of pixels, the adapter binds {limit} at once; make it smaller")]
    TooManyPixels {
        /// What they need.
        bytes: u64,
        /// What the adapter takes.
        limit: u64,
    },
    /// A tensor is not there.
    #[error("the network's state holds no tensor `{tensor}`; it is the state of another network")]
    NoSuchTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// Images were given where numbers are expected.
    #[error("images were given to a network whose session has no normalisation for them; give it one, or values")]
    NoNormalisation,
    /// A batch's activations do not fit a binding.
    #[error("a batch of {batch} does not fit this adapter; the largest that fits is {fits}: use --batch {fits}")]
    BatchTooLarge {
        /// What was asked for.
        batch: u32,
        /// What fits.
        fits: u32,
    },
}

/// The 1,000 ImageNet classes in order, one a line.
pub const IMAGENET_CLASSES: &str = include_str!("../../weights/imagenet_labels.txt");

/// e^x / Σ e^x of one row of logits.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}
