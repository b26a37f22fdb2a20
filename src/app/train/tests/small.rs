//! A network of seven convolutions, and pictures that it can learn from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::train::*;
use crate::data::ImageSource;
use crate::nn::Normalisation;
use crate::nn::random::{Stream, bits, unit};
use crate::nn::training::*;
use crate::nn::{Convolution, ConvolutionKind, Network};
use crate::ops::{Activation, Adam, Padding, Sgd};
use crate::profiles::Device;

/// Height and width of the network's input.
pub const SIZE: u32 = 32;
/// The attributes of a picture: bright red, bright green, bright blue.
pub const ATTRIBUTES: u32 = 3;

/// Returns a network: a first convolution, a residual block, a block that halves the picture, a last convolution, and a head.
pub fn shape() -> NetworkShape {
    use ConvolutionKind::{Depthwise, Pointwise, Stem};
    let layers = [
        (0, "first", Stem, [3, 8, 2], true, false),
        (1, "expand", Pointwise, [8, 16, 1], true, false),
        (1, "depthwise", Depthwise, [16, 16, 1], true, false),
        (1, "project", Pointwise, [16, 8, 1], false, true),
        (2, "halve", Depthwise, [8, 8, 2], true, false),
        (2, "widen", Pointwise, [8, 12, 1], false, false),
        (3, "last", Pointwise, [12, 16, 1], true, false),
    ];
    let layer = |(block, name, kind, [inputs, outputs, stride], relu6, residual): (usize, &str, _, [u32; 3], bool, bool)| {
        let (name, norm) = (name.to_string(), format!("{name}.norm"));
        let activation = if relu6 { Activation::Relu6 } else { Activation::None };
        Convolution { name, norm, kind, inputs, outputs, stride, activation, block, residual }
    };
    let shape = NetworkShape {
        network: Network::of_convolutions(layers.map(layer), Padding::TensorflowSame, 1e-3),
        first_trained: 0,
        frozen_norm: FrozenNorm::Inference,
        momentum: 0.9,
        running_statistics: RunningStatistics::Tensorflow,
        size: SIZE,
    };
    shape.with_head(HeadShape { features: 16, hidden: Some(12), attributes: ATTRIBUTES, dropout: 0.3, momentum: 0.9 })
}

/// Returns the network without batch statistics: only a head without a hidden layer is trained.
pub fn without_batch_statistics() -> NetworkShape {
    let mut shape = shape();
    shape.first_trained = shape.convolutions();
    shape.change_head(|head| head.hidden = None);
    shape
}

/// Returns kernels uniform within ±√(6 / inputs), scales and variances of 1, and 0 for everything else.
pub fn initial(shape: &NetworkShape) -> NetworkState {
    let of_ones = |name: &str| [".norm.weight", ".running_var", ".gamma", ".bn.var"].iter().any(|end| name.ends_with(end));
    let tensor = |name: &str, dimensions: &[usize]| {
        let count: usize = dimensions.iter().product();
        let inputs = if dimensions.len() == 2 { dimensions[0] } else { dimensions[1..].iter().product() };
        let limit = (6.0 / inputs.max(1) as f64).sqrt();
        let stream = Stream::Weights(name.bytes().map(usize::from).sum());
        let value = |index: usize| match (dimensions.len(), of_ones(name)) {
            (1, ones) => f32::from(u8::from(ones)),
            _ => (limit * (2.0 * unit(3, stream, index as u64) - 1.0)) as f32,
        };
        Ok((0..count).map(value).collect())
    };
    NetworkState::read(shape, &tensor).unwrap()
}

/// Labelled pictures of several sizes. The last third is for validation.
pub struct Pictures {
    pub folder: tempfile::TempDir,
    images: Vec<ImageSource>,
    names: Vec<String>,
    labels: Vec<u8>,
    rows: Vec<u32>,
    train: usize,
}

impl Pictures {
    /// Returns `train` pictures for training, and half as many for validation.
    pub fn new(train: usize) -> Pictures {
        let folder = tempfile::tempdir().unwrap();
        let count = train + train / 2;
        let names: Vec<String> = (0..count).map(|index| format!("{index:03}.png")).collect();
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        let mut labels = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let shown: [u8; 3] = std::array::from_fn(|channel| (index >> channel & 1) as u8);
            labels.extend(shown);
            let [width, height] = [[32, 32], [24, 40], [45, 27]][index % 3];
            let noise = |at: u64| bits(index as u64, Stream::Dropout, at) >> 58;
            let picture = image::RgbImage::from_fn(width, height, |x, y| {
                let at = u64::from(y * width + x) * 3;
                image::Rgb(std::array::from_fn(|channel| 40 + 120 * shown[channel] + noise(at + channel as u64) as u8))
            });
            picture.save(path).unwrap();
        }
        let images = paths.into_iter().map(ImageSource::File).collect();
        Pictures { folder, images, names, labels, rows: (0..count as u32).collect(), train }
    }

    /// Returns the pictures as the data of a run.
    pub fn data(&self) -> TrainingData<'_> {
        let normalisation = Normalisation { scale: [1.0 / 127.5; 3], shift: [-1.0; 3] };
        let source =
            SampleSource::Images { images: &self.images, names: &self.names, orientation: Default::default(), normalisation };
        let (train_rows, validation_rows) = self.rows.split_at(self.train);
        TrainingData { source, labels: &self.labels, attributes: ATTRIBUTES, train_rows, validation_rows }
    }
}

/// A network and its settings.
#[derive(Clone)]
pub struct Trial {
    pub shape: NetworkShape,
    pub settings: TrainingSettings,
    pub threads: usize,
}

/// Returns a trial with augmentation, dropout and parts of batches.
pub fn trial() -> Trial {
    let settings = TrainingSettings {
        batch: 8,
        micro_batch: 4,
        epochs: 2,
        seed: 11,
        augmentation: Some(AugmentationRanges::PAPER),
        ..Default::default()
    };
    Trial { shape: shape(), settings, threads: 1 }
}

/// Returns this trial with a change.
pub fn with(change: impl Fn(&mut Trial)) -> Trial {
    let mut trial = trial();
    change(&mut trial);
    trial
}

/// Plain gradient descent, so that weights differ by as much as gradients do.
pub const DESCENT: Sgd = Sgd { momentum: 0.0, nesterov: false };
/// An optimizer that learns fast.
pub const ADAM: Adam = Adam::KERAS;

impl Trial {
    /// Trains to the end, without a folder.
    pub fn train(&self, device: &Device, data: &TrainingData) -> Result<TrainedNetwork, TrainError> {
        self.run(device, data, None, false, &mut |_| false)
    }

    /// Trains. `stops` receives all progress and decides when the run stops.
    pub fn run(
        &self,
        device: &Device,
        data: &TrainingData,
        folder: Option<&Path>,
        resume: bool,
        stops: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<TrainedNetwork, TrainError> {
        let stop = AtomicBool::new(false);
        let mut progress = |progress| stop.store(stops(progress), Ordering::Relaxed);
        let (depends, metadata) = (Vec::new(), BTreeMap::new());
        let decoding_threads = self.threads;
        let mut run =
            Run { folder, resume, restart: false, depends, metadata, decoding_threads, stop: &stop, progress: &mut progress };
        train_network(device, data, &self.shape, initial(&self.shape), &self.settings, &mut run)
    }
}
