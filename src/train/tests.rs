//! Training runs of small heads, on whatever adapter there is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::features::{IDENTITY_FILE, ROWS_FILE, UNREADABLE};
use super::network::*;
use super::random::{Stream, bits};
use super::*;
use crate::evaluation::Metrics;
use crate::gpu::Gpu;
use crate::kernels::Padding;
use crate::model::Head;
use crate::model::weights::WeightsFile;

const ATTRIBUTES: u32 = 5;
const IMAGES: usize = 90;

/// Features with a pattern to learn: an attribute is there where its own feature is above one half.
fn samples() -> (FeatureTable, Vec<u8>) {
    let unit = |index: usize| (bits(9, Stream::Dropout, index as u64) >> 40) as f32 / 16_777_216.0;
    let features = 10;
    let values: Vec<f32> = (0..IMAGES * features).map(unit).collect();
    let label = |at: usize| u8::from(values[at / 5 * features + at % 5] > 0.5);
    let labels = (0..IMAGES * ATTRIBUTES as usize).map(label).collect();
    (FeatureTable::new(features, values).unwrap(), labels)
}

/// The network that is a head on features, and how it is trained.
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
    NetworkShape {
        layers: Vec::new(),
        first_trained: 0,
        frozen_norm: FrozenNorm::Inference,
        padding: Padding::TensorflowSame,
        epsilon: 1e-3,
        momentum: 0.999,
        running_statistics: trial.running_statistics,
        size: 0,
        head: HeadShape { features, hidden: Some(trial.hidden), attributes, dropout: trial.dropout, momentum: 0.99 },
    }
}

fn initial(shape: &NetworkShape, seed: u64) -> NetworkState {
    let head = random::initial_head(seed, shape.head.features, shape.head.hidden.unwrap(), shape.head.attributes);
    let place = |name: &str| Head::TENSORS.iter().position(|tensor| *tensor == name).unwrap();
    NetworkState::read(shape, &|name, _| Ok(head.tensors[place(name)].clone())).unwrap()
}

fn run(gpu: &Gpu, trial: &Trial, data: &TrainingData, run: &mut Run) -> Result<TrainedNetwork, TrainError> {
    let SampleSource::Features(table) = data.source else { unreachable!() };
    let shape = shape(trial, table.features() as u32, data.attributes);
    train_network(gpu, data, &shape, initial(&shape, trial.settings.seed), &trial.settings, run)
}

/// Trains on the first 75 images, so that an epoch ends with a batch of eleven; stops before step `stop` of the whole run.
fn train(gpu: &Gpu, trial: &Trial, folder: Option<&Path>, resume: bool, stop: usize) -> Result<TrainedNetwork, TrainError> {
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
        // A run that was stopped in its validation would count no step.
        flag.store(steps >= stop && !matches!(progress, Progress::Validation { .. }), Ordering::Relaxed);
    };
    let metadata = BTreeMap::from([("attributes".to_string(), "a,b,c,d,e".to_string())]);
    let depends = Vec::new();
    run(gpu, trial, &data, &mut Run { folder, resume, depends, metadata, stop: &flag, progress: &mut progress })
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    [LAST, BEST, HISTORY].map(|name| std::fs::read(folder.join(name)).unwrap()).to_vec()
}

#[test]
fn a_head_learns() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let trial = with(|trial| trial.settings.epochs = 60);
    let trained = train(&gpu, &trial, None, false, usize::MAX).unwrap();
    let (first, last) = (trained.history[0], trained.history[59]);
    assert!(last.loss < first.loss - 0.05, "{first:?} {last:?}");
    let best = trained.history[trained.epoch as usize - 1];
    // Guessing is right in half of the cases.
    assert!(best.validation_accuracy > 0.7, "{best:?}");

    // Predictions with batch norm folded are those that chose the epoch.
    let (features, labels) = samples();
    let rows: Vec<u32> = (75..IMAGES as u32).collect();
    let head = trained.best.head(&shape(&trial, 10, ATTRIBUTES)).unwrap();
    let predictions = predict_rows(&gpu, &head, &features, &rows).unwrap();
    let names = ["a", "b", "c", "d", "e"].map(String::from);
    let figures = Metrics::new(&names, &predictions, &labels[75 * 5..]);
    assert!((figures.means.accuracy - best.validation_accuracy).abs() < 1e-12);
}

