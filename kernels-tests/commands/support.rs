//! `kernels support`: which variants run on this adapter, and why the others do not.

use lineament::device::DeviceError;
use lineament::ops::ALL;
use lineament::plan::{Kernel, Variant};
use lineament::profiles::Device;
use lineament::wgsl::reflect::{self, Workgroup, workgroup};

use super::test::missing;
use crate::commands::arguments::CommonArguments;
use crate::harness::outcome::{CheckResult, Tally, Verdict};

/// Compiles every variant, prints a line for each kernel, and gives a reason for each variant that does not run.
///
/// # Errors
/// The adapter does not open.
pub fn run(arguments: &CommonArguments) -> Result<Tally, DeviceError> {
    let device = arguments.open()?;
    let mut tally = Tally::default();
    let mut rows = Vec::new();
    for kernel in ALL.iter().filter(|kernel| arguments.wants(kernel.name)) {
        let results: Vec<CheckResult> = kernel.variants.iter().map(|variant| check(&device, kernel, variant)).collect();
        let running = results.iter().filter(|result| result.verdict == Verdict::Passed).count();
        if !arguments.json {
            let words = if running > 0 { "runs" } else { "DOES NOT RUN" };
            println!("{:24} {words}: {running} of {} variants", kernel.name, results.len());
        }
        for CheckResult { part: name, verdict, .. } in &results {
            tally.add(verdict);
            let (word, reason) = verdict.words();
            if !reason.is_empty() && !arguments.json {
                println!("    {name}: {reason}");
            }
            rows.push(serde_json::json!({ "kernel": kernel.name, "variant": name, "verdict": word, "reason": reason }));
        }
        // The engine needs at least one variant of each kernel, whatever the reason. It does without cooperative matrices.
        if running == 0 && !kernel.variants.iter().all(Variant::is_cooperative) {
            tally.add(&Verdict::Failed("no variant runs".to_string()));
        }
    }
    let report = device.report();
    if arguments.json {
        println!("{}", serde_json::json!({ "adapter": report, "kernels": rows, "summary": tally }));
    } else {
        let used = |has: bool| if has { "yes, used" } else { "no, and not needed" };
        println!(
            "subgroups of one known size: {}",
            device.capabilities().subgroup_size.map_or("no, and not needed".into(), |lanes| format!("{lanes}, used"))
        );
        println!("timestamps: {}", used(report.timestamps));
        let matrices = match (report.matrix_side.is_some(), device.capabilities().matrix_side.is_some()) {
            (true, true) => "yes, used with --precision f16",
            (true, false) => "yes, used with --tensor-cores",
            (false, _) => "no, and not needed",
        };
        println!("cooperative matrices: {matrices}");
        println!("64-bit integers in shaders: {}", used(report.shader_int64));
        println!(
            "16-bit floats in shaders: {}",
            if report.shader_f16 { "yes, used with --precision f16" } else { "no, and not needed" }
        );
    }
    Ok(tally)
}

/// Compiles one variant.
fn check(device: &Device, kernel: &'static Kernel, variant: &'static Variant) -> CheckResult {
    CheckResult::new(kernel.name, variant.name, verdict(device, kernel, variant))
}

/// Returns whether a variant compiles here; skipped where the adapter lacks what it needs, failed where it refuses what it should
/// take.
fn verdict(device: &Device, kernel: &'static Kernel, variant: &'static Variant) -> Verdict {
    if let Some(reason) = missing(device, variant) {
        return Verdict::Skipped(reason.to_string());
    }
    let lanes = device.capabilities().subgroup_size.unwrap_or(1);
    let source = match reflect::source(kernel, variant, lanes) {
        Ok(source) => source,
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    if let Some(reason) = beyond_limits(device, kernel, &source) {
        return Verdict::Skipped(reason);
    }
    let access: Vec<_> = kernel.bindings.iter().map(|binding| binding.access).collect();
    match device.compile(kernel.name, &access, &source, &[]) {
        Ok(_) => Verdict::Passed,
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

/// Returns which of the adapter's limits a shader exceeds, if any. Not every driver refuses such a shader.
fn beyond_limits(device: &Device, kernel: &Kernel, source: &str) -> Option<String> {
    let (module, _) = reflect::validate(kernel.name, source).ok()?;
    let limits = device.workgroup_limits();
    let Workgroup { threads, memory_bytes } = workgroup(&module);
    let needs = [
        ("threads a workgroup", threads, limits.threads),
        ("bytes of workgroup memory", memory_bytes, limits.memory_bytes),
        ("storage bindings", kernel.bindings.len() as u32, limits.storage_bindings),
    ];
    let (what, needed, limit) = needs.into_iter().find(|(_, needed, limit)| needed > limit)?;
    Some(format!("needs {needed} {what}, the adapter takes {limit}"))
}
