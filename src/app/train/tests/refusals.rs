//! The errors of a network's run, and the files that it leaves behind when it must end.

use std::path::Path;

use super::small::{Pictures, Trial, trial, with};
use crate::app::train::*;
use crate::nn::Layer;
use crate::nn::training::*;
use crate::profiles::Device;

#[test]
fn a_checkpoint_of_another_network_or_run_is_refused() {
    let Some(device) = crate::testing::device() else { return };
    let (pictures, folder) = (Pictures::new(8), tempfile::tempdir().unwrap());
    let resumed = |trial: Trial, data: &TrainingData| trial.run(&device, data, Some(folder.path()), true, &mut |_| false);
    resumed(trial(), &pictures.data()).unwrap();
    let before = std::fs::read(folder.path().join(LAST)).unwrap();

    type Change = fn(&mut Trial);
    let changes: [(Change, &str); 9] = [
        (|trial| trial.settings.seed = 12, "seed 11, but now it is 12"),
        (|trial| trial.shape.first_trained = 4, "trained 7, but now it is 3"),
        (without_the_last, "features 16, but now it is 12"),
        (|trial| trial.shape.size = 64, "size 32, but now it is 64"),
        (|trial| trial.shape.frozen_norm = FrozenNorm::BatchStatistics, "frozen_batch_norm Inference"),
        (|trial| trial.shape.momentum = 0.99, "momentum 0.9 0.9, but now it is 0.99 0.9"),
        (|trial| trial.settings.micro_batch = 8, "micro_batch 4, but now it is 8"),
        (|trial| trial.settings.augmentation = None, "augmentation"),
        // This network has as many layers, but wider ones.
        (widened, "expand.weight"),
    ];
    for (change, what) in changes {
        let mut trial = with(change);
        let features = trial.shape.network.convolutions().last().unwrap().outputs;
        trial.shape.change_head(|head| head.features = features);
        let message = resumed(trial, &pictures.data()).unwrap_err().to_string();
        assert!(message.contains(what) && message.contains("last.safetensors"), "{what}: {message}");
    }
    // With other pictures, the data differ. With other attributes, the network differs.
    let other = Pictures::new(10);
    let message = resumed(trial(), &other.data()).unwrap_err().to_string();
    assert!(message.contains("was trained with data "), "{message}");
    let data = pictures.data();
    let two: Vec<u8> = data.labels.chunks(3).flat_map(|labels| &labels[..2]).copied().collect();
    let data = TrainingData { labels: &two, attributes: 2, ..data };
    let message = resumed(with(|trial| trial.shape.change_head(|head| head.attributes = 2)), &data).unwrap_err().to_string();
    assert!(message.contains("attributes 3, but now it is 2"), "{message}");
    assert!(std::fs::read(folder.path().join(LAST)).unwrap() == before, "a refused run has written");
}

fn without_the_last(trial: &mut Trial) {
    trial.shape.network.layers.retain(|layer| !matches!(layer, Layer::Convolution(last) if last.name == "last"));
}

fn widened(trial: &mut Trial) {
    let mut layers: Vec<_> = trial.shape.network.convolutions_mut().collect();
    (layers[1].outputs, layers[2].inputs, layers[2].outputs, layers[3].inputs) = (24, 24, 24, 24);
}

