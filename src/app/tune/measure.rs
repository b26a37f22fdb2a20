//! The variants of one shape: which agree with the reference, and what they take.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::reference::{bound, expected, fillings, operands, reduced};
use crate::app::measure::{Spread, repeat, step_seconds};
use crate::device::DeviceError;
use crate::ops::{Choice, DenseBackwardWeight, DepthwiseBackwardInput, EXPAND_DEPTHWISE, candidates, identity};
use crate::plan::{Plan, RowParts, Step, VariantId, View};
use crate::profiles::{Device, OperationShape};
use crate::scheduler::Program;

/// Largest normalised mean squared error of a variant that is let in; the f32 kernels reach 1e-13.
const NMSE: f64 = 1e-10;
/// A variant whose first run takes this many times as long as the best so far is not run again.
const HOPELESS: f64 = 3.0;
/// Runs are repeated until they add up to this many seconds, three times at least.
const ENOUGH_SECONDS: f64 = 0.02;
/// The most runs of a variant.
const MOST_RUNS: usize = 15;

/// What became of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Median seconds of its runs.
    Timed(f64),
    /// Seconds of its only run: far behind.
    Behind(f64),
    /// It disagrees with its reference on this adapter, or does not compile or run there, and why.
    Barred(String),
}

/// A variant of a shape and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which variant.
    pub id: VariantId,
    /// What became of it.
    pub verdict: Verdict,
}

impl Candidate {
    /// Its seconds, unless it is barred.
    pub fn seconds(&self) -> Option<f64> {
        match self.verdict {
            Verdict::Timed(seconds) | Verdict::Behind(seconds) => Some(seconds),
            Verdict::Barred(_) => None,
        }
    }
}

/// What became of the variants of a shape.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The fastest of those that agree with the reference, if any does.
    pub winner: Option<Choice>,
    /// All of them, in the order in which they were tried.
    pub candidates: Vec<Candidate>,
}

/// Tries every variant of a shape; `None` where `stop` was set meanwhile.
///
/// # Errors
/// The device fails as a whole.
pub fn compare_candidates(device: &Device, shape: OperationShape, stop: &AtomicBool) -> Result<Option<Comparison>, DeviceError> {
    let small = reduced(shape);
    let inputs = fillings(small);
    let reference = expected(small, &inputs);
    let inputs = bound(small, inputs);
    let bench = Bench::new(device, shape)?;
    let (mut best, mut compared): (Option<(Choice, f64)>, Vec<Candidate>) = (None, Vec::new());
    for choice in candidates::candidates(shape, device.profile()) {
        if stop.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let verdict = match agrees(device, small, choice, &inputs, &reference) {
            Err(error) => Verdict::Barred(error.to_string()),
            Ok(Some(problem)) => Verdict::Barred(problem),
            Ok(None) => match bench.time(device, choice, best.map(|(_, seconds)| seconds)) {
                Ok(verdict) => verdict,
                Err(error) => Verdict::Barred(error.to_string()),
            },
        };
        if let Verdict::Timed(seconds) = verdict
            && best.is_none_or(|(_, least)| seconds < least)
        {
            best = Some((choice, seconds));
        }
        compared.push(Candidate { id: identity(choice), verdict });
    }
    Ok(Some(Comparison { winner: best.map(|(choice, _)| choice), candidates: compared }))
}

/// What is wrong with a variant's result, if anything is.
fn agrees(
    device: &Device,
    shape: OperationShape,
    choice: Choice,
    inputs: &[Vec<f32>],
    reference: &[f64],
) -> Result<Option<String>, DeviceError> {
    let (plan, views, out) = plan(device, shape, choice, &sizes_of(inputs));
    let program = Program::new(device, &plan, &[])?;
    for (view, values) in views.iter().zip(inputs) {
        program.write(device, *view, bytemuck::cast_slice(values));
    }
    // What a variant leaves out must not look like a result.
    program.write(device, out, bytemuck::cast_slice(&vec![f32::NAN; reference.len()]));
    program.run(device)?;
    Ok(disagreement(&program.read(device, out)?, reference))
}

