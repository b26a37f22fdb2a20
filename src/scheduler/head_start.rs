//! Equal ends for the two threads of a software adapter.
//!
//! llvmpipe gives each of its threads its share of a dispatch's workgroups beforehand: with two, the first half to whichever comes first.
//! That is the one on the processor from which both are woken. The other's processor sleeps between dispatches, so this thread begins late
//! and ends late, every time, while the first waits. Workgroups past a kernel's last, which do nothing, move the border between the halves.

use super::plan::Step;

/// By how much the second thread is late, in seconds: 32 µs in the median of 3,000 dispatches of a virtual machine. Where it is less, a
/// dispatch takes at most half of this longer.
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
    [workgroups + idle_workgroups(workgroups, 2.0 * seconds / f64::from(workgroups)), 1, 1]
}

/// How many workgroups more even out two halves of workgroups that take `seconds` each. The last of an odd number goes to whichever thread
/// comes for it first, so those are added by twos.
fn idle_workgroups(workgroups: u32, seconds: f64) -> u32 {
    let wanted = (LATE / seconds).min(f64::from(workgroups));
    let parity = workgroups % 2;
    match parity == 1 && wanted < 2.0 {
        true => 0,
        false => parity + 2 * ((wanted - f64::from(parity)) / 2.0).round() as u32,
    }
}
