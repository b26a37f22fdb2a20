//! The head in inference mode with a given dropout mask. It runs layer by layer as in training, without folding batch norm.

use lineament::nn::{Dense, HEAD_EPSILON, Head, Upload};
use lineament::ops::{Activation, BatchNorm, Dropout, padded_channels};
use lineament::plan::{Plan, Precision, View};
use lineament::profiles::DeviceProfile;

/// The dropout rate of the paper. The mask of the recipe is drawn with it.
pub const RATE: f32 = 0.3;

/// Appends the head to `plan`, and returns the view of its predictions and the uploads of its weights. The mask is \[batch, padded
/// hidden\], with 1 for values that are kept and 0 for dropped ones.
pub fn plan(
    plan: &mut Plan,
    profile: &DeviceProfile,
    head: &Head,
    batch: u32,
    features: View,
    mask: View,
) -> (View, Vec<Upload>) {
    let [kernel1, bias1, gamma, beta, mean, variance, kernel2, bias2] = &head.tensors;
    let dense = |inputs, outputs, kernel: &[f32], bias: &[f32], activation| Dense {
        inputs,
        outputs,
        kernel: kernel.to_vec(),
        bias: bias.to_vec(),
        activation,
    };
    let channels = padded_channels(head.hidden);
    let bytes = 4 * u64::from(batch) * u64::from(channels);
    let first = dense(head.features, head.hidden, kernel1, bias1, Activation::Relu);
    let (hidden, uploads) = first.plan(plan, profile, "dense 1", batch, features);
    let mut uploads = uploads.to_vec();

    let mut pair = |label: &str, vectors: [&Vec<f32>; 2]| {
        let padded = vectors.map(|values| [&values[..], &vec![0.0; channels as usize - values.len()]].concat());
        let view = plan.persistent(label, 8 * u64::from(channels));
        uploads.push((view, Precision::F32.stored(&padded.concat())));
        view
    };
    let statistics = pair("mean and variance", [mean, variance]);
    let affine = pair("gamma and beta", [gamma, beta]);
    let (normalised, dropped) = (plan.persistent("normalised", bytes), plan.persistent("dropped", bytes));
    let norm = BatchNorm { rows: batch, channels, epsilon: HEAD_EPSILON, activation: Activation::None };
    plan.push(norm.step("batch norm", hidden, statistics, affine, None, normalised));
    plan.push(Dropout { rows: batch, channels, rate: RATE }.step("dropout", normalised, mask, dropped));
    let second = dense(head.hidden, head.attributes, kernel2, bias2, Activation::Sigmoid);
    let (predictions, more) = second.plan(plan, profile, "dense 2", batch, dropped);
    uploads.extend(more);
    (predictions, uploads)
}
