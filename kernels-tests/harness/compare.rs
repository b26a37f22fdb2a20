//! Compares the outputs of a kernel with their references.

use half::f16;

/// The NaN that poisons outputs before a run. No arithmetic produces it.
pub const POISON: u32 = 0x7FC0_DEAD;

/// What is wrong with an output.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The reference and the output differ in length.
    #[error("{found} elements, the reference has {expected}")]
    Length {
        /// Elements found.
        found: usize,
        /// Elements of the reference.
        expected: usize,
    },
    /// An element still holds the poison.
    #[error("element {at} was never written ({count} such)")]
    Unwritten {
        /// The first such element.
        at: usize,
        /// How many there are.
        count: usize,
    },
    /// A NaN, or an infinity that the reference does not have.
    #[error("element {at} is {found}, the reference has {expected:.9e} ({count} elements are not finite)")]
    NotFinite {
        /// The first such element.
        at: usize,
        /// What it is.
        found: f64,
        /// What it should be.
        expected: f64,
        /// How many there are.
        count: usize,
    },
    /// Finite, but farther from the reference than the bounds allow.
    #[error(
        "element {at} is {found:.9e}, the reference has {expected:.9e}; NMSE {nmse:.2e} (bound {nmse_bound:.0e}), \
         largest error {max_abs:.2e} (bound {max_abs_bound:.0e})"
    )]
    TooFar {
        /// The element with the largest error.
        at: usize,
        /// What it is.
        found: f64,
        /// What it should be.
        expected: f64,
        /// Normalised mean squared error of the tensor.
        nmse: f64,
        /// Its bound.
        nmse_bound: f64,
        /// Largest absolute error.
        max_abs: f64,
        /// Its bound.
        max_abs_bound: f64,
    },
    /// A word outside the tensor was written.
    #[error("word {at} {side} the tensor was written over")]
    Guard {
        /// Distance from the tensor in four-byte words, from 0.
        at: usize,
        /// `before` or `behind`.
        side: &'static str,
    },
    /// Two runs left different bytes.
    #[error("two runs differ, first at element {at}")]
    Unrepeatable {
        /// The first element that differs.
        at: usize,
    },
}

/// How far an output is from its reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Normalised mean squared error, Σ(y − e)² / Σe².
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
    /// What is wrong, if anything.
    pub fault: Option<Fault>,
}

impl Comparison {
    fn broken(fault: Fault) -> Comparison {
        Comparison { nmse: f64::INFINITY, max_abs: f64::INFINITY, fault: Some(fault) }
    }
}

/// Compares floats with their reference. Both errors must be within their bounds. NaN is a fault, and so is an infinity that the
/// reference does not have.
pub fn floats(found: &[f32], expected: &[f64], nmse_bound: f64, max_abs_bound: f64) -> Comparison {
    if found.len() != expected.len() {
        return Comparison::broken(Fault::Length { found: found.len(), expected: expected.len() });
    }
    if let Some(fault) = unwritten(found).or_else(|| not_finite(found, expected)) {
        return Comparison::broken(fault);
    }
    let (mut squares, mut norm, mut worst, mut max_abs) = (0.0, 0.0, 0, 0.0);
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        // Equal infinities have no distance; their difference would be NaN.
        let error = if expected.is_infinite() { 0.0 } else { (f64::from(*found) - expected).abs() };
        squares += error * error;
        norm += if expected.is_infinite() { 0.0 } else { expected * expected };
        if error > max_abs {
            (worst, max_abs) = (at, error);
        }
    }
    let nmse = if squares == 0.0 { 0.0 } else { squares / norm };
    let fault = (nmse > nmse_bound || max_abs > max_abs_bound).then(|| Fault::TooFar {
        at: worst,
        found: f64::from(found[worst]),
        expected: expected[worst],
        nmse,
        nmse_bound,
        max_abs,
        max_abs_bound,
    });
    Comparison { nmse, max_abs, fault }
}

/// Compares `u32` values, given as the bits of floats. They must be equal.
pub fn integers(found: &[f32], expected: &[f64]) -> Comparison {
    if found.len() != expected.len() {
        return Comparison::broken(Fault::Length { found: found.len(), expected: expected.len() });
    }
    let values = || found.iter().map(|bits| f64::from(bits.to_bits())).zip(expected);
    let distance = |(found, expected): (f64, &f64)| (found - expected).abs();
    let max_abs = values().map(distance).fold(0.0, f64::max);
    let nmse = if max_abs == 0.0 { 0.0 } else { f64::INFINITY };
    let fault = values().enumerate().find(|(_, pair)| distance(*pair) > 0.0).map(|(at, (found, expected))| Fault::TooFar {
        at,
        found,
        expected: *expected,
        nmse,
        nmse_bound: 0.0,
        max_abs,
        max_abs_bound: 0.0,
    });
    Comparison { nmse, max_abs, fault }
}

fn unwritten(found: &[f32]) -> Option<Fault> {
    let poisoned = |value: &f32| value.to_bits() == POISON;
    let at = found.iter().position(poisoned)?;
    Some(Fault::Unwritten { at, count: found.iter().filter(|value| poisoned(value)).count() })
}

fn not_finite(found: &[f32], expected: &[f64]) -> Option<Fault> {
    let wrong = |(found, expected): &(&f32, &f64)| !found.is_finite() && f64::from(**found) != **expected;
    let pairs = || found.iter().zip(expected);
    let at = pairs().position(|pair| wrong(&pair))?;
    let count = pairs().filter(wrong).count();
    Some(Fault::NotFinite { at, found: f64::from(found[at]), expected: expected[at], count })
}

