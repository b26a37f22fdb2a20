//! Trains small heads on any adapter. The tests of networks and of the feature cache are in files beside this one.

mod cache;
mod memory;
mod networks;
mod parts;
mod plans;
mod refusals;
mod small;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::evaluation::Metrics;
use crate::nn::random::{Stream, bits};
use crate::nn::training::*;
use crate::nn::weights::WeightsFile;
use crate::nn::{Head, Network};
use crate::ops::Padding;
use crate::ops::{Adadelta, Adam, AnyOptimizer, Sgd};
use crate::profiles::Device;

const ATTRIBUTES: u32 = 5;
const IMAGES: usize = 90;

/// Returns features with a pattern to learn: an attribute is present if its own feature is above one half.
fn samples() -> (FeatureTable, Vec<u8>) {
    let unit = |index: usize| (bits(9, Stream::Dropout, index as u64) >> 40) as f32 / 16_777_216.0;
    let features = 10;
    let values: Vec<f32> = (0..IMAGES * features).map(unit).collect();
    let label = |at: usize| u8::from(values[at / 5 * features + at % 5] > 0.5);
    let labels = (0..IMAGES * ATTRIBUTES as usize).map(label).collect();
    (FeatureTable::new(features, values).unwrap(), labels)
}

/// A network that is only a head on features, and its settings.
#[derive(Clone)]
struct Trial {
    hidden: u32,
    dropout: f32,
    running_statistics: RunningStatistics,
    settings: TrainingSettings,
}

fn trial() -> Trial {
    let settings = TrainingSettings { batch: 16, epochs: 3, seed: 42, ..Default::default() };
    Trial { hidden: 22, dropout: 0.3, running_statistics: RunningStatistics::Tensorflow, settings }
}

fn with(change: impl Fn(&mut Trial)) -> Trial {
    let mut trial = trial();
    change(&mut trial);
    trial
}

fn shape(trial: &Trial, features: u32, attributes: u32) -> NetworkShape {
    let shape = NetworkShape {
        network: Network::new(Padding::TensorflowSame, 1e-3),
        first_trained: 0,
        frozen_norm: FrozenNorm::Inference,
        momentum: 0.999,
        running_statistics: trial.running_statistics,
        size: 0,
    };
    shape.with_head(HeadShape { features, hidden: Some(trial.hidden), attributes, dropout: trial.dropout, momentum: 0.99 })
}

fn initial(shape: &NetworkShape, seed: u64) -> NetworkState {
    let head =
        crate::nn::random::initial_head(seed, shape.head().features, shape.head().hidden.unwrap(), shape.head().attributes);
    let place = |name: &str| Head::TENSORS.iter().position(|tensor| *tensor == name).unwrap();
    NetworkState::read(shape, &|name, _| Ok(head.tensors[place(name)].clone())).unwrap()
}

fn run(device: &Device, trial: &Trial, data: &TrainingData, run: &mut Run) -> Result<TrainedNetwork, TrainError> {
    let SampleSource::Features(table) = data.source else { unreachable!() };
    let shape = shape(trial, table.features() as u32, data.attributes);
    train_network(device, data, &shape, initial(&shape, trial.settings.seed), &trial.settings, run)
}

/// Trains on the first 75 images, so that an epoch ends with a batch of eleven. Stops before step `stop` of the whole run.
fn train(device: &Device, trial: &Trial, folder: Option<&Path>, resume: bool, stop: usize) -> Result<TrainedNetwork, TrainError> {
    let (features, labels) = samples();
    let rows: Vec<u32> = (0..IMAGES as u32).collect();
    let data = TrainingData {
        source: SampleSource::Features(&features),
        labels: &labels,
        attributes: ATTRIBUTES,
        train_rows: &rows[..75],
        validation_rows: &rows[75..],
    };
    let (flag, mut steps) = (AtomicBool::new(stop == 0), 0);
    let mut progress = |progress| {
        steps += usize::from(matches!(progress, Progress::Step { .. }));
        // A run that is stopped during validation counts no step.
        flag.store(steps >= stop && !matches!(progress, Progress::Validation { .. }), Ordering::Relaxed);
    };
    let metadata = BTreeMap::from([("attributes".to_string(), "a,b,c,d,e".to_string())]);
    let depends = Vec::new();
    run(
        device,
        trial,
        &data,
        &mut Run { folder, resume, restart: false, depends, metadata, decoding_threads: 1, stop: &flag, progress: &mut progress },
    )
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    [LAST, BEST, HISTORY].map(|name| std::fs::read(folder.join(name)).unwrap()).to_vec()
}