#[test]
fn nothing_is_allocated_after_the_first_epoch() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let (features, labels) = samples();
    let rows: Vec<u32> = (0..IMAGES as u32).collect();
    let source = SampleSource::Features(&features);
    let (train_rows, validation_rows) = rows.split_at(75);
    let data = TrainingData { source, labels: &labels, attributes: ATTRIBUTES, train_rows, validation_rows };
    let stop = AtomicBool::new(false);
    let (mut after_steps, mut after_epochs) = (Vec::new(), Vec::new());
    let mut progress = |progress| match progress {
        Progress::Step { .. } => after_steps.push(gpu.buffers_made()),
        Progress::Epoch { .. } => after_epochs.push(gpu.buffers_made()),
        _ => (),
    };
    let (depends, metadata) = (Vec::new(), BTreeMap::new());
    let mut kept = Run { folder: None, resume: false, depends, metadata, stop: &stop, progress: &mut progress };
    run(&gpu, &with(|trial| trial.settings.epochs = 4), &data, &mut kept).unwrap();
    // The steps of an epoch share what the second one has; the first validation brings its own.
    assert!(after_steps[1..5].iter().all(|made| *made == after_steps[1]), "{after_steps:?}");
    assert!(after_epochs.iter().all(|made| *made == after_epochs[0]), "{after_epochs:?}");
}

#[test]
fn every_loss_and_optimizer_learns() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let adam = Optimizer::Adam { form: crate::kernels::AdamForm::Pytorch, epsilon: 1e-8, weight_decay: 0.01 };
    let sgd = Optimizer::Sgd { momentum: 0.9, nesterov: true };
    let trials = [
        (Loss::MeanSquaredError, Optimizer::KERAS_ADADELTA, 1.0),
        (Loss::MeanAbsoluteError, adam, 3e-3),
        (Loss::BinaryCrossEntropy, adam, 3e-3),
        (Loss::BinaryCrossEntropyKeras2, sgd, 0.02),
    ];
    for (loss, optimizer, learning_rate) in trials {
        let trial = with(|trial| {
            let settings = &mut trial.settings;
            (settings.loss, settings.optimizer, settings.learning_rate, settings.epochs) = (loss, optimizer, learning_rate, 20);
            settings.schedule = Schedule::Cosine { warm_up: 0.2 };
        });
        let history = train(&gpu, &trial, None, false, usize::MAX).unwrap().history;
        assert!(history[19].loss < 0.9 * history[0].loss, "{loss:?} {optimizer:?}: {:?} {:?}", history[0], history[19]);
    }
}

#[test]
fn a_run_gives_the_same_bytes_again_and_when_it_is_stopped_and_resumed() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    for running_statistics in [RunningStatistics::Tensorflow, RunningStatistics::Keras2] {
        same_bytes(&gpu, &with(|trial| trial.running_statistics = running_statistics));
    }
}

