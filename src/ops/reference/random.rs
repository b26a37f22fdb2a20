//! Seeded random numbers for test cases. They use the hash function of `golden/network/recipe.json`, so that cases and fixtures
//! draw the same numbers.

/// Returns the finaliser of splitmix64 of `z`.
pub fn mix64(mut z: u64) -> u64 {
    z ^= z >> 30;
    z = z.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns 24 random bits for element `index` of tensor `tensor` under `seed`.
pub fn bits24(seed: u64, tensor: u64, index: u64) -> u32 {
    let key = mix64(seed.wrapping_add(GOLDEN.wrapping_mul(tensor + 1)));
    (mix64(key.wrapping_add(GOLDEN.wrapping_mul(index + 1))) >> 40) as u32
}

/// Returns a number that is uniform in [0, 1) and exact in f32.
pub fn unit(seed: u64, tensor: u64, index: u64) -> f32 {
    bits24(seed, tensor, index) as f32 / 16_777_216.0
}

/// Returns a number that is uniform in [−1, 1) and exact in f32.
pub fn symmetric(seed: u64, tensor: u64, index: u64) -> f32 {
    (bits24(seed, tensor, index) as i32 - 8_388_608) as f32 / 8_388_608.0
}

/// Returns `count` numbers that are uniform in [−1, 1).
pub fn values(seed: u64, tensor: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|index| symmetric(seed, tensor, index)).collect()
}
