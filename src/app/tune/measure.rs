//! Compares the candidates for a shape: which of them agree with the f64 reference, and how long each takes.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::reference::{expected, in_layout, reduced, tensor_sizes, test_inputs};
use crate::app::measure::{Spread, repeat, step_seconds};
use crate::device::DeviceError;
use crate::ops::{
    Choice, DenseBackwardWeight, DepthwiseBackwardInput, EXPAND_DEPTHWISE, INVERTED_RESIDUAL, candidates, identity,
};
use crate::plan::{Plan, RowParts, Step, VariantId, View};
use crate::profiles::{Device, DeviceProfile, OperationShape};
use crate::scheduler::Program;

/// The largest normalised mean squared error of an accepted candidate. Kernels in 32-bit floats reach 1e-13.
const NMSE: f64 = 1e-10;
/// A candidate whose first run takes this many times as long as the best candidate so far is not run again.
const ABANDON_RATIO: f64 = 3.0;
/// The runs of a candidate are repeated until they take this many seconds together, and at least three times.
const MEASURED_SECONDS: f64 = 0.02;
/// Maximum number of runs of a candidate.
const MAX_RUNS: usize = 15;

/// The result of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The median seconds of its runs.
    Timed(f64),
    /// The seconds of the only run, which took several times as long as the best candidate.
    TimedOnce(f64),
    /// The reason for the rejection: it disagrees with its reference on this adapter, or does not compile or run there.
    Rejected(String),
}

/// A variant that computes a shape, and its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The variant.
    pub id: VariantId,
    /// The result.
    pub verdict: Verdict,
}

impl Candidate {
    /// Returns the measured seconds, or `None` if the candidate was rejected.
    pub fn seconds(&self) -> Option<f64> {
        match self.verdict {
            Verdict::Timed(seconds) | Verdict::TimedOnce(seconds) => Some(seconds),
            Verdict::Rejected(_) => None,
        }
    }
}

/// The candidates for a shape, compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The fastest candidate that agrees with the reference, or `None` if every candidate was rejected.
    pub winner: Option<Choice>,
    /// All candidates, in the order in which they were tried.
    pub candidates: Vec<Candidate>,
}