fn same_bytes(gpu: &Gpu, trial: &Trial) {
    let unbroken = tempfile::tempdir().unwrap();
    train(gpu, trial, Some(unbroken.path()), false, usize::MAX).unwrap();
    let again = tempfile::tempdir().unwrap();
    train(gpu, trial, Some(again.path()), false, usize::MAX).unwrap();
    assert!(files(unbroken.path()) == files(again.path()));

    // Five steps an epoch: before the first, within each epoch, between two, and before the smaller last batch.
    let broken = tempfile::tempdir().unwrap();
    for (stop, epoch, steps) in [(0, 1, 0), (3, 1, 3), (2, 1, 5), (4, 2, 4), (3, 3, 2)] {
        match train(gpu, trial, Some(broken.path()), true, stop) {
            Err(TrainError::Interrupted { epoch: at, steps: done, saved }) => {
                assert_eq!((at, done), (epoch, steps));
                assert_eq!(saved, Some(broken.path().join(LAST)));
            }
            other => panic!("{other:?}"),
        }
    }
    let resumed = train(gpu, trial, Some(broken.path()), true, usize::MAX).unwrap();
    assert!(files(unbroken.path()) == files(broken.path()));
    assert_eq!(resumed.history.len(), 3);

    // A run that is done needs no step, and more epochs can be asked of it.
    assert_eq!(train(gpu, trial, Some(broken.path()), true, 0).unwrap().history, resumed.history);
    let mut longer = trial.clone();
    longer.settings.epochs = 4;
    let longer = train(gpu, &longer, Some(broken.path()), true, usize::MAX).unwrap();
    assert_eq!(longer.history[..3], resumed.history);
}

#[test]
fn the_best_head_can_be_read_as_a_model() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trained = train(&gpu, &trial(), Some(folder.path()), false, usize::MAX).unwrap();
    let file = WeightsFile::open(&folder.path().join(BEST)).unwrap();
    file.check(&Head::expected_tensors(&file)).unwrap();
    assert_eq!(Some(Head::read(&file).unwrap()), trained.best.head(&shape(&trial(), 10, ATTRIBUTES)));
    assert_eq!(file.metadata()["attributes"], "a,b,c,d,e");
    assert_eq!(file.metadata()["epoch"], trained.epoch.to_string());
}

#[test]
fn a_folder_of_another_run_is_left_alone() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    train(&gpu, &with(|trial| trial.settings.epochs = 1), Some(folder.path()), false, usize::MAX).unwrap();
    let before = files(folder.path());
    let refused =
        |trial: Trial, resume: bool| train(&gpu, &trial, Some(folder.path()), resume, usize::MAX).unwrap_err().to_string();
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
    std::fs::write(folder.path().join(LAST), b"no checkpoint").unwrap();
    assert!(refused(trial(), true).contains("not a valid safetensors file"));
    assert!(files(folder.path())[1..] == before[1..]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let gpu = Gpu::open(&Default::default()).unwrap();
    let refused = |trial: Trial| train(&gpu, &trial, None, false, usize::MAX).unwrap_err().to_string();
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
        let mut none = Run { folder: None, resume: false, depends, metadata, stop: &stop, progress };
        run(&gpu, &trial(), &data, &mut none).unwrap_err().to_string()
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
    let gpu = Gpu::open(&Default::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Sums of such features overflow, and their batch statistics are NaN.
    let features = FeatureTable::new(64, vec![3e38; 128]).unwrap();
    let source = SampleSource::Features(&features);
    let data = TrainingData { source, labels: &[1, 0], attributes: 1, train_rows: &[0, 1], validation_rows: &[0] };
    let (stop, progress) = (AtomicBool::new(false), &mut |_| {});
    let (depends, metadata) = (Vec::new(), BTreeMap::new());
    let mut none = Run { folder: Some(folder.path()), resume: false, depends, metadata, stop: &stop, progress };
    let error = run(&gpu, &trial(), &data, &mut none).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, step: 1, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("the batch statistics of head.bn.mean") && message.contains("no checkpoint was kept"), "{message}");
    assert!(!folder.path().join(LAST).exists());
}

fn identity() -> FeatureIdentity {
    FeatureIdentity {
        weights_sha256: "aa".to_string(),
        data_sha256: FeatureIdentity::of_names(["a.jpg", "b.jpg", "c.jpg"]),
        images: 3,
        features: 4,
        size: 224,
        interpolation: "bilinear".to_string(),
    }
}