/// What is wrong with a result, if anything is.
fn disagreement(found: &[f32], reference: &[f64]) -> Option<String> {
    if found.len() != reference.len() {
        return Some(format!("{} numbers, the reference has {}", found.len(), reference.len()));
    }
    let signal: f64 = reference.iter().map(|value| value * value).sum();
    let noise: f64 = found.iter().zip(reference).map(|(found, value)| (f64::from(*found) - value).powi(2)).sum();
    let nmse = noise / signal.max(f64::MIN_POSITIVE);
    // NaN is not within any bound.
    if nmse <= NMSE { None } else { Some(format!("NMSE {nmse:.1e} from its f64 reference, bound {NMSE:.0e}")) }
}

/// The buffers of a shape at its own size, that every variant is timed on.
struct Bench {
    shape: OperationShape,
    owner: Program,
    views: Vec<View>,
}

impl Bench {
    fn new(device: &Device, shape: OperationShape) -> Result<Bench, DeviceError> {
        let mut plan = Plan::new("tuning");
        let inputs = bound(shape, fillings(shape));
        let mut views: Vec<View> = sizes_of(&inputs).iter().map(|bytes| plan.persistent("input", *bytes)).collect();
        views.push(plan.persistent("output", 4 * operands(shape).output as u64));
        let owner = Program::new(device, &plan, &[])?;
        for (view, values) in views.iter().zip(inputs) {
            owner.write(device, *view, bytemuck::cast_slice(&values));
        }
        Ok(Bench { shape, owner, views })
    }

    fn time(&self, device: &Device, choice: Choice, best: Option<f64>) -> Result<Verdict, DeviceError> {
        let sizes: Vec<u64> = self.views.iter().take(self.views.len() - 1).map(|view| view.bytes).collect();
        let (plan, mut views, out) = plan(device, self.shape, choice, &sizes);
        views.push(out);
        let buffers = self.views.iter().filter_map(|view| self.owner.buffer(view.tensor));
        let shared: Vec<_> = views.into_iter().zip(buffers).collect();
        let program = Program::new(device, &plan, &shared)?;
        program.run(device)?;
        device.wait()?;
        let is_hopeless = |first: f64| best.is_some_and(|best| first > HOPELESS * best);
        let enough = |seconds: &[f64]| {
            let many = seconds.len() >= MOST_RUNS || seconds.iter().sum::<f64>() >= ENOUGH_SECONDS;
            is_hopeless(seconds[0]) || (seconds.len() >= 3 && many)
        };
        let seconds = repeat(0, enough, || step_seconds(device, &program))?;
        if is_hopeless(seconds[0]) {
            return Ok(Verdict::Behind(seconds[0]));
        }
        Ok(Verdict::Timed(Spread::of(seconds).median()))
    }
}

/// Bytes of each input.
fn sizes_of(inputs: &[Vec<f32>]) -> Vec<u64> {
    inputs.iter().map(|values| 4 * values.len() as u64).collect()
}

/// A plan of the shape by a variant, its inputs of `sizes` bytes and its output: one step, or two where an expansion runs apart.
fn plan(device: &Device, shape: OperationShape, choice: Choice, sizes: &[u64]) -> (Plan, Vec<View>, View) {
    let mut plan = Plan::new("tuning");
    let views: Vec<View> = sizes.iter().map(|bytes| plan.persistent("input", *bytes)).collect();
    let out = plan.persistent("output", 4 * operands(shape).output as u64);
    let mut views_of_step = views.clone();
    if let (OperationShape::ExpandDepthwise { .. }, true) = (shape, choice.0.name != EXPAND_DEPTHWISE.name) {
        let layer = candidates::expand_of(shape);
        let expanded = plan.transient("expanded", 4 * u64::from(layer.rows) * u64::from(layer.outputs));
        let family = layer.choice(device.profile());
        let operands = [views[0], views[1], views[2]];
        plan.push(layer.step("expand", family, device.capabilities().subgroup_size, operands, None, expanded));
        views_of_step = vec![expanded, views[3], views[4]];
    }
    plan.push(step(device, shape, choice, &views_of_step, out));
    (plan, views, out)
}

