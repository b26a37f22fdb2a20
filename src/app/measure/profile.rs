//! Times the plans of a workload, step by step and as a whole.

use super::timing::{self, Spread, repeat, wall_seconds};
use super::{Bound, Ceilings, Workload};
use crate::device::{Clock, DeviceError};
use crate::plan::Cost;
use crate::profiles::Device;
use crate::scheduler::{Program, TimedRun};

/// A step of a plan and its measured time.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StepProfile {
    /// The step's label, which names the layer and the operation.
    pub label: String,
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the kernel's variant.
    pub variant: String,
    /// Number of workgroups in each dimension.
    pub grid: [u32; 3],
    /// Floating-point operations by formula.
    pub flops: u64,
    /// Bytes read and written, by formula.
    pub bytes: u64,
    /// Start of the step in the last run, in seconds from the start of the run.
    pub start: f64,
    /// Median seconds over the runs.
    pub seconds: f64,
    /// Fewest and most seconds over the runs.
    pub range: [f64; 2],
}

/// The sums over a group of steps.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Group {
    /// What the steps have in common.
    pub name: String,
    /// Number of steps.
    pub calls: usize,
    /// Floating-point operations of the steps, by formula.
    pub flops: u64,
    /// Bytes of the steps, by formula.
    pub bytes: u64,
    /// Seconds of the steps.
    pub seconds: f64,
    /// Share of the group in the seconds of all steps.
    pub share: f64,
    /// Floating-point operations per second.
    pub flops_a_second: f64,
    /// Bytes per second.
    pub bytes_a_second: f64,
    /// Floating-point operations per byte.
    pub intensity: f64,
    /// Share of the bounding limit that is reached: shortest possible seconds divided by measured seconds.
    pub share_of_ceiling: f64,
    /// The limit that bounds the group.
    pub bound: Bound,
}

/// The measured times of a workload.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Profile {
    /// Name of the workload.
    pub name: String,
    /// Number of images in a batch.
    pub batch: u32,
    /// The clock that measured the steps.
    pub clock: Clock,
    /// Number of timed runs, over which medians are taken.
    pub runs: usize,
    /// The measured limits of the adapter.
    pub ceilings: Ceilings,
    /// The steps, in the order in which they run.
    pub steps: Vec<StepProfile>,
    /// Median seconds of a run as a user experiences it, with all steps submitted together.
    pub wall_seconds: f64,
    /// Median seconds of a run in which every step is timed.
    pub profiled_wall_seconds: f64,
}

impl Profile {
    /// Measures a workload. After one run to warm up, `runs` ordinary runs alternate with `runs` runs in which every step is
    /// timed.
    ///
    /// # Errors
    /// The plans do not fit the adapter, or the device fails.
    pub fn measure(device: &Device, workload: &Workload, ceilings: Ceilings, runs: usize) -> Result<Profile, DeviceError> {
        let programs = workload.programs(device)?;
        let runs = runs.max(1);
        run(device, &programs)?;
        let (mut walls, mut profiled_walls, mut timed) = (Vec::new(), Vec::new(), Vec::new());
        repeat(0, timing::runs(runs), || {
            walls.push(wall_seconds(|| run(device, &programs))?);
            profiled_walls.push(wall_seconds(|| {
                let of_programs = programs.iter().map(|program| program.run_timed(device)).collect::<Result<Vec<_>, _>>()?;
                timed.push(joined(of_programs));
                Ok::<(), DeviceError>(())
            })?);
            Ok::<(), DeviceError>(())
        })?;
        let clocks = timed.iter().map(|run| run.clock);
        // If the timestamps of one run failed, those of all runs are doubtful.
        let clock = clocks.reduce(|a, b| if a == b { a } else { Clock::WallClock }).unwrap_or(Clock::WallClock);
        let planned = workload.plans.iter().flat_map(|plan| plan.steps());
        let steps = planned.enumerate().map(|(index, step)| {
            let spread = Spread::of(timed.iter().map(|run| run.steps[index].seconds));
            StepProfile {
                label: step.label.clone(),
                kernel: step.kernel.to_string(),
                variant: step.variant.to_string(),
                grid: step.dispatch.0,
                flops: step.cost.flops,
                bytes: step.cost.bytes,
                start: timed.last().map_or(0.0, |run| run.steps[index].start),
                seconds: spread.median(),
                range: spread.range(),
            }
        });
        Ok(Profile {
            name: workload.name.clone(),
            batch: workload.batch,
            clock,
            runs,
            ceilings,
            steps: steps.collect(),
            wall_seconds: Spread::of(walls).median(),
            profiled_wall_seconds: Spread::of(profiled_walls).median(),
        })
    }

