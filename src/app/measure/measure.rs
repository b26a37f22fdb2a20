//! Timing the plans of a workload, step by step and as a whole.

use super::timing::{self, Spread, repeat, wall_seconds};
use super::{Bound, Ceilings, Workload};
use crate::device::{Clock, DeviceError};
use crate::plan::Cost;
use crate::profiles::Device;
use crate::scheduler::{Program, TimedRun};

/// One step of a plan and what it took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StepProfile {
    /// The step's label: layer and what is done there.
    pub label: String,
    /// The kernel.
    pub kernel: String,
    /// Its variant.
    pub variant: String,
    /// Workgroups.
    pub grid: [u32; 3],
    /// Floating-point operations by formula.
    pub flops: u64,
    /// Bytes by formula.
    pub bytes: u64,
    /// When it began in the last run, in seconds from the beginning.
    pub start: f64,
    /// Median seconds over the runs.
    pub seconds: f64,
    /// The least and the most.
    pub range: [f64; 2],
}

/// Steps taken together.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many steps.
    pub calls: usize,
    /// Their floating-point operations by formula.
    pub flops: u64,
    /// Their bytes by formula.
    pub bytes: u64,
    /// Their seconds.
    pub seconds: f64,
    /// Their share of the seconds of all steps.
    pub share: f64,
    /// Floating-point operations a second.
    pub flops_a_second: f64,
    /// Bytes a second.
    pub bytes_a_second: f64,
    /// Floating-point operations a byte.
    pub intensity: f64,
    /// What share of the ceiling that binds is reached: least possible seconds by seconds.
    pub share_of_ceiling: f64,
    /// Which ceiling binds.
    pub bound: Bound,
}

/// Where the time of a workload goes.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Profile {
    /// The workload.
    pub name: String,
    /// Images at once.
    pub batch: u32,
    /// What measured the steps.
    pub clock: Clock,
    /// Timed runs, of which medians are taken.
    pub runs: usize,
    /// What the adapter can do at best.
    pub ceilings: Ceilings,
    /// In the order in which they run.
    pub steps: Vec<StepProfile>,
    /// Median seconds of a run as a user meets it, steps submitted together.
    pub wall_seconds: f64,
    /// Median seconds of a run with every step timed.
    pub profiled_wall_seconds: f64,
}

impl Profile {
    /// Measures a workload: one run to warm up, then `runs` as a user meets it alternating with `runs` that are timed.
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
        // One run that the timestamps failed makes all of them doubtful.
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

    /// Seconds of all steps.
    pub fn step_seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// The steps taken together by what `name` says of them, those that take longest first.
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

    /// All steps together.
    pub fn total(&self) -> Group {
        self.group("all steps".to_string(), &self.steps.iter().collect::<Vec<_>>())
    }

    fn group(&self, name: String, steps: &[&StepProfile]) -> Group {
        let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
        let cost: Cost = steps.iter().map(|step| Cost { flops: step.flops, bytes: step.bytes }).sum();
        // Each step has its own binding ceiling, so what is least possible is added up step by step.
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

/// Runs programs as a user meets them, and waits.
pub(super) fn run(device: &Device, programs: &[Program]) -> Result<(), DeviceError> {
    for program in programs {
        program.run(device)?;
    }
    device.wait()
}

/// Runs of programs that follow each other as one run.
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

    /// A profile of three steps of two kernels on an adapter of 100 flops and 10 bytes a second.
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
        // 1 s and 3 s at the least, of 6 s.
        assert!((pointwise.share_of_ceiling - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!((pointwise.bound, depthwise.bound), (Bound::Arithmetic, Bound::Memory));
        assert!((depthwise.share_of_ceiling - 0.5).abs() < 1e-12);
        assert_eq!((small().total().calls, small().total().share), (3, 1.0));
    }
}
