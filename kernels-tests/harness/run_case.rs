//! Runs a case: poisons every tensor, writes the inputs, runs the plan twice and compares the outputs.

use lineament::device::DeviceError;
use lineament::plan::{Plan, Precision, Residence, TensorId, View};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::harness::case::{Case, Numbers, Output};
use crate::harness::compare::{self, Comparison, POISON};

/// The NaN that poisons inputs and other tensors. It differs from the one that poisons outputs.
const STRAY: u32 = 0x7FC0_BEEF;

/// How one output of a case compares with its reference.
#[derive(Debug, Clone)]
pub struct OutputResult {
    /// The label of the output.
    pub tensor: &'static str,
    /// The errors, and what is wrong, if anything.
    pub comparison: Comparison,
    /// Bound of the normalised mean squared error.
    pub nmse_bound: f64,
    /// Bound of the largest absolute error.
    pub max_abs_bound: f64,
}

/// Runs a case twice from poisoned memory and compares every output with its reference. `plan` is the case's plan, or the same
/// plan with broken shaders.
///
/// # Errors
/// The plan does not fit the adapter, a shader does not compile, or the device fails.
pub fn run_case(device: &Device, plan: &Plan, case: &Case) -> Result<Vec<OutputResult>, DeviceError> {
    let program = Program::new(device, plan, &[])?;
    let first = run_once(device, case, &program)?;
    let second = run_once(device, case, &program)?;
    Ok(compare_runs(case, [&first, &second]))
}

/// Compares what two runs left in the tensors of the outputs, with their guard bands.
pub fn compare_runs(case: &Case, [first, second]: [&[Vec<f32>]; 2]) -> Vec<OutputResult> {
    let outputs = case.outputs.iter().zip(first.iter().zip(second));
    outputs.map(|(output, (first, second))| compare_output(output, first, second)).collect()
}

/// Returns the NaN that fills a tensor before a run.
pub fn poison_of(case: &Case, tensor: TensorId) -> u32 {
    if case.outputs.iter().any(|output| output.view.tensor == tensor) { POISON } else { STRAY }
}

/// Runs the plan from poisoned memory and returns the tensors of the outputs with their guard bands.
fn run_once(device: &Device, case: &Case, program: &Program) -> Result<Vec<Vec<f32>>, DeviceError> {
    for (index, tensor) in case.plan.tensors().iter().enumerate() {
        if tensor.residence == Residence::Persistent {
            let tensor_id = TensorId(index);
            let words = vec![poison_of(case, tensor_id); tensor.bytes.div_ceil(4) as usize];
            program.write(device, whole(tensor_id, tensor.bytes), bytemuck::cast_slice(&words));
        }
    }
    for (view, bytes) in &case.inputs {
        program.write(device, *view, bytes);
    }
    program.run(device)?;
    let tensors = case.outputs.iter().map(|output| output.view.tensor);
    tensors.map(|tensor| program.read(device, whole(tensor, case.plan.tensors()[tensor.0].bytes))).collect()
}

fn whole(tensor: TensorId, bytes: u64) -> View {
    View { tensor, offset: 0, bytes }
}

fn compare_output(output: &Output, first: &[f32], second: &[f32]) -> OutputResult {
    let (start, length) = ((output.view.offset / 4) as usize, (output.view.bytes / 4) as usize);
    let words = &first[start..start + length];
    let expected = (output.expected)();
    let floats = |found: &[f32]| compare::floats(&output.elements.of(found), &expected, output.nmse, output.max_abs);
    let mut comparison = match output.numbers {
        Numbers::Integers => compare::integers(&output.elements.of(words), &expected),
        Numbers::Floats(Precision::F32) => floats(words),
        Numbers::Floats(Precision::F16) => floats(&compare::halves(words)),
    };
    let elsewhere = || compare::guards(first, start, length).or_else(|| compare::repeatable(first, second));
    comparison.fault = comparison.fault.or_else(elsewhere);
    OutputResult { tensor: output.label, comparison, nmse_bound: output.nmse, max_abs_bound: output.max_abs }
}
