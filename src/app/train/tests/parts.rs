//! Batches that are split into parts, and last batches with a single sample.

use super::small::{DESCENT, Pictures, Trial, initial, trial, with, without_batch_statistics};
use crate::app::train::*;
use crate::nn::training::*;
use crate::profiles::Device;

/// Returns one epoch of plain gradient descent in which no sample depends on the others of its part.
fn descent(micro_batch: u32) -> Trial {
    with(|trial| {
        trial.shape = without_batch_statistics();
        let settings = &mut trial.settings;
        (settings.optimizer, settings.learning_rate) = (DESCENT.into(), 1.0);
        (settings.batch, settings.micro_batch, settings.epochs) = (8, micro_batch, 1);
    })
}

#[test]
fn gradients_of_parts_add_up_to_that_of_the_batch() {
    let Some(device) = crate::testing::device() else { return };
    // An epoch has a whole batch, and one of five samples, whose parts differ in size.
    let pictures = Pictures::new(13);
    let before = initial(&without_batch_statistics());
    let whole = descent(8).train(&device, &pictures.data()).unwrap();
    let moved = |other: &NetworkState| -> f64 {
        whole.best.weights.iter().zip(&other.weights).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    };
    let all = moved(&before);
    assert!(all > 1e-2, "the weights moved by {all} only");
    for micro_batch in [1, 2, 3, 5, 7] {
        let parts = descent(micro_batch).train(&device, &pictures.data()).unwrap();
        let apart = moved(&parts.best);
        assert!(apart < 1e-5 * all, "in parts of {micro_batch}: {apart} apart after moving by {all}");
        let [a, b] = [&whole, &parts].map(|trained| trained.history[0]);
        assert!((a.loss - b.loss).abs() < 1e-6 && a.accuracy == b.accuracy, "in parts of {micro_batch}: {a:?} {b:?}");
    }
}

/// Returns the number of steps in an epoch.
fn steps_of(device: &Device, trial: &Trial, pictures: &Pictures) -> usize {
    let mut most = 0;
    let mut stops = |progress| {
        if let Progress::Step { step, steps, .. } = progress {
            assert!(step <= steps);
            most = steps;
        }
        false
    };
    trial.run(device, &pictures.data(), None, false, &mut stops).unwrap();
    most
}

#[test]
fn a_last_batch_of_one_is_left_out_where_batch_norm_could_not_take_it() {
    let Some(device) = crate::testing::device() else { return };
    let pictures = Pictures::new(9);
    let in_batches = |batch: u32, micro_batch: u32| {
        with(|trial| (trial.settings.batch, trial.settings.micro_batch, trial.settings.epochs) = (batch, micro_batch, 1))
    };
    // With nine pictures, batches of 8 leave a second batch of 1, which is dropped. Batches of 7 leave 2, which is kept.
    assert_eq!(steps_of(&device, &in_batches(8, 8), &pictures), 1);
    assert_eq!(steps_of(&device, &in_batches(7, 4), &pictures), 2);
    assert_eq!(steps_of(&device, &in_batches(64, 64), &pictures), 1);
    // Without batch statistics, a batch of one sample is valid.
    assert_eq!(steps_of(&device, &descent(8), &pictures), 2);
    assert_eq!(steps_of(&device, &descent(1), &pictures), 2);
}

#[test]
fn a_part_of_one_is_refused_where_batch_norm_could_not_take_it() {
    let refused = |batch: u32, micro_batch: u32, shape: &NetworkShape| {
        let settings = TrainingSettings { batch, micro_batch, ..trial().settings };
        settings.check(shape).err().map(|error| error.to_string())
    };
    let shape = trial().shape;
    for (batch, micro_batch, what) in [
        (1, 1, "batch is 1, outside 2 to 65536; batch norm in training mode needs at least two samples"),
        (8, 1, "micro-batch is 1, outside 2"),
        (5, 2, "a batch of 5 in parts of 2 ends with a single sample"),
        (64, 63, "a batch of 64 in parts of 63 ends with a single sample"),
    ] {
        let message = refused(batch, micro_batch, &shape).unwrap_or_default();
        assert!(message.contains(what) && message.contains("batch norm"), "{message}");
        assert_eq!(refused(batch, micro_batch, &without_batch_statistics()), None);
    }
    for (batch, micro_batch) in [(2, 2), (8, 64), (8, 3), (5, 3)] {
        assert_eq!(refused(batch, micro_batch, &shape), None, "{batch} in parts of {micro_batch}");
    }
    // Frozen layers that use the statistics of the batch, as in Keras 2.2.4, need two samples as well.
    let keras2 = NetworkShape { frozen_norm: FrozenNorm::BatchStatistics, ..without_batch_statistics() };
    assert!(refused(1, 1, &keras2).is_some());
}

#[test]
fn a_transform_that_could_leave_nothing_of_an_image_is_refused() {
    for (augmentation, what) in [
        (AugmentationRanges { zoom: 1.0, ..AugmentationRanges::PAPER }, "the largest zoom is 1,"),
        (AugmentationRanges { row_shift: -0.1, ..AugmentationRanges::PAPER }, "the largest shift of rows is -0.1,"),
        (AugmentationRanges { column_shift: f64::NAN, ..AugmentationRanges::PAPER }, "the largest shift of columns is NaN,"),
    ] {
        let settings = TrainingSettings { augmentation: Some(augmentation), ..trial().settings };
        let message = settings.check(&trial().shape).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
}