fn step(device: &Device, shape: OperationShape, choice: Choice, views: &[View], out: View) -> Step {
    let (label, lanes) = (shape.to_string(), device.capabilities().subgroup_size);
    match shape {
        OperationShape::Stem { .. } => {
            candidates::stem_of(shape).step(&label, choice, lanes, [views[0], views[1], views[2]], out)
        }
        OperationShape::Depthwise { .. } => {
            candidates::depthwise_of(shape).step(&label, choice, [views[0], views[1], views[2]], out)
        }
        OperationShape::ExpandDepthwise { .. } if choice.0.name == EXPAND_DEPTHWISE.name => {
            let views = [views[0], views[1], views[2], views[3], views[4]];
            candidates::expand_depthwise_of(shape).step(&label, choice, lanes, views, out)
        }
        OperationShape::ExpandDepthwise { .. } => {
            candidates::expand_depthwise_of(shape).depthwise.step(&label, choice, [views[0], views[1], views[2]], out)
        }
        OperationShape::DepthwiseBackwardInput { .. } => {
            DepthwiseBackwardInput { layer: candidates::depthwise_of(shape) }.step(&label, choice.1, views[0], views[1], out)
        }
        OperationShape::Pointwise { .. } => {
            candidates::pointwise_of(shape).step(&label, choice, lanes, [views[0], views[1], views[2]], None, out)
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let layer = DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs };
            layer.step(&label, choice, lanes, views[0], views[1], out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::WeightLayout;

    const SHAPES: [OperationShape; 8] = [
        OperationShape::ExpandDepthwise { batch: 1, size: [14, 14], inputs: 12, channels: 20, stride: 2 },
        OperationShape::Stem { batch: 1, size: [17, 17], inputs: 4, rgb: true, outputs: 8, stride: 2 },
        OperationShape::Depthwise { batch: 1, size: [15, 15], channels: 8, stride: 1 },
        OperationShape::DepthwiseBackwardInput { batch: 1, size: [15, 15], channels: 8, stride: 1 },
        OperationShape::DepthwiseBackwardInput { batch: 2, size: [14, 14], channels: 8, stride: 2 },
        OperationShape::Pointwise { rows: 61, inputs: 12, outputs: 20, layout: WeightLayout::Rows },
        OperationShape::Pointwise { rows: 61, inputs: 12, outputs: 52, layout: WeightLayout::Panels },
        OperationShape::DenseBackwardWeight { rows: 61, rows_a_part: 31, inputs: 12, outputs: 20 },
    ];

    #[test]
    fn every_kind_of_site_is_climbed_and_every_shipped_variant_agrees() {
        let device = Device::open(&Default::default()).expect("an adapter; run tools/setup");
        for shape in SHAPES {
            let Comparison { winner, candidates: compared } =
                compare_candidates(&device, shape, &AtomicBool::new(false)).expect("a device").expect("not stopped");
            assert!(winner.is_some() && compared.len() == candidates::candidates(shape, device.profile()).len(), "{shape}");
            assert!(
                compared.iter().all(|candidate| candidate.seconds().is_some_and(|seconds| seconds > 0.0)),
                "{shape}: {compared:?}"
            );
            let least = compared.iter().filter_map(Candidate::seconds).fold(f64::INFINITY, f64::min);
            let won = compared.iter().find(|candidate| winner.is_some_and(|(_, variant)| variant.name == candidate.id.variant));
            assert!(won.and_then(Candidate::seconds).is_some_and(|seconds| seconds <= 1.5 * least), "{shape}: {compared:?}");
        }
        assert!(compare_candidates(&device, SHAPES[0], &AtomicBool::new(true)).expect("a device").is_none());
    }

    #[test]
    fn a_result_that_is_not_the_references_bars_its_variant() {
        let reference = [1.0, -2.0, 3.0];
        assert_eq!(disagreement(&[1.0, -2.0, 3.0], &reference), None);
        for (found, part) in [(&[1.0f32, -2.0, 3.01][..], "NMSE"), (&[1.0, f32::NAN, 3.0], "NMSE"), (&[1.0, -2.0], "2 numbers")] {
            let problem = disagreement(found, &reference).expect("a problem");
            assert!(problem.contains(part), "{problem}");
        }
        // A variant that computes another layer is found out.
        let device = Device::open(&Default::default()).expect("an adapter; run tools/setup");
        let shape = SHAPES[2];
        let inputs = fillings(shape);
        let mut wrong = expected(shape, &inputs);
        wrong.rotate_left(1);
        let choice = candidates::candidates(shape, device.profile())[0];
        assert!(agrees(&device, shape, choice, &inputs, &wrong).expect("a device").is_some());
        assert!(agrees(&device, shape, choice, &inputs, &expected(shape, &inputs)).expect("a device").is_none());
    }
}
