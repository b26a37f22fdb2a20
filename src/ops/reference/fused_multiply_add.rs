//! Chains of multiply-adds: a_j starts at x + j, a_j ← a_j · factor + addend is repeated UNROLL · rounds times, and y = Σ_j a_j

use crate::ops::FusedMultiplyAdd;
use crate::plan::Variant;

/// Returns y for every element of x. The variant gives the number of chains and UNROLL.
pub fn fused_multiply_add(shape: FusedMultiplyAdd, variant: &Variant, x: &[f32]) -> Vec<f64> {
    let times = variant.constant("UNROLL") * shape.rounds;
    let (factor, addend) = (f64::from(shape.factor), f64::from(shape.addend));
    let chain = |start: f64| (0..times).fold(start, |a, _| a * factor + addend);
    let chains = variant.constant("ACCUMULATORS");
    x.iter().map(|x| (0..chains).map(|j| chain(f64::from(*x) + f64::from(j))).sum()).collect()
}
