//! Compiles shaders and runs cases in headless Chromium, through `webgpu/drive`.

use std::path::Path;
use std::process::Command;

use lineament::plan::{PlanDocument, TensorId};
use lineament::scheduler::document;
use lineament::wgsl::ShaderError;
use serde::{Deserialize, Serialize};

use crate::harness::case::Case;
use crate::harness::run_case::{OutputResult, compare_runs, poison_of};

/// Why the browser gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// Python does not start.
    #[error("python3 does not start: {0}; it drives the browser")]
    Python(std::io::Error),
    /// The jobs cannot be handed over.
    #[error("the jobs for the browser cannot be written: {0}")]
    Jobs(std::io::Error),
    /// The driver failed.
    #[error("{0}")]
    Driver(String),
    /// The driver's answer is incomplete.
    #[error("the driver's answer cannot be read: {0}")]
    Answer(serde_json::Error),
}

/// What the browser is to do.
#[derive(Debug, Default, Serialize)]
pub struct Jobs {
    /// Shaders to compile.
    pub compile: Vec<String>,
    /// Plans to run.
    pub replay: Vec<Replay>,
}

/// A plan to run, as `webgpu/replay.html` takes it.
#[derive(Debug, Serialize)]
pub struct Replay {
    plan: PlanDocument,
    tensors: Vec<Vec<u32>>,
    reads: Vec<TensorId>,
    runs: usize,
}

/// What the browser answers.
#[derive(Debug, Deserialize)]
pub struct Answers {
    /// The browser's adapter.
    pub adapter: String,
    /// The optional features of its shaders.
    pub features: Vec<String>,
    /// What the compiler says of each shader.
    pub compile: Vec<Vec<Message>>,
    /// How each plan ran.
    pub replay: Vec<Replayed>,
}

/// A message of the browser's compiler.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// `error`, `warning` or `info`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The line of the shader, from 1.
    pub line: usize,
    /// The message.
    pub message: String,
}

/// How a plan ran.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// The words of the tensors that were read, after each run.
    Runs(Vec<Vec<Vec<u32>>>),
    /// Why it did not run.
    Error(String),
}

impl Replay {
    /// Returns the job that runs a case twice from poisoned memory.
    ///
    /// # Errors
    /// A shader does not expand.
    pub fn of(case: &Case) -> Result<Replay, ShaderError> {
        let tensors = case.plan.tensors().iter().enumerate();
        let poisoned = |(index, tensor): (usize, &lineament::plan::Tensor)| {
            vec![poison_of(case, TensorId(index)); tensor.bytes.div_ceil(4) as usize]
        };
        let mut tensors: Vec<Vec<u32>> = tensors.map(poisoned).collect();
        for (view, bytes) in &case.inputs {
            let start = view.offset as usize;
            bytemuck::cast_slice_mut::<u32, u8>(&mut tensors[view.tensor.0])[start..start + bytes.len()].copy_from_slice(bytes);
        }
        let reads = case.outputs.iter().map(|output| output.view.tensor).collect();
        Ok(Replay { plan: document(&case.plan)?, tensors, reads, runs: 2 })
    }
}

impl Replayed {
    /// Compares the outputs of a case with their references.
    ///
    /// # Errors
    /// The browser's reason, if the plan did not run.
    pub fn compare(&self, case: &Case) -> Result<Vec<OutputResult>, String> {
        let runs = match self {
            Replayed::Runs(runs) => runs,
            Replayed::Error(reason) => return Err(reason.clone()),
        };
        let floats = |run: &Vec<Vec<u32>>| -> Vec<Vec<f32>> {
            run.iter().map(|words| words.iter().copied().map(f32::from_bits).collect()).collect()
        };
        match runs.iter().map(floats).collect::<Vec<_>>().as_slice() {
            [first, second] => Ok(compare_runs(case, [first, second])),
            other => Err(format!("{} runs where two were asked for", other.len())),
        }
    }
}

/// Starts Chromium and lets it do the jobs.
///
/// # Errors
/// Python or Chromium is missing or fails.
pub fn run(jobs: &Jobs) -> Result<Answers, BrowserError> {
    let file = tempfile::NamedTempFile::new().map_err(BrowserError::Jobs)?;
    serde_json::to_writer(std::io::BufWriter::new(file.as_file()), jobs).map_err(|error| BrowserError::Jobs(error.into()))?;
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("webgpu/drive");
    let output = Command::new("python3").arg(driver).arg(file.path()).output().map_err(BrowserError::Python)?;
    if !output.status.success() {
        return Err(BrowserError::Driver(String::from_utf8_lossy(&output.stderr).trim().to_string()));
    }
    let answers: Answers = serde_json::from_slice(&output.stdout).map_err(BrowserError::Answer)?;
    if (answers.compile.len(), answers.replay.len()) != (jobs.compile.len(), jobs.replay.len()) {
        return Err(BrowserError::Driver("the driver left out jobs".to_string()));
    }
    Ok(answers)
}
