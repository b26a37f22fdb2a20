//! `kernels test --golden DIR`: compares with results of Keras, PyTorch and scikit-learn, group by group.

mod augment;
mod block;
mod block_training;
mod cluster;
mod cluster_methods;
mod cluster_orders;
mod data;
mod figure5;
mod gradients;
mod head;
mod io;
mod keras2;
mod kernels;
mod layers;
mod losses;
mod masked_head;
mod metrics;
mod network;
mod network_training;
mod optimizers;
mod pca;
mod recipe;
mod tiny;
mod train;

use std::path::{Path, PathBuf};

use lineament::profiles::Device;

use crate::commands::arguments::CommonArguments;
use crate::golden_tests::data::{GoldenError, Manifest};
use crate::harness::outcome::{CheckResult, Tally, Verdict};

/// Compares every fixture of a group, or of every group in a folder, prints a line for each tensor and counts them.
///
/// # Errors
/// There is no adapter, or the folder holds no fixtures.
pub fn run(arguments: &CommonArguments, folder: &Path) -> Result<Tally, GoldenError> {
    let groups = groups(folder)?;
    let device = arguments.open()?;
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for folder in groups {
        for result in run_group(&device, &folder)? {
            let label = result.label();
            if !arguments.wants(&label) {
                continue;
            }
            tally.add(&result.verdict);
            if arguments.json {
                lines.push(json(&result));
            } else {
                print(&result);
            }
            if let Verdict::Failed(reason) = &result.verdict {
                let (folder, adapter) = (folder.display(), arguments.adapter_arguments());
                eprintln!("FAILED {label}: {reason}\n  replay: kernels test --golden '{folder}' --filter '{label}'{adapter}");
            }
        }
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "adapter": device.report(), "results": lines, "summary": tally }));
    }
    Ok(tally)
}

/// Returns the folder itself if it is a group, or else the groups in it.
fn groups(folder: &Path) -> Result<Vec<PathBuf>, GoldenError> {
    let is_group = |path: &Path| path.join("manifest.json").is_file();
    if is_group(folder) {
        return Ok(vec![folder.to_path_buf()]);
    }
    let failure = |error: std::io::Error| GoldenError::File { path: folder.to_path_buf(), reason: error.to_string() };
    let mut groups = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failure)? {
        groups.push(entry.map_err(failure)?.path());
    }
    groups.retain(|path| is_group(path));
    groups.sort();
    if groups.is_empty() { Err(GoldenError::NoGroups { path: folder.to_path_buf() }) } else { Ok(groups) }
}

fn run_group(device: &Device, folder: &Path) -> Result<Vec<CheckResult>, GoldenError> {
    let manifest = Manifest::read(folder)?;
    let mut results = match manifest.group.as_str() {
        "kernels" => kernels::run(device, folder, &manifest),
        "network" => network::run(device, folder, &manifest),
        "cluster" => cluster::run(device, folder),
        "losses" | "optimizers" | "training" | "era" => train::run(device, folder, &manifest),
        "augment" => augment::run(device, folder, &manifest),
        "io" => io::run(folder),
        "metrics" => metrics::run(folder, &manifest),
        "pca" => pca::run(device, folder, &manifest),
        other => {
            let reason = match other {
                "augment_tf2" => "lineament does not augment as TensorFlow 2, which has another centre and exchanges the axes",
                _ => "no test reads this group",
            };
            manifest.files.keys().map(|file| skipped(file, "all", reason)).collect()
        }
    };
    for result in &mut results {
        if !result.subject.starts_with(&format!("{}/", manifest.group)) {
            result.subject = format!("{}/{}", manifest.group, result.subject);
        }
    }
    Ok(results)
}

/// Returns a result that says why a tensor was not compared.
pub fn skipped(fixture: &str, tensor: &str, reason: &str) -> CheckResult {
    CheckResult::new(fixture, tensor, Verdict::Skipped(reason.to_string()))
}

/// Returns a result for a fixture that could not be run.
pub fn failed(fixture: &str, tensor: &str, error: &GoldenError) -> CheckResult {
    CheckResult::new(fixture, tensor, Verdict::Failed(error.to_string()))
}

fn print(result: &CheckResult) {
    let CheckResult { subject: fixture, part: tensor, nmse, max_abs, note: bound, verdict, .. } = result;
    let name = format!("{fixture:50} {tensor:24}");
    match verdict {
        Verdict::Skipped(reason) => println!("{name} skipped: {reason}"),
        Verdict::Passed => println!("{name} NMSE {nmse:8.1e}  error {max_abs:8.1e}  {bound:24} passed"),
        Verdict::Failed(reason) => println!("{name} NMSE {nmse:8.1e}  error {max_abs:8.1e}  {bound:24} FAILED: {reason}"),
    }
}

fn json(result: &CheckResult) -> serde_json::Value {
    let CheckResult { subject: fixture, part: tensor, nmse, max_abs, note: bound, verdict, .. } = result;
    let (verdict, reason) = verdict.words();
    serde_json::json!({
        "fixture": fixture, "tensor": tensor, "nmse": nmse, "max_abs": max_abs, "bound": bound,
        "verdict": verdict, "reason": reason,
    })
}