#[test]
fn a_head_learns() {
    let Some(device) = crate::testing::device() else { return };
    let trial = with(|trial| trial.settings.epochs = 60);
    let trained = train(&device, &trial, None, false, usize::MAX).unwrap();
    let (first, last) = (trained.history[0], trained.history[59]);
    assert!(last.loss < first.loss - 0.05, "{first:?} {last:?}");
    let best = trained.history[trained.epoch as usize - 1];
    // A guess is right in half of the cases.
    assert!(best.validation_accuracy > 0.7, "{best:?}");

    // Predictions with folded batch norm have the accuracy by which the epoch was chosen.
    let (features, labels) = samples();
    let rows: Vec<u32> = (75..IMAGES as u32).collect();
    let head = trained.best.head(&shape(&trial, 10, ATTRIBUTES)).unwrap();
    let predictions = predict_rows(&device, &head, &features, &rows).unwrap();
    let names = ["a", "b", "c", "d", "e"].map(String::from);
    let figures = Metrics::new(&names, &predictions, &labels[75 * 5..]);
    assert!((figures.means.accuracy - best.validation_accuracy).abs() < 1e-12);
}

#[test]
fn every_loss_and_optimizer_learns() {
    let Some(device) = crate::testing::device() else { return };
    let adam = || AnyOptimizer::from(Adam::PYTORCH_ADAMW);
    let sgd = Sgd { momentum: 0.9, nesterov: true };
    let trials = [
        (Loss::Angle, adam(), 3e-3),
        (Loss::MeanSquaredError, Adadelta::KERAS.into(), 1.0),
        (Loss::MeanAbsoluteError, adam(), 3e-3),
        (Loss::BinaryCrossEntropy, adam(), 3e-3),
        (Loss::BinaryCrossEntropyKeras2, sgd.into(), 0.02),
    ];
    for (loss, optimizer, learning_rate) in trials {
        let trial = with(|trial| {
            let settings = &mut trial.settings;
            settings.optimizer = optimizer.clone();
            (settings.loss, settings.learning_rate, settings.epochs) = (loss, learning_rate, 20);
            settings.schedule = Schedule::Cosine { warm_up: 0.2 };
        });
        let history = train(&device, &trial, None, false, usize::MAX).unwrap().history;
        assert!(history[19].loss < 0.9 * history[0].loss, "{loss:?} {optimizer:?}: {:?} {:?}", history[0], history[19]);
    }
}

#[test]
fn a_run_gives_the_same_bytes_again_and_when_it_is_stopped_and_resumed() {
    let Some(device) = crate::testing::device() else { return };
    for running_statistics in [RunningStatistics::Tensorflow, RunningStatistics::Keras2] {
        same_bytes(&device, &with(|trial| trial.running_statistics = running_statistics));
    }
}

fn same_bytes(device: &Device, trial: &Trial) {
    let unbroken = tempfile::tempdir().unwrap();
    train(device, trial, Some(unbroken.path()), false, usize::MAX).unwrap();
    let again = tempfile::tempdir().unwrap();
    train(device, trial, Some(again.path()), false, usize::MAX).unwrap();
    assert!(files(unbroken.path()) == files(again.path()));

    // An epoch has five steps. The run stops before the first, within each epoch, between two, and before the smaller last batch.
    let broken = tempfile::tempdir().unwrap();
    for (stop, epoch, steps) in [(0, 1, 0), (3, 1, 3), (2, 1, 5), (4, 2, 4), (3, 3, 2)] {
        match train(device, trial, Some(broken.path()), true, stop) {
            Err(TrainError::Interrupted { epoch: at, steps: done, saved }) => {
                assert_eq!((at, done), (epoch, steps));
                assert_eq!(saved, Some(broken.path().join(LAST)));
            }
            other => panic!("{other:?}"),
        }
    }
    let resumed = train(device, trial, Some(broken.path()), true, usize::MAX).unwrap();
    assert!(files(unbroken.path()) == files(broken.path()));
    assert_eq!(resumed.history.len(), 3);

    // A completed run needs no further step, and can be continued with more epochs.
    assert_eq!(train(device, trial, Some(broken.path()), true, 0).unwrap().history, resumed.history);
    let mut longer = trial.clone();
    longer.settings.epochs = 4;
    let longer = train(device, &longer, Some(broken.path()), true, usize::MAX).unwrap();
    assert_eq!(longer.history[..3], resumed.history);
}

#[test]
fn the_best_head_can_be_read_as_a_model() {
    let Some(device) = crate::testing::device() else { return };
    let folder = tempfile::tempdir().unwrap();
    let trained = train(&device, &trial(), Some(folder.path()), false, usize::MAX).unwrap();
    let file = WeightsFile::open(&folder.path().join(BEST)).unwrap();
    file.check(&Head::expected_tensors(&file)).unwrap();
    assert_eq!(Some(Head::read(&file).unwrap()), trained.best.head(&shape(&trial(), 10, ATTRIBUTES)));
    assert_eq!(file.metadata()["attributes"], "a,b,c,d,e");
    assert_eq!(file.metadata()["epoch"], trained.epoch.to_string());
}

