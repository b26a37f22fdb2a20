//! Seeded numbers for cases: the hash of `golden/network/recipe.json`, so that a case and a fixture draw alike.

/// The splitmix64 finaliser.
pub fn mix64(mut z: u64) -> u64 {
    z ^= z >> 30;
    z = z.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// 24 random bits: element `index` of tensor `tensor` under `seed`.
pub fn bits24(seed: u64, tensor: u64, index: u64) -> u32 {
    let key = mix64(seed.wrapping_add(GOLDEN.wrapping_mul(tensor + 1)));
    (mix64(key.wrapping_add(GOLDEN.wrapping_mul(index + 1))) >> 40) as u32
}

/// Uniform in [0, 1), exact in f32.
pub fn unit(seed: u64, tensor: u64, index: u64) -> f32 {
    bits24(seed, tensor, index) as f32 / 16_777_216.0
}

/// Uniform in [−1, 1), exact in f32.
pub fn symmetric(seed: u64, tensor: u64, index: u64) -> f32 {
    (bits24(seed, tensor, index) as i32 - 8_388_608) as f32 / 8_388_608.0
}

/// `count` values uniform in [−1, 1).
pub fn values(seed: u64, tensor: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|index| symmetric(seed, tensor, index)).collect()
}