#[test]
fn a_cache_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..12).map(|value| value as f32 / 7.0).collect();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert!(cache.append(&values[..3]).is_err());
    cache.append(&values[..4]).unwrap();
    drop(cache);

    // A row cut short by a crash is computed again.
    let path = folder.path().join(ROWS_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([1; 9]);
    std::fs::write(&path, bytes).unwrap();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!((cache.done(), cache.is_complete()), (1, false));
    cache.append(&values[4..]).unwrap();
    assert!(cache.append(&values[..4]).unwrap_err().to_string().contains("4 rows for 3 images"));
    assert_eq!(cache.read().unwrap().values(), values);
    assert_eq!(FeatureCache::open(folder.path(), &identity()).unwrap().read().unwrap().row(2), &values[8..]);
}

#[test]
fn features_of_other_images_or_weights_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    FeatureCache::open(folder.path(), &identity()).unwrap().append(&[1.0; 12]).unwrap();
    let others = [
        FeatureIdentity { weights_sha256: "bb".to_string(), ..identity() },
        FeatureIdentity { data_sha256: FeatureIdentity::of_names(["a.jpgb.jpg", "c.jpg", ""]), ..identity() },
        FeatureIdentity { images: 2, ..identity() },
        FeatureIdentity { size: 128, ..identity() },
    ];
    for other in others {
        let refused = FeatureCache::open(folder.path(), &other).unwrap_err();
        assert!(matches!(refused, FeatureError::Other { .. }), "{refused}");
        assert!(refused.to_string().contains("delete features.json and features.f32"), "{refused}");
    }
    assert!(FeatureCache::open(folder.path(), &identity()).unwrap().is_complete());
}

#[test]
fn a_damaged_cache_is_refused() {
    let damage: [(&str, &str, &str); 4] = [
        (IDENTITY_FILE, "{", "EOF"),
        (IDENTITY_FILE, "{\"format\": \"other\"}", "format"),
        (IDENTITY_FILE, "{\"format\": \"lineament-features-1\"}", "missing field"),
        (ROWS_FILE, "as many bytes as four rows of four numbers have, and then more than that.", "4 rows for 3 images"),
    ];
    for (name, text, problem) in damage {
        let folder = tempfile::tempdir().unwrap();
        drop(FeatureCache::open(folder.path(), &identity()).unwrap());
        std::fs::write(folder.path().join(name), text).unwrap();
        let message = FeatureCache::open(folder.path(), &identity()).unwrap_err().to_string();
        assert!(message.contains(problem) && message.contains(name), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(ROWS_FILE), [0; 16]).unwrap();
    let message = FeatureCache::open(folder.path(), &identity()).unwrap_err().to_string();
    assert!(message.contains("features.json: is missing"), "{message}");
}

#[test]
fn rows_of_unreadable_images_keep_their_places_until_they_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    let unreadable = [f32::from_bits(UNREADABLE); 4];
    cache.append(&[1.0; 4]).unwrap();
    cache.append(&unreadable).unwrap();
    drop(cache);
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!(cache.done(), 2);
    assert!(cache.replace(2, &[2.0; 4]).unwrap_err().to_string().contains("row 2 of 2"));
    // Only a whole row of the mark stands for an image; a NaN that came of arithmetic does not.
    assert!(cache.append(&[1.0, 1.0, 1.0, unreadable[0]]).unwrap_err().to_string().contains("row 2, column 3 is NaN"));
    assert!(cache.append(&[f32::NAN; 4]).unwrap_err().to_string().contains("row 2, column 0 is NaN"));
    cache.append(&[3.0; 4]).unwrap();

    let table = cache.read().unwrap();
    assert_eq!((table.unreadable(), table.readable(&[2, 1, 0])), (vec![1], vec![2, 0]));
    cache.replace(1, &[2.0; 4]).unwrap();
    let table = FeatureCache::open(folder.path(), &identity()).unwrap().read().unwrap();
    assert_eq!((table.unreadable(), table.values()), (vec![], &[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0][..]));
}

#[test]
fn features_must_be_whole_and_finite() {
    assert!(FeatureTable::new(4, vec![0.0; 6]).unwrap_err().to_string().contains("no whole rows"));
    let mut values = vec![0.0; 8];
    values[6] = f32::INFINITY;
    assert!(FeatureTable::new(4, values).unwrap_err().to_string().contains("row 1, column 2 is inf"));
}
