//! Mask of dropout: mask\[m, c\] is 1 if the upper 24 bits of pcg4d(c / 4, first_sample + m, epoch, seed)\[c % 4\] are at least
//! the threshold, and 0 otherwise

use crate::ops::DropoutMask;

/// Returns pcg4d of `counter`, the hash function of Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020.
pub fn random_bits(counter: [u32; 4]) -> [u32; 4] {
    let mut v = counter.map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |v: &mut [u32; 4]| {
        v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[3]));
        v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
        v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
        v[3] = v[3].wrapping_add(v[1].wrapping_mul(v[2]));
    };
    mix(&mut v);
    v = v.map(|word| word ^ (word >> 16));
    mix(&mut v);
    v
}

/// Returns the mask \[rows, channels\] as numbers 0 and 1.
pub fn dropout_mask(shape: DropoutMask) -> Vec<f64> {
    let kept = |i: u32| {
        let (m, c) = (i / shape.channels, i % shape.channels);
        let bits = random_bits([c / 4, shape.first_sample.wrapping_add(m), shape.epoch, shape.seed]);
        f64::from(u8::from(bits[(c % 4) as usize] >> 8 >= shape.threshold()))
    };
    (0..shape.rows * shape.channels).map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that the share of kept values, and the share of values that agree between masks with different keys, lie within
    /// five standard deviations of the expected shares.
    #[test]
    fn a_mask_keeps_its_share_and_its_keys_are_independent() {
        let shape = DropoutMask { rows: 256, channels: 256, rate: 0.3, seed: 1, epoch: 0, first_sample: 0 };
        let mask = dropout_mask(shape);
        let share = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let five_deviations = 5.0 * (0.25f64 / 65_536.0).sqrt();
        assert!((share(&mask) - 0.7).abs() < five_deviations, "{}", share(&mask));
        let others = [
            dropout_mask(DropoutMask { seed: 2, ..shape }),
            dropout_mask(DropoutMask { epoch: 1, ..shape }),
            dropout_mask(DropoutMask { first_sample: 1, ..shape }),
            mask.iter().cycle().skip(1).take(mask.len()).copied().collect(),
        ];
        for (key, other) in others.iter().enumerate() {
            let agree: Vec<f64> = mask.iter().zip(other).map(|(a, b)| f64::from(u8::from(a == b))).collect();
            assert!((share(&agree) - (0.7 * 0.7 + 0.3 * 0.3)).abs() < five_deviations, "key {key}: {}", share(&agree));
        }
    }
}
