//! The fingerprint of a run: everything that its results depend on. Only a run with the same fingerprint may resume a checkpoint.

use super::checkpoint::Fingerprint;
use super::samples::TrainingData;
use super::settings::TrainingSettings;
use crate::nn::training::{NetworkShape, RunningStatistics, Schedule};

/// Returns what a run depends on. The number of epochs is left out if the learning rate does not depend on it, so that it can
/// grow.
pub(super) fn fingerprint(
    data: &TrainingData,
    shape: &NetworkShape,
    settings: &TrainingSettings,
    depends: &[(&'static str, String)],
) -> Fingerprint {
    let TrainingSettings { batch, micro_batch, epochs, seed, loss, optimizer, learning_rate, .. } = settings;
    let TrainingSettings { schedule, augmentation, label_smoothing, class_weights, .. } = settings;
    let head = shape.head();
    let of_statistics = match shape.running_statistics {
        RunningStatistics::Tensorflow => String::new(),
        other => format!(" {other:?}"),
    };
    let mut fingerprint = vec![
        ("features", head.features.to_string()),
        ("hidden", head.hidden.map_or("none".to_string(), |hidden| hidden.to_string())),
        ("attributes", head.attributes.to_string()),
        ("layers", shape.convolutions().to_string()),
        ("trained", (shape.convolutions() - shape.first_trained.min(shape.convolutions())).to_string()),
        ("frozen_batch_norm", format!("{:?}", shape.frozen_norm)),
        ("size", shape.size.to_string()),
        ("batch", batch.to_string()),
        ("micro_batch", micro_batch.min(batch).to_string()),
        ("seed", seed.to_string()),
        ("dropout", head.dropout.to_string()),
        ("momentum", format!("{} {}{of_statistics}", shape.momentum, head.momentum)),
        ("loss", format!("{loss:?}")),
        ("optimizer", optimizer.settings()),
        ("learning_rate", learning_rate.to_string()),
        ("schedule", format!("{schedule:?}")),
        // Leaving out the default keeps the fingerprints of runs from before `magnify_only` was added.
        ("augmentation", augmentation.map_or("none".into(), |ranges| format!("{ranges:?}").replace("magnify_only: false, ", ""))),
        ("label_smoothing", label_smoothing.to_string()),
        ("class_weights", format!("{class_weights:?}")),
        ("data", data.sha256()),
    ];
    if *schedule != Schedule::Constant {
        fingerprint.push(("epochs", epochs.to_string()));
    }
    if settings.mixed_precision {
        fingerprint.push(("mixed_precision", "true".to_string()));
    }
    fingerprint.extend(depends.iter().cloned());
    fingerprint
}
