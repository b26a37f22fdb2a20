//! The timing loop: runs to warm up, then timed runs until there are enough.

use std::time::Instant;

use crate::device::DeviceError;
use crate::profiles::Device;
use crate::scheduler::Program;

/// Calls `work` `warm` times and discards the results, then calls it until `enough` accepts the results so far. Returns these
/// results, at least one.
///
/// # Errors
/// The first error that `work` returns.
pub fn repeat<T, E>(warm: usize, enough: impl Fn(&[T]) -> bool, mut work: impl FnMut() -> Result<T, E>) -> Result<Vec<T>, E> {
    for _ in 0..warm {
        work()?;
    }
    let mut results = vec![work()?];
    while !enough(&results) {
        results.push(work()?);
    }
    Ok(results)
}

/// Returns a condition for [`repeat`] that is met after `count` runs.
pub fn runs<T>(count: usize) -> impl Fn(&[T]) -> bool {
    move |results| results.len() >= count
}

/// Calls `work` and returns its wall-clock seconds.
///
/// # Errors
/// The error that `work` returns.
pub fn wall_seconds<E>(work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Runs a program and returns the sum of the seconds of its steps.
///
/// # Errors
/// The device fails.
pub fn step_seconds(device: &Device, program: &Program) -> Result<f64, DeviceError> {
    Ok(program.run_timed(device)?.steps.iter().map(|step| step.seconds).sum())
}

/// The seconds of at least one run, sorted from fastest to slowest.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Returns the spread of runs that are given in any order.
    ///
    /// # Panics
    /// There are no runs. [`repeat`] returns at least one.
    pub fn of(seconds: impl IntoIterator<Item = f64>) -> Spread {
        let mut seconds: Vec<f64> = seconds.into_iter().collect();
        assert!(!seconds.is_empty(), "a spread needs at least one run");
        seconds.sort_by(f64::total_cmp);
        Spread(seconds)
    }

    /// Returns the seconds from fastest to slowest.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }

    /// Returns the median; for an even number of runs, the slower of the middle two.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// Returns the two runs that enclose the middle half.
    pub fn quartiles(&self) -> [f64; 2] {
        let last = self.0.len() - 1;
        [self.0[last / 4], self.0[last - last / 4]]
    }

    /// Returns the fastest and the slowest run.
    pub fn range(&self) -> [f64; 2] {
        [self.0[0], self.0[self.0.len() - 1]]
    }

    /// Returns half the distance between the quartiles, as a share of the median.
    pub fn relative(&self) -> f64 {
        let [first, third] = self.quartiles();
        (third - first) / 2.0 / self.median()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_and_quartiles() {
        let spread = Spread::of([5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!((spread.median(), spread.quartiles(), spread.range()), (3.0, [2.0, 4.0], [1.0, 5.0]));
        assert!((spread.relative() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Spread::of([2.0]).quartiles(), [2.0, 2.0]);
    }

    #[test]
    fn warm_runs_are_not_returned_and_a_rule_ends_the_others() {
        let mut calls = 0;
        let mut count = || {
            calls += 1;
            Ok::<i32, ()>(calls)
        };
        assert_eq!(repeat(2, runs(3), &mut count), Ok(vec![3, 4, 5]));
        assert_eq!(repeat(0, runs(0), &mut count), Ok(vec![6]));
        assert_eq!(repeat(0, |results: &[i32]| results.iter().sum::<i32>() > 20, &mut count), Ok(vec![7, 8, 9]));
    }
}