    /// Returns the sum of the seconds of all steps.
    pub fn step_seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// Returns the steps grouped by `name`, the slowest group first.
    pub fn groups(&self, name: impl Fn(&StepProfile) -> String) -> Vec<Group> {
        let mut groups: Vec<(String, Vec<&StepProfile>)> = Vec::new();
        for step in &self.steps {
            let name = name(step);
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, steps)) => steps.push(step),
                None => groups.push((name, vec![step])),
            }
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|(name, steps)| self.group(name, &steps)).collect();
        groups.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        groups
    }

    /// Returns all steps as one group.
    pub fn total(&self) -> Group {
        self.group("all steps".to_string(), &self.steps.iter().collect::<Vec<_>>())
    }

    fn group(&self, name: String, steps: &[&StepProfile]) -> Group {
        let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
        let cost: Cost = steps.iter().map(|step| Cost { flops: step.flops, bytes: step.bytes }).sum();
        // Each step has its own limit, so the shortest possible times are added up step by step.
        let of_step = |step: &&StepProfile| self.ceilings.least_seconds(Cost { flops: step.flops, bytes: step.bytes });
        let least: f64 = steps.iter().map(of_step).sum();
        let rate = |amount: u64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
        Group {
            name,
            calls: steps.len(),
            flops: cost.flops,
            bytes: cost.bytes,
            seconds,
            share: seconds / self.step_seconds().max(f64::MIN_POSITIVE),
            flops_a_second: rate(cost.flops),
            bytes_a_second: rate(cost.bytes),
            intensity: cost.flops as f64 / cost.bytes.max(1) as f64,
            share_of_ceiling: if seconds > 0.0 { least / seconds } else { 0.0 },
            bound: self.ceilings.binding(cost),
        }
    }
}

/// Runs programs in order, without timing their steps, and waits for the device.
pub(super) fn run(device: &Device, programs: &[Program]) -> Result<(), DeviceError> {
    for program in programs {
        program.run(device)?;
    }
    device.wait()
}

/// Joins the timed runs of consecutive programs into one run.
fn joined(runs: Vec<TimedRun>) -> TimedRun {
    let mut whole = TimedRun { steps: Vec::new(), clock: Clock::GpuTimestamps };
    for run in runs {
        let from = whole.steps.last().map_or(0.0, |step| step.start + step.seconds);
        if run.clock == Clock::WallClock {
            whole.clock = Clock::WallClock;
        }
        whole.steps.extend(run.steps.into_iter().map(|mut step| {
            step.start += from;
            step
        }));
    }
    whole
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a profile of three steps of two kernels, on an adapter with 100 flops and 10 bytes per second.
    pub fn small() -> Profile {
        let step = |label: &str, kernel: &str, flops, bytes, start, seconds| StepProfile {
            label: label.to_string(),
            kernel: kernel.to_string(),
            variant: "default".to_string(),
            grid: [1, 1, 1],
            flops,
            bytes,
            start,
            seconds,
            range: [seconds, seconds],
        };
        Profile {
            name: "a test".into(),
            batch: 1,
            clock: Clock::GpuTimestamps,
            runs: 1,
            ceilings: Ceilings { flops_a_second: 100.0, bytes_a_second: 10.0 },
            steps: vec![
                step("one", "pointwise", 100, 1, 0.0, 2.0),
                step("two, \"quoted\" & <odd>", "depthwise", 10, 20, 2.0, 4.0),
                step("three", "pointwise", 300, 1, 6.0, 4.0),
            ],
            wall_seconds: 11.0,
            profiled_wall_seconds: 12.0,
        }
    }

    #[test]
    fn groups_add_up_and_the_longest_comes_first() {
        let groups = small().groups(|step| step.kernel.to_string());
        assert_eq!(
            groups.iter().map(|group| (group.name.as_str(), group.calls)).collect::<Vec<_>>(),
            [("pointwise", 2), ("depthwise", 1)]
        );
        let [pointwise, depthwise] = &groups[..] else { panic!("two groups") };
        assert_eq!((pointwise.seconds, pointwise.flops, pointwise.share), (6.0, 400, 0.6));
        // The steps of the first kernel need at least 1 s and 3 s, and took 6 s.
        assert!((pointwise.share_of_ceiling - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!((pointwise.bound, depthwise.bound), (Bound::Arithmetic, Bound::Memory));
        assert!((depthwise.share_of_ceiling - 0.5).abs() < 1e-12);
        assert_eq!((small().total().calls, small().total().share), (3, 1.0));
    }
}
