//! Learning rate schedules.

use std::f64::consts::PI;

/// How the learning rate changes over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// The same rate at every step.
    Constant,
    /// The rate rises from peak / 25 to the peak over the first share `warm_up` of the steps and then falls to peak / 10⁶. Both
    /// parts follow half a cosine. This is PyTorch's `OneCycleLR` with `pct_start = warm_up` and `final_div_factor = 40000`.
    Cosine {
        /// Share of the steps in which the rate rises, in \[0, 1).
        warm_up: f64,
    },
}

impl Schedule {
    /// Returns the rate of step `step` out of `steps`, counted from 0. `peak` is the largest rate.
    pub fn rate(self, peak: f64, step: u64, steps: u64) -> f64 {
        let Schedule::Cosine { warm_up } = self else { return peak };
        let last = steps.saturating_sub(1) as f64;
        let top = warm_up * steps as f64 - 1.0;
        let between = |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * (1.0 + (PI * part.clamp(0.0, 1.0)).cos());
        let step = step as f64;
        if step <= top {
            between(peak / 25.0, peak, step / top.max(1.0))
        } else {
            between(peak, peak / 1e6, (step - top) / (last - top).max(1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// The expected values are those of
    /// `torch.optim.lr_scheduler.OneCycleLR(max_lr=1e-3, total_steps=100, pct_start=0.3, final_div_factor=4e4)`.
    #[test]
    fn the_cosine_schedule_matches_one_cycle_lr() {
        let rate = |step| Schedule::Cosine { warm_up: 0.3 }.rate(1e-3, step, 100);
        assert_relative_eq!(rate(0), 4e-5, max_relative = 1e-12);
        assert_relative_eq!(rate(29), 1e-3, max_relative = 1e-12);
        assert_relative_eq!(rate(99), 1e-9, max_relative = 1e-6);
        // Step 64 is halfway between steps 29 and 99, so its rate is the mean of theirs.
        assert_relative_eq!(rate(64), (1e-3 + 1e-9) / 2.0, max_relative = 1e-9);
        assert!((0..29).all(|step| rate(step) < rate(step + 1)) && (29..99).all(|step| rate(step) > rate(step + 1)));
        assert_eq!(Schedule::Constant.rate(0.5, 7, 9), 0.5);
        let at_once = |step| Schedule::Cosine { warm_up: 0.0 }.rate(1.0, step, 10);
        assert!(at_once(0) > 0.95 && at_once(9) < 1e-5);
        assert!(Schedule::Cosine { warm_up: 0.3 }.rate(1.0, 0, 1).is_finite());
    }
}