#[test]
fn a_truncated_checkpoint_is_refused_and_left_as_it_is() {
    let Some(device) = crate::testing::device() else { return };
    let (pictures, folder) = (Pictures::new(8), tempfile::tempdir().unwrap());
    let data = pictures.data();
    let resumed = || trial().run(&device, &data, Some(folder.path()), true, &mut |_| false);
    resumed().unwrap();
    let last = folder.path().join(LAST);
    let bytes = std::fs::read(&last).unwrap();
    // With the checkpoint before it, the run gives the same bytes again.
    let before = folder.path().join("checkpoints/before_last.safetensors");
    let history = std::fs::read(folder.path().join(HISTORY)).unwrap();
    for damage in [&bytes[..bytes.len() / 2], &[&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat()] {
        std::fs::write(&last, damage).unwrap();
        resumed().unwrap();
        assert!(std::fs::read(&last).unwrap() == bytes && std::fs::read(folder.path().join(HISTORY)).unwrap() == history);
    }
    std::fs::remove_file(&before).unwrap();
    for length in [0, 7, 8, 200, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&last, &bytes[..length]).unwrap();
        let message = resumed().unwrap_err().to_string();
        assert!(message.contains("last.safetensors"), "{length} bytes: {message}");
        assert!(std::fs::read(&last).unwrap() == bytes[..length], "{length} bytes were written over");
    }
    // After the first epoch, the best model is also needed.
    std::fs::write(&last, &bytes).unwrap();
    let best = folder.path().join(BEST);
    let model = std::fs::read(&best).unwrap();
    std::fs::write(&best, &model[..model.len() / 2]).unwrap();
    assert!(resumed().unwrap_err().to_string().contains("best.safetensors"));
    std::fs::write(&best, &model).unwrap();
    resumed().unwrap();
}

#[test]
fn a_picture_that_does_not_decode_ends_the_run_with_its_name() {
    let Some(device) = crate::testing::device() else { return };
    for (picture, used_in) in [(3, "training"), (11, "validation")] {
        let (pictures, folder) = (Pictures::new(8), tempfile::tempdir().unwrap());
        let path = pictures.folder.path().join(format!("{picture:03}.png"));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let data = pictures.data();
        let run = |resume| trial().run(&device, &data, Some(folder.path()), resume, &mut |_| false);
        let error = run(false).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, TrainError::Image(_)), "{message}");
        assert!(message.contains(&format!("{picture:03}.png")) && message.contains("--skip-unreadable"), "{used_in}: {message}");

        // Once the image is readable again, the run gives the same result as without the interruption.
        std::fs::write(&path, &whole).unwrap();
        let again = run(true).unwrap();
        assert_eq!(again.history, trial().train(&device, &data).unwrap().history);
    }
}

/// Trains a head on eight rows of features in batches of two. One row overflows the first product, and with it the statistics of
/// its batch.
fn overflowing(device: &Device, folder: &Path, every: usize) -> (usize, TrainError) {
    let features = 16;
    let mut values: Vec<f32> = (0..8 * features).map(|at| (at % 7) as f32 / 7.0).collect();
    values[5 * features..6 * features].fill(3e38);
    let table = FeatureTable::new(features, values).unwrap();
    let rows: Vec<u32> = (0..8).collect();
    let labels = [1, 0].repeat(4);
    let source = SampleSource::Features(&table);
    let data = TrainingData { source, labels: &labels, attributes: 1, train_rows: &rows, validation_rows: &rows[..2] };
    let trial = with(|trial| {
        trial.shape = trial.shape.clone().without_backbone();
        trial.shape.change_head(|head| head.attributes = 1);
        (trial.settings.batch, trial.settings.micro_batch, trial.settings.checkpoint_every) = (2, 2, every);
    });
    let place = crate::nn::random::shuffled(trial.settings.seed, 0, &rows).iter().position(|row| *row == 5).unwrap();
    (place / 2, trial.run(device, &data, Some(folder), false, &mut |_| false).unwrap_err())
}

#[test]
fn a_loss_that_is_not_finite_names_step_tensor_and_the_last_good_checkpoint() {
    let Some(device) = crate::testing::device() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (before, error) = overflowing(&device, folder.path(), 1);
    assert!(before > 0, "choose another seed: the first step has no checkpoint before it");
    let last = folder.path().join(LAST);
    let TrainError::NotFinite { epoch: 1, step, tensor: Some(tensor), saved: Some(saved), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*step, tensor.as_str(), saved), (before + 1, "the batch statistics of head.bn.mean", &last));
    let message = error.to_string();
    for part in ["epoch 1, step", "head.bn.mean", "last.safetensors", "lower the learning rate"] {
        assert!(message.contains(part), "{message}");
    }
    // The checkpoint has the state before the failing step, and is finite.
    let file = crate::nn::weights::WeightsFile::open(&last).unwrap();
    assert_eq!(file.metadata()["steps"], before.to_string());
    assert!(file.f32("head.dense1.kernel", &[16, 12]).unwrap().iter().all(|value| value.is_finite()));
}
