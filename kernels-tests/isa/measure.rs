//! Measures what a driver made of a kernel.

use lineament::plan::Name;
use lineament::wgsl::reflect;
use naga::AddressSpace;

use super::assembly::{Instruction, Kind, parse};
use super::driver::{Compiled, Driver, IsaError};
use super::gpus::Gpu;
use super::hot_loop;
use super::report::{Code, Limit, Loop, Occupancy};

/// Compiles the expanded source of a kernel and measures the result. `gpu` adds what limits the occupancy.
///
/// # Errors
/// The kernel cannot be translated, or the driver rejects it.
pub fn measure(
    driver: &Driver,
    gpu: Option<&Gpu>,
    kernel: &str,
    source: &str,
    overrides: &[(Name, f64)],
) -> Result<(Code, Compiled), IsaError> {
    let compiled = driver.compile(kernel, source, overrides)?;
    let statistic = |names: &[&str]| compiled.statistic(names).map(|value| value as u32);
    let total = |names: &[&str]| names.iter().filter_map(|name| statistic(&[name])).sum();
    let (threads, memory) = workgroup(kernel, source)?;
    let program = compiled.assembly().map(|(dialect, text)| parse(dialect, text)).unwrap_or_default();
    let hot = hot_loop::find(&program);
    let is_loop = hot.is_some();
    let range = hot.unwrap_or_else(|| (0..program.instructions.len()).collect());
    let of_loop: Vec<&Instruction> = range.into_iter().map(|index| &program.instructions[index]).collect();
    let subgroups = threads.div_ceil(compiled.subgroup_size.max(1));
    let code = Code {
        threads,
        subgroup_size: compiled.subgroup_size,
        registers: statistic(&["VGPRs", "Number of GPRs", "GPRs", "Registers used"]),
        occupancy: occupancy(
            gpu,
            &compiled,
            memory,
            if compiled.statistics.contains_key("Threads") { threads } else { subgroups },
        ),
        spills: total(&["Spilled VGPRs", "Spilled SGPRs", "Spills to memory", "Fills from memory", "Spills", "Fills"])
            + total(&["STP Count", "LDP Count"]),
        scratch_bytes: total(&["Scratch size", "SLM size", "Scratch"]),
        workgroup_memory_bytes: memory,
        code_bytes: statistic(&["Code size"]),
        instructions: statistic(&["Instructions", "Instruction count", "Instruction Count"]),
        hot: if of_loop.is_empty() { None } else { Some(summary(&of_loop, is_loop)) },
    };
    Ok((code, compiled))
}

/// Returns the number of threads in a workgroup and the bytes of its memory.
fn workgroup(kernel: &str, source: &str) -> Result<(u32, u32), IsaError> {
    let (module, _) = reflect::validate(kernel, source)?;
    let threads = module.entry_points.iter().map(|entry| entry.workgroup_size.iter().product::<u32>()).max().unwrap_or(1);
    let shared = module.global_variables.iter().filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
    Ok((threads, shared.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum()))
}

/// Returns the occupancy. AMD's driver accounts for workgroup memory; for others, it may allow less than the driver states.
/// `parts` is the number of a workgroup's subgroups, or of its threads if the driver counts threads.
fn occupancy(gpu: Option<&Gpu>, compiled: &Compiled, memory: u32, parts: u32) -> Option<Occupancy> {
    let names = ["Subgroups per SIMD", "Max warps/SM", "Threads", "Max Waves Per Core"];
    let stated = compiled.statistic(&names)? as u32;
    let Some(gpu) = gpu else { return Some(Occupancy { value: stated, limited_by: None }) };
    let allocated = compiled.statistic(&["LDS size"]).map(|bytes| bytes as u32);
    let bytes = allocated.unwrap_or(memory);
    let by_memory = gpu.memory_bytes.filter(|_| bytes > 0).map_or(gpu.most, |total| (total / bytes * parts).max(1));
    let value = if allocated.is_some() { stated } else { stated.min(by_memory) }.min(gpu.most);
    let limited_by = if value == gpu.most {
        Limit::Nothing
    } else if by_memory <= stated {
        Limit::WorkgroupMemory
    } else {
        Limit::Registers
    };
    Some(Occupancy { value, limited_by: Some(limited_by) })
}

fn summary(instructions: &[&Instruction], is_loop: bool) -> Loop {
    let of = |kind: Kind| instructions.iter().filter(move |one| one.kind == kind);
    let slots: u32 = instructions.iter().map(|one| one.slots).sum();
    let multiply_adds: u32 = instructions.iter().map(|one| one.multiply_adds).sum();
    // A dual or packed instruction takes one slot. Repetitions on Adreno take a slot each, but waiting does not multiply.
    let useful: u32 = instructions
        .iter()
        .map(|one| match one.kind {
            Kind::MultiplyAdd => one.multiply_adds.min(one.slots),
            Kind::Matrix => one.slots,
            _ => 0,
        })
        .sum();
    let mut kinds = std::collections::BTreeMap::new();
    for one in instructions {
        *kinds.entry(one.kind).or_insert(0) += one.slots;
    }
    let mut global_loads = [0; 4];
    for load in of(Kind::GlobalLoad) {
        global_loads[load.width.clamp(1, 4) as usize - 1] += 1;
    }
    Loop {
        is_loop,
        instructions: instructions.len() as u32,
        slots,
        multiply_adds,
        matrix_products: of(Kind::Matrix).count() as u32,
        share: f64::from(useful) / f64::from(slots.max(1)),
        shared_loads: of(Kind::SharedLoad).count() as u32,
        global_loads,
        kinds,
    }
}
