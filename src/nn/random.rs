//! Random numbers by counter: a function of (seed, stream, index), with no state to save or restore.

use crate::nn::Head;

/// What a number is for; streams of one seed are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial weights of the tensor at this place of [`Head::TENSORS`].
    Weights(usize),
    /// Initial weights of a tensor of the backbone, by a hash of its name.
    Backbone(u32),
    /// The key of all dropout masks.
    Dropout,
    /// The order of the samples in an epoch.
    Shuffle(u32),
    /// How the images of an epoch are augmented.
    Augmentation(u32),
}

impl Stream {
    fn number(self) -> u64 {
        match self {
            Stream::Weights(tensor) => tensor as u64,
            Stream::Dropout => 1 << 16,
            Stream::Shuffle(epoch) => (1 << 32) + u64::from(epoch),
            Stream::Augmentation(epoch) => (2 << 32) + u64::from(epoch),
            Stream::Backbone(name) => (3 << 32) + u64::from(name),
        }
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014).
fn mix64(mut z: u64) -> u64 {
    z ^= z >> 30;
    z = z.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// 64 random bits.
pub fn bits(seed: u64, stream: Stream, index: u64) -> u64 {
    let key = mix64(seed.wrapping_add(GOLDEN.wrapping_mul(stream.number().wrapping_add(1))));
    mix64(key.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))))
}

/// A number uniform in [0, 1), of 53 bits.
pub fn unit(seed: u64, stream: Stream, index: u64) -> f64 {
    (bits(seed, stream, index) >> 11) as f64 / (1u64 << 53) as f64
}

/// `rows` in the order of an epoch: Fisher and Yates' shuffle.
pub fn shuffled(seed: u64, epoch: u32, rows: &[u32]) -> Vec<u32> {
    let mut order = rows.to_vec();
    for last in (1..order.len()).rev() {
        // The upper half of the bits times the count: a bias below 2⁻³² times the count.
        let draw = bits(seed, Stream::Shuffle(epoch), last as u64) >> 32;
        order.swap(last, ((draw * (last as u64 + 1)) >> 32) as usize);
    }
    order
}

/// Glorot and Bengio's uniform initialisation (2010), Keras' default for dense layers: within ±√(6 / (inputs + outputs)).
pub fn glorot_uniform(seed: u64, tensor: usize, inputs: u32, outputs: u32) -> Vec<f32> {
    uniform(seed, Stream::Weights(tensor), u64::from(inputs) * u64::from(outputs), f64::from(inputs) + f64::from(outputs))
}

/// `count` numbers within ±√(6 / fans).
fn uniform(seed: u64, stream: Stream, count: u64, fans: f64) -> Vec<f32> {
    let limit = (6.0 / fans).sqrt();
    (0..count).map(|index| (limit * (2.0 * unit(seed, stream, index) - 1.0)) as f32).collect()
}

/// A tensor of the backbone before training, by its torchvision name and shape, as Keras makes it with `weights=None`: Glorot
/// kernels, with 9 C and 9 as the fans of a depthwise kernel \[C, 1, 3, 3\]; batch norm with gamma and variance 1, beta and mean 0.
pub fn initial_backbone_tensor(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let &[outputs, inputs, height, width] = shape else {
        let value = if name.ends_with(".weight") || name.ends_with(".running_var") { 1.0 } else { 0.0 };
        return vec![value; count];
    };
    let taps = (height * width) as f64;
    let fans = if inputs == 1 { outputs as f64 * taps + taps } else { (inputs + outputs) as f64 * taps };
    // FNV-1a.
    let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    uniform(seed, Stream::Backbone(hash), count as u64, fans)
}

/// A head before training, as Keras makes it: Glorot kernels, biases 0, gamma 1, beta 0, mean 0, variance 1.
pub fn initial_head(seed: u64, features: u32, hidden: u32, attributes: u32) -> Head {
    let channels = |value: f32| vec![value; hidden as usize];
    let tensors = [
        glorot_uniform(seed, 0, features, hidden),
        channels(0.0),
        channels(1.0),
        channels(0.0),
        channels(0.0),
        channels(1.0),
        glorot_uniform(seed, 6, hidden, attributes),
        vec![0.0; attributes as usize],
    ];
    Head { features, hidden, attributes, tensors }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_a_permutation_that_seed_and_epoch_decide() {
        let rows: Vec<u32> = (100..1100).collect();
        let order = shuffled(1, 0, &rows);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
        assert_eq!(order, shuffled(1, 0, &rows));
        for other in [shuffled(2, 0, &rows), shuffled(1, 1, &rows)] {
            let same = order.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same < 10, "{same} of 1000 rows stay in place");
        }
    }

    #[test]
    fn every_order_of_three_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..6000 {
            *counts.entry(shuffled(7, epoch, &[0, 1, 2])).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations of a binomial of 6000 and 1/6.
        assert!(counts.values().all(|count: &i32| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn glorot_fills_its_range() {
        let limit = (6.0f32 / (64.0 + 36.0)).sqrt();
        let values = glorot_uniform(3, 0, 64, 36);
        assert_eq!(values.len(), 64 * 36);
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest <= limit && largest > 0.99 * limit, "{largest} of {limit}");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.02, "{mean}");
    }

    #[test]
    fn a_backbone_without_weights_starts_as_keras_has_it() {
        let kernel = initial_backbone_tensor(3, "features.0.0.weight", &[32, 3, 3, 3]);
        let limit = (6.0f32 / (9.0 * 35.0)).sqrt();
        let largest = kernel.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(kernel.len() == 864 && largest <= limit && largest > 0.98 * limit, "{largest} of {limit}");
        let depthwise = initial_backbone_tensor(3, "features.1.conv.0.0.weight", &[32, 1, 3, 3]);
        let limit = (6.0f32 / (9.0 * 33.0)).sqrt();
        let largest = depthwise.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest <= limit && largest > 0.95 * limit && depthwise[0] != kernel[0], "{largest} of {limit}");
        for (name, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
            assert_eq!(initial_backbone_tensor(3, &format!("features.0.1.{name}"), &[4]), [value; 4], "{name}");
        }
    }

    #[test]
    fn the_papers_head_has_its_parameters() {
        let head = initial_head(0, 1280, 1536, 37);
        assert_eq!(head.parameters(), 2_030_629);
        assert_eq!(head.parameters() + 2_257_984, 4_288_613);
    }
}
