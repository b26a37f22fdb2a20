//! Neural networks: descriptions, weights in safetensors, lowering to plans, and training.

mod backbone;
mod composition;
pub mod convert;
mod dense;
pub mod face_detector;
mod head;
pub mod lowering;
pub mod mobilenet_v2;
mod model;
pub mod network;
pub mod onnx;
pub mod random;
mod runner;
mod stored_image;
pub mod training;
pub mod weights;

use std::path::PathBuf;

pub use backbone::{Backbone, ReadTensor, expected_tensors};
pub use dense::{Dense, Upload};
pub use face_detector::{Face, FaceDetector};
pub use head::{HEAD_EPSILON, Head};
pub use lowering::{Activations, dispatches};
pub use model::{Model, Top, keys};
pub use network::{Convolution, ConvolutionKind, Layer, Network};
pub use runner::{BatchShape, BuildNetwork, ImageRunner, Normalisation, Started};
pub use stored_image::StoredImage;
pub(crate) use stored_image::pack;

/// Why a model cannot be read, planned or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The weights file cannot be used.
    #[error(transparent)]
    Weights(#[from] weights::WeightsError),
    /// The device reported an error.
    #[error(transparent)]
    Gpu(#[from] crate::device::DeviceError),
    /// The head was trained on another backbone than the one that was found.
    #[error(
        "{}: was trained on a backbone with SHA-256 {wanted}, but {} has {found}; name the right backbone with --backbone",
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
    /// The head has another number of outputs than names.
    #[error(
        "{}: `attributes` in the header names {found} outputs, but the head has {expected}; export the head again",
        path.display()
    )]
    AttributeNames {
        /// The head's file.
        path: PathBuf,
        /// Number of outputs of the head.
        expected: usize,
        /// Number of names in the header.
        found: usize,
    },
    /// The input size in the header is not one that the network supports.
    #[error("{}: `size` in the header is `{found}`; expected a multiple of 32 from 32 to 1024", path.display())]
    InputSize {
        /// The file.
        path: PathBuf,
        /// The value in the header.
        found: String,
    },
    /// A folded weight is too large for the precision at which it was to be stored.
    #[error(
        "{}: the layer {layer} with its batch norm folded has a weight of {weight:e}, which exceeds the largest {precision} \
         number, {:e}; use --precision f32",
        path.display(), precision.largest()
    )]
    BeyondPrecision {
        /// The file.
        path: PathBuf,
        /// Name of the convolution.
        layer: String,
        /// The weight.
        weight: f32,
        /// The precision that was asked for.
        precision: crate::plan::Precision,
    },
    /// The pixels of one image do not fit a binding.
    #[error("an image has {bytes} bytes of pixels, but the adapter can bind only {limit} at once; make the image smaller")]
    TooManyPixels {
        /// Bytes of pixels.
        bytes: u64,
        /// Bytes that the adapter can bind at once.
        limit: u64,
    },
    /// The network's state lacks a tensor.
    #[error("the network's state has no tensor `{tensor}`, so it belongs to another network; use the state of this one")]
    NoSuchTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// Images were given to a session that does not know how to normalise them.
    #[error("the session has no normalisation for images; set one, or pass normalised values instead of images")]
    NoNormalisation,
    /// The activations of a batch do not fit a binding, but those of a smaller batch do.
    #[error("a batch of {batch} does not fit this adapter; the largest that fits is {fits}: use --batch {fits}")]
    BatchTooLarge {
        /// Number of images in the batch.
        batch: u32,
        /// The largest number of images that fits.
        fits: u32,
    },
}

/// The names of the 1,000 ImageNet classes in order, one per line.
pub const IMAGENET_CLASSES: &str = include_str!("../../weights/imagenet_labels.txt");

/// Returns the softmax of one row of logits: exp(xᵢ) / Σⱼ exp(xⱼ), computed after subtracting the largest logit.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}