#[test]
fn a_folder_of_another_run_is_left_alone() {
    let Some(device) = crate::testing::device() else { return };
    let folder = tempfile::tempdir().unwrap();
    train(&device, &with(|trial| trial.settings.epochs = 1), Some(folder.path()), false, usize::MAX).unwrap();
    let before = files(folder.path());
    let refused =
        |trial: Trial, resume: bool| train(&device, &trial, Some(folder.path()), resume, usize::MAX).unwrap_err().to_string();
    assert!(refused(trial(), false).contains("--resume"));
    for (other, what) in [
        (with(|trial| trial.settings.seed = 43), "seed 42"),
        (with(|trial| trial.hidden = 24), "hidden 22"),
        (with(|trial| trial.dropout = 0.25), "dropout 0.3"),
        (
            with(|trial| trial.running_statistics = RunningStatistics::Keras2),
            "momentum 0.999 0.99, but now it is 0.999 0.99 Keras2",
        ),
        (with(|trial| trial.settings.loss = Loss::MeanSquaredError), "loss Cosine"),
    ] {
        let message = refused(other, true);
        assert!(message.contains(what) && message.contains("last.safetensors"), "{message}");
    }
    for name in [LAST, "checkpoints/before_last.safetensors"] {
        std::fs::write(folder.path().join(name), b"no checkpoint").unwrap();
    }
    assert!(refused(trial(), true).contains("not a valid safetensors file"));
    assert!(files(folder.path())[1..] == before[1..]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let Some(device) = crate::testing::device() else { return };
    let refused = |trial: Trial| train(&device, &trial, None, false, usize::MAX).unwrap_err().to_string();
    for (trial, what) in [
        (with(|trial| trial.settings.batch = 0), "batch is 0"),
        (with(|trial| trial.settings.batch = 1), "one has no variance"),
        (with(|trial| trial.settings.micro_batch = 1), "micro-batch is 1"),
        (with(|trial| trial.dropout = 1.0), "dropout is 1"),
        (with(|trial| trial.settings.learning_rate = f64::NAN), "learning rate is NaN"),
        (with(|trial| trial.settings.epochs = 0), "epochs is 0"),
    ] {
        let message = refused(trial);
        assert!(message.contains(what), "{message}");
    }
    let (features, mut labels) = samples();
    labels[7] = 2;
    let stop = AtomicBool::new(false);
    let refused = |labels: &[u8], train_rows: &[u32], validation_rows: &[u32]| {
        let source = SampleSource::Features(&features);
        let data = TrainingData { source, labels, attributes: ATTRIBUTES, train_rows, validation_rows };
        let (depends, metadata, progress) = (Vec::new(), BTreeMap::new(), &mut |_| {});
        let mut none =
            Run { folder: None, resume: false, restart: false, depends, metadata, decoding_threads: 1, stop: &stop, progress };
        run(&device, &trial(), &data, &mut none).unwrap_err().to_string()
    };
    assert!(refused(&labels, &[0, 2], &[1]).contains("image 1 has the label 2 for attribute 2"));
    labels[7] = 1;
    assert!(refused(&labels, &[], &[1]).contains("no training images"));
    assert!(refused(&labels, &[0], &[1]).contains("1 training sample is too few"));
    assert!(refused(&labels, &[0, 2], &[90]).contains("validation image 90 is beyond the 90"));
    assert!(refused(&labels[1..], &[0, 2], &[1]).contains("449 labels for 90 images"));
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_names_its_step() {
    let Some(device) = crate::testing::device() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Sums of such features overflow, so their batch statistics are NaN.
    let features = FeatureTable::new(64, vec![3e38; 128]).unwrap();
    let source = SampleSource::Features(&features);
    let data = TrainingData { source, labels: &[1, 0], attributes: 1, train_rows: &[0, 1], validation_rows: &[0] };
    let (stop, progress) = (AtomicBool::new(false), &mut |_| {});
    let (depends, metadata) = (Vec::new(), BTreeMap::new());
    let mut none = Run {
        folder: Some(folder.path()),
        resume: false,
        restart: false,
        depends,
        metadata,
        decoding_threads: 1,
        stop: &stop,
        progress,
    };
    let error = run(&device, &trial(), &data, &mut none).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, step: 1, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("the batch statistics of head.bn.mean") && message.contains("no checkpoint was kept"), "{message}");
    assert!(!folder.path().join(LAST).exists());
}
