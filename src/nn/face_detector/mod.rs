//! The face detector: YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023), the small model.
//!
//! The network looks at an image at three scales. At each it says for every 8th, 16th or 32nd pixel whether a face is centred
//! near it, and where the face's box, eyes, nose and mouth are. [`decode`] turns this into [`Face`]s, [`suppress`] keeps the best
//! of those that overlap, and [`Alignment`] says how to cut a face out as CelebA's authors did.

mod aligner;
mod alignment;
mod description;
mod detection;

use std::path::{Path, PathBuf};

pub use aligner::FaceAligner;
pub use alignment::{Alignment, FRAME, TARGETS};
pub use detection::{Face, decode, suppress};

use super::ModelError;
use super::backbone::{Backbone, fold};
use super::lowering::{Activations, Lowering};
use super::network::{Convolution, ConvolutionKind};
use super::weights::{ExpectedTensor, WeightsError, WeightsFile};
use crate::ops::{MaxPool, Padding, UpsampleAdd, padded_channels};
use crate::plan::{Plan, Precision, View};
use crate::profiles::DeviceProfile;
use description::{ALL_HEADS, HEADS, Part, parts};

/// Height and width of the network's input must be multiples of this number of pixels.
pub const MULTIPLE: u32 = 32;

/// The distance in pixels between the places at which the network looks for faces, at each of its scales.
pub const STRIDES: [u32; 3] = [8, 16, 32];

/// Values that the network returns for each place: class and object scores before the sigmoid, the box, and the landmarks.
pub const VALUES: usize = 16;

/// The key of the header that names the scaling of the input, and the only scaling that is known.
const INPUT: (&str, &str) = ("input", "BGR x");

/// A face detector read from its weights file.
#[derive(Debug, Clone)]
pub struct FaceDetector {
    /// The convolutions in the order in which they run. The four heads of each scale are one.
    convolutions: Backbone,
    parts: Vec<Part>,
    /// The file that it was read from, with its SHA-256 in hexadecimal.
    pub file: (PathBuf, String),
}

impl FaceDetector {
    /// Reads the detector's weights.
    ///
    /// # Errors
    /// The file cannot be read, it is not a weights file of this network, or its header names another scaling of the input.
    pub fn open(path: &Path) -> Result<FaceDetector, ModelError> {
        let file = WeightsFile::open(path)?;
        let parts = parts();
        let layers: Vec<Convolution> = parts.iter().flat_map(Part::convolutions).cloned().collect();
        let mut expected = Vec::new();
        for layer in &layers {
            for (name, outputs) in sources(layer) {
                let mut shape = layer.weight_shape();
                shape[0] = outputs as usize;
                expected.push(ExpectedTensor { name: format!("{name}.weight"), shape });
                expected.push(ExpectedTensor { name: format!("{name}.bias"), shape: vec![outputs as usize] });
            }
        }
        file.check(&expected)?;
        let (key, accepted) = INPUT;
        let found = file.metadata().get(key).copied().unwrap_or_default();
        if found != accepted {
            return Err(ModelError::Weights(WeightsError::Convention {
                path: path.to_path_buf(),
                faults: vec![match found {
                    "" => format!("'{key}' is missing; it must be '{accepted}'"),
                    found => format!("'{key}' is '{found}'; it must be '{accepted}'"),
                }],
            }));
        }
        let mut convolutions = Backbone::empty(layers.clone(), Padding::Symmetric);
        for layer in layers {
            let (mut weight, mut bias) = (Vec::new(), Vec::new());
            for (name, outputs) in sources(&layer) {
                let mut shape = layer.weight_shape();
                shape[0] = outputs as usize;
                weight.extend(file.f32(&format!("{name}.weight"), &shape)?);
                bias.extend(file.f32(&format!("{name}.bias"), &[outputs as usize])?);
            }
            if layer.kind == ConvolutionKind::Stem {
                // The network was trained on blue, green, red; our images are red, green, blue.
                let taps = layer.taps() as usize;
                weight = weight.chunks_exact(3 * taps).flat_map(|bgr| bgr.rchunks_exact(taps).flatten().copied()).collect();
            }
            let weight = fold(&layer, &weight, &vec![1.0; layer.outputs as usize]);
            bias.resize(padded_channels(layer.outputs) as usize, 0.0);
            convolutions.push(layer, &weight, &bias);
        }
        Ok(FaceDetector { convolutions, parts, file: (path.to_path_buf(), file.sha256()) })
    }

