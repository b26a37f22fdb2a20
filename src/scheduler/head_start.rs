//! Equal ends for the two threads of a software adapter.
//!
//! llvmpipe gives each of its threads its share of a dispatch's workgroups beforehand: with two, the first half to whichever comes first.
//! That is the one on the processor from which both are woken. The other's processor sleeps between dispatches, so this thread begins late
//! and ends late, every time, while the first waits. Workgroups past a kernel's last, which do nothing, move the border between the halves.

use super::plan::{Dispatch, Step};

/// By how much the second thread is late, in seconds: in a virtual machine it began 17 µs after the first and ended 32 µs after it, in the
/// median of 3,000 dispatches. Where it is less, a dispatch takes at most half of this longer.
const LATE: f64 = 32e-6;

/// What two threads together compute and move in a second, of arithmetic and memory in turn, fitted to the steps of a prediction.
const FLOPS_A_SECOND: f64 = 60e9;
const BYTES_A_SECOND: f64 = 9e9;

/// The grid of a step on two threads, the second of which is late.
pub(super) fn grid_for_two(step: &Step) -> [u32; 3] {
    let [workgroups, height, depth] = step.dispatch.0;
    if workgroups < 2 || (height, depth) != (1, 1) {
        return step.dispatch.0;
    }
    let seconds = step.cost.flops as f64 / FLOPS_A_SECOND + step.cost.bytes as f64 / BYTES_A_SECOND;
    let more = idle_workgroups(workgroups, 2.0 * seconds / f64::from(workgroups));
    // So long a line takes so long that it gains nothing.
    let fits = u64::from(workgroups) + u64::from(more) <= Dispatch::MAXIMUM;
    [if fits { workgroups + more } else { workgroups }, 1, 1]
}

/// How many workgroups more even out two halves of workgroups that take `seconds` each. The last of an odd number goes to whichever thread
/// comes for it first, so those are added by twos.
fn idle_workgroups(workgroups: u32, seconds: f64) -> u32 {
    let wanted = (LATE / seconds).min(f64::from(workgroups));
    match workgroups % 2 {
        1 if wanted < 2.0 => 0,
        parity => parity + 2 * ((wanted - f64::from(parity)) / 2.0).round() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the last of two threads ends, as llvmpipe hands out workgroups of which those from `real` on take no time: half of them to each,
    /// and the last of an odd number to the first that is done.
    fn end(real: u32, all: u32, seconds: f64) -> f64 {
        let time = |from: u32, to: u32| f64::from(to.min(real) - from.min(real)) * seconds;
        let half = all / 2;
        let mut ends = [time(0, half), LATE + time(half, 2 * half)];
        ends.sort_by(f64::total_cmp);
        (ends[0] + time(2 * half, all)).max(ends[1])
    }

    #[test]
    fn both_threads_end_together_or_as_before() {
        for workgroups in 2..300 {
            for seconds in [0.2e-6, 1e-6, 3e-6, 8e-6, 15e-6, 31e-6, 33e-6, 70e-6, 1e-3] {
                let more = idle_workgroups(workgroups, seconds);
                let [before, after] = [0, more].map(|more| end(workgroups, workgroups + more, seconds));
                assert!(after <= before + 1e-9, "{workgroups} of {seconds} s and {more} more: {before} s, then {after} s");
                // No more than a workgroup from the best there is, if there is enough to even out.
                let best = (f64::from(workgroups) * seconds + LATE) / 2.0;
                let enough = f64::from(workgroups) * seconds > 2.0 * LATE;
                assert!(
                    !enough || after <= best + seconds + 1e-9,
                    "{workgroups} of {seconds} s and {more} more: {after} s of {best}"
                );
            }
        }
    }

    #[test]
    fn work_of_no_cost_has_workgroups_too() {
        assert_eq!(idle_workgroups(2, 0.0), 2);
        assert_eq!(idle_workgroups(5, 0.0), 5);
    }
}
