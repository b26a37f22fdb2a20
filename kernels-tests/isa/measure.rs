//! Measures what a driver made of a kernel.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use lineament::plan::{Name, Step};
use lineament::wgsl::expand;
use lineament::wgsl::reflect::{self, Workgroup, workgroup};

use super::assembly::{Instruction, Kind, parse};
use super::driver::{Compiled, Driver, IsaError};
use super::gpus::Gpu;
use super::hot_loop;
use super::report::{Code, Limit, Loop, Occupancy};

/// Compiles the kernels of steps for a GPU, each only once.
pub struct StepCompiler<'a> {
    driver: &'a Driver,
    gpu: &'a Gpu,
    /// What was compiled, by expanded source and overrides.
    codes: BTreeMap<(String, String), Code>,
}

impl<'a> StepCompiler<'a> {
    /// Returns a compiler that has compiled nothing yet.
    pub fn new(driver: &'a Driver, gpu: &'a Gpu) -> StepCompiler<'a> {
        StepCompiler { driver, gpu, codes: BTreeMap::new() }
    }

    /// Returns what the driver makes of a step's kernel.
    ///
    /// # Errors
    /// The kernel cannot be expanded or translated, or the driver rejects it.
    pub fn code(&mut self, step: &Step) -> Result<&Code, IsaError> {
        let source = expand(&step.source, &step.constants, &step.fields)?;
        match self.codes.entry((source, format!("{:?}", step.overrides))) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let (code, _) = measure(self.driver, Some(self.gpu), &step.kernel, &place.key().0, &step.overrides)?;
                Ok(place.insert(code))
            }
        }
    }
}

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
    let (module, _) = reflect::validate(kernel, source)?;
    let Workgroup { threads, memory_bytes: memory } = workgroup(&module);
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
    let mut kinds = BTreeMap::new();
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