    /// Declares the tensor of all weights and returns it with its values.
    pub fn plan_weights(&self, plan: &mut Plan) -> (View, Vec<u8>) {
        (self.convolutions.plan_weights(plan, Precision::F32), self.convolutions.stored_parameters(Precision::F32))
    }

    /// Appends the network. The image \[height, width, 4\] holds red, green and blue from 0 to 255, and zero in the fourth
    /// channel. Height and width are multiples of [`MULTIPLE`]. Returns the results at each of the [`STRIDES`]: persistent
    /// tensors \[height / stride, width / stride, [`VALUES`]\].
    ///
    /// # Panics
    /// Panics if height or width is not a multiple of [`MULTIPLE`].
    pub fn plan(&self, plan: &mut Plan, profile: &DeviceProfile, size: [u32; 2], weights: View, image: View) -> [View; 3] {
        assert!(size.iter().all(|size| size.is_multiple_of(MULTIPLE) && *size > 0), "{size:?} is not a multiple of {MULTIPLE}");
        let [height, width] = size;
        let label = |stride: u32| format!("faces at every {stride}th pixel of {width} × {height}");
        let bytes = |stride: u32| 4 * VALUES as u64 * u64::from(height / stride) * u64::from(width / stride);
        let results = STRIDES.map(|stride| plan.persistent(&label(stride), bytes(stride)));
        let profile = profile.with_precision(Precision::F32);
        let layers = self.convolutions.run_layers(weights, Precision::F32);
        let mut lowering = Lowering::new(plan, &profile, Padding::Symmetric);
        let mut value = Activations { view: image, batch: 1, extent: size, channels: 4, precision: Precision::F32 };
        let (mut kept, mut next) = (Vec::new(), 0);
        for part in &self.parts {
            let run = &layers[next..next + part.convolutions().len()];
            next += run.len();
            match part {
                Part::Convolutions(_) => value = lowering.forward(run, value, None, &mut |_, _, _| ()),
                Part::Head { scale, .. } => {
                    lowering.forward(run, value, Some(results[*scale]), &mut |_, _, _| ());
                }
                Part::Keep => kept.push(value),
                Part::Pool => value = pooled(lowering.plan, value),
                Part::AddToKept => value = kept.pop().map_or(value, |kept| sum_with(lowering.plan, kept, value)),
            }
        }
        results
    }
}

/// Returns the names and output channels of the tensors that a convolution is made of. The heads of a scale are concatenated.
fn sources(layer: &Convolution) -> Vec<(String, u32)> {
    match layer.name.split_once(ALL_HEADS) {
        Some((before, after)) => HEADS.iter().map(|(head, outputs)| (format!("{before}{head}{after}"), *outputs)).collect(),
        None => vec![(layer.name.clone(), layer.outputs)],
    }
}

/// Appends 2×2 max pooling.
fn pooled(plan: &mut Plan, x: Activations) -> Activations {
    let pool = MaxPool { batch: x.batch, size: x.extent, channels: x.channels };
    let y = Activations::transient(plan, "max pool", x.precision, x.batch, pool.out_size(), x.channels);
    plan.push(pool.step("max pool", x.view, y.view));
    y
}

/// Appends the sum of `kept` and the enlarged `x`.
fn sum_with(plan: &mut Plan, kept: Activations, x: Activations) -> Activations {
    let add = UpsampleAdd { batch: kept.batch, size: kept.extent, channels: kept.channels };
    let y = Activations::transient(plan, "upsample and add", kept.precision, kept.batch, kept.extent, kept.channels);
    plan.push(add.step("upsample and add", kept.view, x.view, y.view));
    y
}
