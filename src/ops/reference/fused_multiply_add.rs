//! Chains of multiply-adds: a_j starts at x + j, a_j ← a_j · factor + x is repeated UNROLL · rounds times, and y = Σ_j a_j

use crate::ops::FusedMultiplyAdd;
use crate::plan::Variant;

/// Returns y for every element of x. The variant gives the number of chains and UNROLL.
pub fn fused_multiply_add(shape: FusedMultiplyAdd, variant: &Variant, x: &[f32]) -> Vec<f64> {
    let times = variant.constant("UNROLL") * shape.rounds;
    let chain = |start: f64, x: f64| (0..times).fold(start, |a, _| a * f64::from(shape.factor) + x);
    let chains = variant.constant("ACCUMULATORS");
    x.iter().map(|x| f64::from(*x)).map(|x| (0..chains).map(|j| chain(x + f64::from(j), x)).sum()).collect()
}