/// Compares all candidates for a shape. Returns `None` if `stop` was set meanwhile.
///
/// A candidate is checked on a smaller shape that it supports, and timed on the shape itself.
///
/// # Errors
/// The device fails as a whole. A single candidate that fails is rejected.
pub fn compare_candidates(device: &Device, shape: OperationShape, stop: &AtomicBool) -> Result<Option<Comparison>, DeviceError> {
    let small = reduced(shape);
    let inputs = test_inputs(small);
    let reference = expected(small, &inputs);
    let inputs = in_layout(small, inputs);
    let bench = Bench::new(device, shape)?;
    let (mut best, mut compared): (Option<(Choice, f64)>, Vec<Candidate>) = (None, Vec::new());
    for choice in candidates::candidates(shape, device.profile()) {
        if stop.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let verdict = match disagrees(device, small, choice, &inputs, &reference) {
            Err(error) => Verdict::Rejected(error.to_string()),
            Ok(Some(problem)) => Verdict::Rejected(problem),
            Ok(None) => match bench.time(device, choice, best.map(|(_, seconds)| seconds)) {
                Ok(verdict) => verdict,
                Err(error) => Verdict::Rejected(error.to_string()),
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

/// Runs a candidate on a shape and compares it with the reference. Returns what is wrong, if anything.
fn disagrees(
    device: &Device,
    shape: OperationShape,
    choice: Choice,
    inputs: &[Vec<f32>],
    reference: &[f64],
) -> Result<Option<String>, DeviceError> {
    let (plan, views, out) = plan(device.profile(), shape, choice, &sizes_of(inputs));
    let program = Program::new(device, &plan, &[])?;
    for (view, values) in views.iter().zip(inputs) {
        program.write(device, *view, bytemuck::cast_slice(values));
    }
    // The output is poisoned, so that elements that the candidate does not write are noticed.
    program.write(device, out, bytemuck::cast_slice(&vec![f32::NAN; reference.len()]));
    program.run(device)?;
    Ok(disagreement(&program.read(device, out)?, reference))
}

/// Compares a result with the reference. Returns what is wrong, if anything.
fn disagreement(found: &[f32], reference: &[f64]) -> Option<String> {
    if found.len() != reference.len() {
        return Some(format!("{} numbers, but the reference has {}", found.len(), reference.len()));
    }
    let signal: f64 = reference.iter().map(|value| value * value).sum();
    let noise: f64 = found.iter().zip(reference).map(|(found, value)| (f64::from(*found) - value).powi(2)).sum();
    let nmse = noise / signal.max(f64::MIN_POSITIVE);
    // NaN is never within the bound.
    if nmse <= NMSE { None } else { Some(format!("NMSE {nmse:.1e} against the f64 reference, but the bound is {NMSE:.0e}")) }
}

/// The buffers on which all candidates for a shape are timed.
struct Bench {
    shape: OperationShape,
    owner: Program,
    views: Vec<View>,
}

impl Bench {
    fn new(device: &Device, shape: OperationShape) -> Result<Bench, DeviceError> {
        let mut plan = Plan::new("tuning");
        let inputs = in_layout(shape, test_inputs(shape));
        let mut views: Vec<View> = sizes_of(&inputs).iter().map(|bytes| plan.persistent("input", *bytes)).collect();
        views.push(plan.persistent("output", 4 * tensor_sizes(shape).output as u64));
        let owner = Program::new(device, &plan, &[])?;
        for (view, values) in views.iter().zip(inputs) {
            owner.write(device, *view, bytemuck::cast_slice(&values));
        }
        Ok(Bench { shape, owner, views })
    }

    /// Times a candidate. `best` is the time of the fastest candidate so far.
    fn time(&self, device: &Device, choice: Choice, best: Option<f64>) -> Result<Verdict, DeviceError> {
        let sizes: Vec<u64> = self.views.iter().take(self.views.len() - 1).map(|view| view.bytes).collect();
        let (plan, mut views, out) = plan(device.profile(), self.shape, choice, &sizes);
        views.push(out);
        let buffers = self.views.iter().filter_map(|view| self.owner.buffer(view.tensor));
        let shared: Vec<_> = views.into_iter().zip(buffers).collect();
        let program = Program::new(device, &plan, &shared)?;
        program.run(device)?;
        device.wait()?;
        let is_abandoned = |first: f64| best.is_some_and(|best| first > ABANDON_RATIO * best);
        let enough = |seconds: &[f64]| {
            let many = seconds.len() >= MAX_RUNS || seconds.iter().sum::<f64>() >= MEASURED_SECONDS;
            is_abandoned(seconds[0]) || (seconds.len() >= 3 && many)
        };
        let seconds = repeat(0, enough, || step_seconds(device, &program))?;
        if is_abandoned(seconds[0]) {
            return Ok(Verdict::TimedOnce(seconds[0]));
        }
        Ok(Verdict::Timed(Spread::of(seconds).median()))
    }
}

/// Returns the number of bytes of each input.
fn sizes_of(inputs: &[Vec<f32>]) -> Vec<u64> {
    inputs.iter().map(|values| 4 * values.len() as u64).collect()
}

/// Returns a plan that computes a shape with a candidate. It has one step, or several if the candidate computes
/// the last layer alone.
pub fn candidate_plan(profile: &DeviceProfile, shape: OperationShape, choice: Choice) -> Plan {
    let sizes: Vec<u64> = tensor_sizes(shape).inputs.iter().map(|count| 4 * *count as u64).collect();
    plan(profile, shape, choice, &sizes).0
}

/// Returns the plan of a candidate together with its inputs of `sizes` bytes and its output.
fn plan(profile: &DeviceProfile, shape: OperationShape, choice: Choice, sizes: &[u64]) -> (Plan, Vec<View>, View) {
    let mut plan = Plan::new("tuning");
    let views: Vec<View> = sizes.iter().map(|bytes| plan.persistent("input", *bytes)).collect();
    let out = plan.persistent("output", 4 * tensor_sizes(shape).output as u64);
    let mut views_of_step = views.clone();
    if let (OperationShape::InvertedResidual { .. }, true) = (shape, !choice.0.is(&INVERTED_RESIDUAL)) {
        let pair = candidates::expansion_of(candidates::inverted_residual_of(shape));
        let convolved = plan.transient("convolved", 4 * tensor_sizes(pair).output as u64);
        let layers = candidates::expand_depthwise_of(pair);
        let first = layers.choice(profile).unwrap_or_else(|| layers.depthwise.choice(profile));
        push(&mut plan, profile, pair, first, &views[..5], convolved);
        views_of_step = vec![convolved, views[5], views[6]];
    }
    push(&mut plan, profile, shape, choice, &views_of_step, out);
    (plan, views, out)
}

/// Appends the steps that compute a shape with a candidate.
fn push(plan: &mut Plan, profile: &DeviceProfile, shape: OperationShape, choice: Choice, views: &[View], out: View) {
    let mut views_of_step = views.to_vec();
    if let (OperationShape::ExpandDepthwise { .. }, true) = (shape, !choice.0.is(&EXPAND_DEPTHWISE)) {
        let layer = candidates::expand_of(shape);
        let expanded = plan.transient("expanded", 4 * u64::from(layer.rows) * u64::from(layer.outputs));
        let family = layer.choice(profile);
        let operands = [views[0], views[1], views[2]];
        plan.push(layer.step("expand", family, profile, operands, None, expanded));
        views_of_step = vec![expanded, views[3], views[4]];
    }
    plan.push(step(profile, shape, choice, &views_of_step, out));
}

fn step(profile: &DeviceProfile, shape: OperationShape, choice: Choice, views: &[View], out: View) -> Step {
    let label = shape.to_string();
    match shape {
        OperationShape::Stem { .. } => {
            candidates::stem_of(shape).step(&label, choice, profile, [views[0], views[1], views[2]], out)
        }
        OperationShape::Depthwise { .. } => {
            candidates::depthwise_of(shape).step(&label, choice, [views[0], views[1], views[2]], out)
        }
        OperationShape::ExpandDepthwise { .. } if choice.0.is(&EXPAND_DEPTHWISE) => {
            let views = [views[0], views[1], views[2], views[3], views[4]];
            candidates::expand_depthwise_of(shape).step(&label, choice, profile, views, out)
        }
        OperationShape::ExpandDepthwise { .. } => {
            candidates::expand_depthwise_of(shape).depthwise.step(&label, choice, [views[0], views[1], views[2]], out)
        }
        OperationShape::InvertedResidual { .. } if choice.0.is(&INVERTED_RESIDUAL) => {
            let views = [0, 1, 2, 3, 4, 5, 6].map(|at: usize| views[at]);
            candidates::inverted_residual_of(shape).step(&label, choice, views, out)
        }
        OperationShape::InvertedResidual { .. } => {
            let layer = candidates::inverted_residual_of(shape).projection();
            layer.step(&label, choice, profile, [views[0], views[1], views[2]], None, out)
        }
        OperationShape::DepthwiseBackwardInput { .. } => {
            DepthwiseBackwardInput { layer: candidates::depthwise_of(shape) }.step(&label, choice.1, views[0], views[1], out)
        }
        OperationShape::Pointwise { .. } => {
            candidates::pointwise_of(shape).step(&label, choice, profile, [views[0], views[1], views[2]], None, out)
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let layer = DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs };
            layer.step(&label, choice, profile, views[0], views[1], out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::WeightLayout;

    const SHAPES: [OperationShape; 9] = [
        OperationShape::InvertedResidual { batch: 1, size: [14, 14], inputs: 12, channels: 20, outputs: 40, stride: 2 },
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
    fn every_candidate_agrees_with_its_reference_and_the_fastest_wins() {
        let Some(device) = crate::testing::device() else { return };
        for shape in SHAPES {
            let Comparison { winner, candidates: compared } =
                compare_candidates(&device, shape, &AtomicBool::new(false)).expect("a device").expect("not stopped");
            assert!(winner.is_some() && compared.len() == candidates::candidates(shape, device.profile()).len(), "{shape}");
            assert!(
                compared.iter().all(|candidate| candidate.seconds().is_some_and(|seconds| seconds > 0.0)),
                "{shape}: {compared:?}"
            );
            let least = compared.iter().filter_map(Candidate::seconds).fold(f64::INFINITY, f64::min);
            let won = compared.iter().find(|candidate| winner.map(identity).as_ref() == Some(&candidate.id));
            assert!(won.and_then(Candidate::seconds).is_some_and(|seconds| seconds <= 1.5 * least), "{shape}: {compared:?}");
        }
        assert!(compare_candidates(&device, SHAPES[0], &AtomicBool::new(true)).expect("a device").is_none());
    }

    /// Shapes of MobileNetV2 for which this device's profile chooses different variants.
    #[test]
    fn no_shipped_choice_is_rejected() {
        let Some(device) = crate::testing::device() else { return };
        let mut shapes = Vec::new();
        for side in [224, 128, 96] {
            shapes.push(OperationShape::Stem { batch: 8, size: [side; 2], inputs: 4, rgb: true, outputs: 32, stride: 2 });
            for (shrunk, inputs, channels, stride) in
                [(2, 32, 96, 2), (4, 24, 144, 1), (4, 24, 144, 2), (8, 32, 192, 1), (16, 96, 576, 2)]
            {
                let (batch, size) = (8, [side / shrunk; 2]);
                shapes.extend([
                    OperationShape::Depthwise { batch, size, channels, stride },
                    OperationShape::DepthwiseBackwardInput { batch, size, channels, stride },
                    OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride },
                ]);
                let rows = batch * size[0] * size[1];
                shapes.extend([
                    OperationShape::Pointwise { rows, inputs, outputs: channels, layout: WeightLayout::Panels },
                    OperationShape::Pointwise { rows, inputs: channels, outputs: inputs, layout: WeightLayout::Rows },
                    OperationShape::DenseBackwardWeight { rows, rows_a_part: rows.min(2048), inputs, outputs: channels },
                ]);
            }
        }
        for shape in shapes {
            let shipped = candidates::shipped(shape, device.profile());
            assert!(candidates::candidates(shape, device.profile()).iter().any(|choice| identity(*choice) == identity(shipped)));
            let small = reduced(shape);
            let inputs = test_inputs(small);
            let reference = expected(small, &inputs);
            let problem = disagrees(&device, small, shipped, &in_layout(small, inputs), &reference).expect("a device");
            assert_eq!(problem, None, "{shape} by {}", identity(shipped));
        }
    }

    #[test]
    fn a_candidate_whose_result_differs_from_the_reference_is_rejected() {
        let reference = [1.0, -2.0, 3.0];
        assert_eq!(disagreement(&[1.0, -2.0, 3.0], &reference), None);
        for (found, part) in [(&[1.0f32, -2.0, 3.01][..], "NMSE"), (&[1.0, f32::NAN, 3.0], "NMSE"), (&[1.0, -2.0], "2 numbers")] {
            let problem = disagreement(found, &reference).expect("a problem");
            assert!(problem.contains(part), "{problem}");
        }
        // A candidate that computes another layer is rejected.
        let Some(device) = crate::testing::device() else { return };
        let shape = SHAPES[2];
        let inputs = test_inputs(shape);
        let mut wrong = expected(shape, &inputs);
        wrong.rotate_left(1);
        let choice = candidates::candidates(shape, device.profile())[0];
        assert!(disagrees(&device, shape, choice, &inputs, &wrong).expect("a device").is_some());
        assert!(disagrees(&device, shape, choice, &inputs, &expected(shape, &inputs)).expect("a device").is_none());
    }
}
