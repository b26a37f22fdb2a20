//! Trains a whole network on pictures. It learns, and gives the same bytes however it is run.

use super::files;
use super::small::{ADAM, Pictures, Trial, initial, shape, trial, with};
use crate::app::train::*;
use crate::nn::training::*;
use crate::nn::weights::WeightsFile;
use crate::nn::{Backbone, Convolution};

#[test]
fn a_whole_network_learns() {
    let Some(device) = crate::testing::device() else { return };
    let pictures = Pictures::new(24);
    let mut learner = with(|trial| {
        let settings = &mut trial.settings;
        (settings.optimizer, settings.learning_rate, settings.loss) = (ADAM.into(), 0.02, Loss::BinaryCrossEntropy);
        (settings.epochs, settings.micro_batch, settings.augmentation) = (12, 8, None);
        trial.shape.change_head(|head| head.dropout = 0.0);
    });
    let trained = learner.train(&device, &pictures.data()).unwrap();
    let (first, last) = (trained.history[0], trained.history[11]);
    assert!(last.loss < 0.5 * first.loss, "{first:?} {last:?}");
    let best = trained.history[trained.epoch as usize - 1];
    // A guess is right in half of the cases.
    assert!(best.validation_accuracy > 0.9, "{best:?}");

    // With a learning rate near zero nothing is learnt, so the lower loss is due to the training.
    learner.settings.learning_rate = 1e-12;
    let still = learner.train(&device, &pictures.data()).unwrap();
    assert!(still.history[11].loss > 0.9 * first.loss, "{:?}", still.history);
}

#[test]
fn what_is_frozen_stays_and_what_is_trained_moves() {
    let Some(device) = crate::testing::device() else { return };
    let pictures = Pictures::new(8);
    for frozen_norm in [FrozenNorm::Inference, FrozenNorm::BatchStatistics] {
        for first_trained in [0, 4, 7] {
            let trial = with(|trial| (trial.shape.first_trained, trial.shape.frozen_norm) = (first_trained, frozen_norm));
            let before = initial(&trial.shape).tensors();
            let after = trial.train(&device, &pictures.data()).unwrap().best.tensors();
            for ((named, before), (_, after)) in before.iter().zip(&after) {
                let of_layer = |layer: &Convolution| {
                    let prefixes = [format!("{}.weight", layer.name), format!("{}.", layer.norm)];
                    prefixes.iter().any(|prefix| named.name.starts_with(prefix.as_str()))
                };
                let layer = trial.shape.network.convolutions().position(of_layer);
                let trained = layer.is_none_or(|layer| layer >= first_trained);
                assert_eq!(before != after, trained, "{} from {first_trained}, {frozen_norm:?}", named.name);
            }
        }
    }
}

#[test]
fn a_network_gives_the_same_bytes_again_on_any_threads_and_when_it_is_stopped_and_resumed() {
    let Some(device) = crate::testing::device() else { return };
    // An epoch has two batches of 8 in two parts each, and one batch of 4. The 21st picture is dropped, because it would be a
    // part of its own.
    let pictures = Pictures::new(21);
    let data = pictures.data();
    let unbroken = tempfile::tempdir().unwrap();
    let whole = trial().run(&device, &data, Some(unbroken.path()), false, &mut |_| false).unwrap();
    for threads in [2, 5] {
        let again = tempfile::tempdir().unwrap();
        with(|trial| trial.threads = threads).run(&device, &data, Some(again.path()), false, &mut |_| false).unwrap();
        assert!(files(unbroken.path()) == files(again.path()), "{threads} threads");
    }

    // The run is stopped after the given number of steps and validation batches, and is then at the given epoch and step. An
    // epoch has three steps and three validation batches.
    let broken = tempfile::tempdir().unwrap();
    let interruptions = [(0, (1, 0)), (1, (1, 1)), (3, (1, 3)), (3, (2, 0)), (1, (2, 1)), (2, (2, 3)), (1, (2, 3))];
    for (after, place) in interruptions {
        let mut heard = 0;
        let mut stops = |progress| {
            heard += usize::from(matches!(progress, Progress::Step { .. } | Progress::Validation { .. }));
            heard >= after
        };
        match trial().run(&device, &data, Some(broken.path()), true, &mut stops) {
            Err(TrainError::Interrupted { epoch, steps, .. }) => assert_eq!((epoch, steps), place, "after {after}"),
            other => panic!("{after}, {place:?}: {other:?}"),
        }
    }
    let resumed = trial().run(&device, &data, Some(broken.path()), true, &mut |_| false).unwrap();
    assert!(files(unbroken.path()) == files(broken.path()));
    assert_eq!((resumed.epoch, &resumed.history), (whole.epoch, &whole.history));
    assert_eq!(resumed.best.tensors(), whole.best.tensors());

    // Other augmentations or other masks give other results.
    let changes: [fn(&mut Trial); 3] = [
        |trial| trial.settings.augmentation = None,
        |trial| trial.shape.change_head(|head| head.dropout = 0.0),
        |trial| trial.settings.seed = 12,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_ne!(with(change).train(&device, &data).unwrap().history, whole.history, "change {index}");
    }
}

#[test]
fn the_best_network_can_be_read_as_a_model() {
    let Some(device) = crate::testing::device() else { return };
    let (pictures, folder) = (Pictures::new(8), tempfile::tempdir().unwrap());
    let trained = trial().run(&device, &pictures.data(), Some(folder.path()), false, &mut |_| false).unwrap();
    let file = WeightsFile::open(&folder.path().join(BEST)).unwrap();
    let shape = shape();
    let read = |name: &str, dimensions: &[usize]| Ok(file.f32(name, dimensions)?);
    assert_eq!(NetworkState::read(&shape, &read).unwrap().tensors(), trained.best.tensors());
    let backbone = Backbone::load(&shape.network, &read).unwrap();
    assert_eq!(backbone.parameters(), trained.best.backbone(&shape, shape.convolutions()).unwrap().parameters());
}