/// Unpacks the two 16-bit floats in each word. A half that still holds its part of the poison becomes poison.
pub fn halves(words: &[f32]) -> Vec<f32> {
    let half = |word: u32, low: bool| {
        let bits = if low { word as u16 } else { (word >> 16) as u16 };
        let poison = if low { POISON as u16 } else { (POISON >> 16) as u16 };
        if bits == poison { f32::from_bits(POISON) } else { f16::from_bits(bits).to_f32() }
    };
    words.iter().flat_map(|word| [true, false].map(|low| half(word.to_bits(), low))).collect()
}

/// Checks that everything but `length` words from word `start` still holds the poison.
pub fn guards(whole: &[f32], start: usize, length: usize) -> Option<Fault> {
    let intact = |value: &f32| value.to_bits() == POISON;
    let (before, behind) = (&whole[..start.min(whole.len())], &whole[(start + length).min(whole.len())..]);
    let before = before.iter().rev().position(|value| !intact(value)).map(|at| Fault::Guard { at, side: "before" });
    before.or_else(|| behind.iter().position(|value| !intact(value)).map(|at| Fault::Guard { at, side: "behind" }))
}

/// Checks that two runs left the same bits.
pub fn repeatable(first: &[f32], second: &[f32]) -> Option<Fault> {
    let differs = |(first, second): (&f32, &f32)| first.to_bits() != second.to_bits();
    first.iter().zip(second).position(differs).map(|at| Fault::Unrepeatable { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_must_be_near_written_and_finite() {
        let poison = f32::from_bits(POISON);
        // (found, expected, passes)
        let table: &[(&[f32], &[f64], bool)] = &[
            (&[1.0, 2.0], &[1.0, 2.0], true),
            (&[1.0, 2.0], &[1.0, 2.000_000_001], true),
            (&[1.0, 2.1], &[1.0, 2.0], false),
            (&[1.0], &[1.0, 2.0], false),
            (&[1.0, f32::NAN], &[1.0, 2.0], false),
            (&[1.0, f32::NAN], &[1.0, f64::NAN], false),
            (&[1.0, f32::INFINITY], &[1.0, 2.0], false),
            (&[1.0, f32::INFINITY], &[1.0, f64::NEG_INFINITY], false),
            (&[1.0, f32::INFINITY], &[1.0, f64::INFINITY], true),
            (&[1.0, poison], &[1.0, 2.0], false),
            (&[0.0, 0.0], &[0.0, 0.0], true),
            (&[1e-9, 0.0], &[0.0, 0.0], false),
        ];
        for (found, expected, passes) in table {
            let comparison = floats(found, expected, 1e-10, 1e-4);
            assert_eq!(comparison.fault.is_none(), *passes, "{found:?} against {expected:?}: {comparison:?}");
        }
    }

    #[test]
    fn each_bound_holds_by_itself() {
        // A large tensor hides one bad element from the NMSE, and a tiny one hides a bad tensor from the largest error.
        let mut found = vec![1000.0; 10_000];
        found[17] = 1000.5;
        let comparison = floats(&found, &vec![1000.0; 10_000], 1e-10, 1e-4);
        assert!(comparison.nmse < 1e-10 && comparison.fault.is_some(), "{comparison:?}");
        let comparison = floats(&[1e-6, 2e-6], &[1e-6, 1e-6], 1e-10, 1e-4);
        assert!(comparison.max_abs < 1e-4 && comparison.fault.is_some(), "{comparison:?}");
    }

    #[test]
    fn halves_come_in_pairs_and_show_what_was_left_out() {
        let pair = |low: f32, high: f32| {
            let [low, high] = [low, high].map(|value| u32::from(f16::from_f32(value).to_bits()));
            f32::from_bits(low | high << 16)
        };
        assert_eq!(halves(&[pair(1.5, -2.0), pair(0.25, 4.0)]), [1.5, -2.0, 0.25, 4.0]);
        let half_written = f32::from_bits((POISON & 0xFFFF_0000) | u32::from(f16::ONE.to_bits()));
        let found = halves(&[f32::from_bits(POISON), half_written]);
        assert_eq!(unwritten(&found), Some(Fault::Unwritten { at: 0, count: 3 }));
    }

    #[test]
    fn integers_must_be_equal() {
        let found: Vec<f32> = [1, 7, u32::MAX].map(f32::from_bits).to_vec();
        assert_eq!(integers(&found, &[1.0, 7.0, f64::from(u32::MAX)]).fault, None);
        assert!(integers(&found, &[1.0, 8.0, f64::from(u32::MAX)]).fault.is_some());
        assert!(integers(&found, &[1.0, 7.0]).fault.is_some());
    }

    #[test]
    fn guards_and_repeats_are_compared_by_bits() {
        let poison = f32::from_bits(POISON);
        assert_eq!(guards(&[poison, 1.0, 2.0, poison], 1, 2), None);
        assert_eq!(guards(&[0.0, 1.0, 2.0, poison], 1, 2), Some(Fault::Guard { at: 0, side: "before" }));
        assert_eq!(guards(&[poison, 1.0, 2.0, poison, f32::NAN], 1, 2), Some(Fault::Guard { at: 1, side: "behind" }));
        assert_eq!(repeatable(&[0.0, f32::NAN], &[0.0, f32::NAN]), None);
        assert_eq!(repeatable(&[0.0, 1.0], &[-0.0, 1.0]), Some(Fault::Unrepeatable { at: 0 }));
    }
}
