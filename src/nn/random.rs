//! Counter-based random numbers. Each number is a function of seed, stream and index, so there is no state to save or restore.

use crate::nn::Head;

/// The purpose of a random number. Streams with the same seed are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial weights of the head's tensor at this position in [`Head::TENSORS`].
    Weights(usize),
    /// Initial weights of the backbone's tensor whose name has this hash.
    Backbone(u32),
    /// The key of all dropout masks.
    Dropout,
    /// The order of the samples in the epoch with this number.
    Shuffle(u32),
    /// The augmentation of the images in the epoch with this number.
    Augmentation(u32),
}

impl Stream {
    /// Returns a number that differs between streams. It is part of what a seed means, so it must never change.
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

/// 2⁶⁴ divided by the golden ratio: the increment of splitmix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014).
fn mix64(mut z: u64) -> u64 {
    z ^= z >> 30;
    z = z.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns 64 random bits.
pub fn bits(seed: u64, stream: Stream, index: u64) -> u64 {
    let key = mix64(seed.wrapping_add(GOLDEN.wrapping_mul(stream.number().wrapping_add(1))));
    mix64(key.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))))
}

/// Returns a number with 53 random bits, uniformly distributed in \[0, 1).
pub fn unit(seed: u64, stream: Stream, index: u64) -> f64 {
    (bits(seed, stream, index) >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns `rows` in the random order of an epoch. This is the Fisher-Yates shuffle.
pub fn shuffled(seed: u64, epoch: u32, rows: &[u32]) -> Vec<u32> {
    let mut order = rows.to_vec();
    for last in (1..order.len()).rev() {
        // A multiply and shift maps 32 bits to the range, with a relative bias below 2⁻³² times the count.
        let draw = bits(seed, Stream::Shuffle(epoch), last as u64) >> 32;
        order.swap(last, ((draw * (last as u64 + 1)) >> 32) as usize);
    }
    order
}

/// Returns the initial kernel \[inputs, outputs\] of a dense layer: uniform within ±√(6 / (inputs + outputs)), after Glorot and
/// Bengio (2010). This is Keras' default. `tensor` is the kernel's position in [`Head::TENSORS`].
pub fn glorot_uniform(seed: u64, tensor: usize, inputs: u32, outputs: u32) -> Vec<f32> {
    uniform(seed, Stream::Weights(tensor), u64::from(inputs) * u64::from(outputs), f64::from(inputs) + f64::from(outputs))
}

/// Returns `count` numbers, uniform within ±√(6 / fans), where `fans` is the sum of fan-in and fan-out.
fn uniform(seed: u64, stream: Stream, count: u64, fans: f64) -> Vec<f32> {
    let limit = (6.0 / fans).sqrt();
    (0..count).map(|index| (limit * (2.0 * unit(seed, stream, index) - 1.0)) as f32).collect()
}

/// Returns the initial values of a backbone tensor with this torchvision name and shape, initialised as by Keras with
/// `weights=None`: kernels are Glorot uniform, where a depthwise kernel \[C, 1, 3, 3\] has fans 9·C and 9; batch norm has gamma
/// and variance 1, beta and mean 0.
pub fn initial_backbone_tensor(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let &[outputs, inputs, height, width] = shape else {
        let value = if name.ends_with(".weight") || name.ends_with(".running_var") { 1.0 } else { 0.0 };
        return vec![value; count];
    };
    let taps = (height * width) as f64;
    let fans = if inputs == 1 { outputs as f64 * taps + taps } else { (inputs + outputs) as f64 * taps };
    // The 32-bit FNV-1a hash.
    let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    uniform(seed, Stream::Backbone(hash), count as u64, fans)
}

/// Returns an untrained head, initialised as by Keras: Glorot uniform kernels, biases 0, gamma 1, beta 0, mean 0, variance 1.
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
    fn a_shuffle_is_a_permutation_that_depends_on_seed_and_epoch() {
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
    fn all_orders_of_three_rows_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..6000 {
            *counts.entry(shuffled(7, epoch, &[0, 1, 2])).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 145 is five standard deviations of the binomial distribution B(6000, 1/6).
        assert!(counts.values().all(|count: &i32| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn glorot_values_fill_their_range_and_have_mean_zero() {
        let limit = (6.0f32 / (64.0 + 36.0)).sqrt();
        let values = glorot_uniform(3, 0, 64, 36);
        assert_eq!(values.len(), 64 * 36);
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest <= limit && largest > 0.99 * limit, "{largest} of {limit}");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.02, "{mean}");
    }

    #[test]
    fn an_untrained_backbone_is_initialised_as_by_keras() {
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
    fn the_papers_model_has_the_published_number_of_parameters() {
        let head = initial_head(0, 1280, 1536, 37);
        assert_eq!(head.parameters(), 2_030_629);
        assert_eq!(head.parameters() + 2_257_984, 4_288_613);
    }
}
