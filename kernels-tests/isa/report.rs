//! What was measured, as a table, as JSON, and compared with an earlier run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::assembly::Kind;
use super::gpus::GPUS;

/// What one compiler made of some kernels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The GPU's name on the command line, or the adapter's.
    pub gpu: String,
    /// The driver's name and version.
    pub driver: String,
    /// The kernels, in the order of their names.
    pub kernels: Vec<KernelCode>,
}

/// What a compiler made of a variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KernelCode {
    /// The kernel's name.
    pub kernel: String,
    /// The variant's name.
    pub variant: String,
    /// What was measured, or why nothing was.
    #[serde(flatten)]
    pub result: Outcome,
}

/// What was measured, or why nothing was.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was compiled.
    Code(Code),
    /// The GPU lacks what it needs.
    Skipped(String),
    /// It cannot be translated, or the driver rejects it.
    Failed(String),
}

/// What a compiler made of a kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Number of threads in a workgroup.
    pub threads: u32,
    /// Number of lanes in a subgroup.
    pub subgroup_size: u32,
    /// Number of registers of a lane, as the driver counts them. Apple's have 16 bits, others 32.
    pub registers: Option<u32>,
    /// How many run at once.
    pub occupancy: Option<Occupancy>,
    /// Number of instructions or registers that move to memory because there are too few registers.
    pub spills: u32,
    /// Bytes of memory for each lane that hold arrays and spilled registers.
    pub scratch_bytes: u32,
    /// Bytes of workgroup memory.
    pub workgroup_memory_bytes: u32,
    /// Bytes of machine code.
    pub code_bytes: Option<u32>,
    /// Number of instructions.
    pub instructions: Option<u32>,
    /// The hot loop, if the driver's assembly is understood.
    pub hot: Option<Loop>,
}

/// How many subgroups run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupancy {
    /// The number in the driver's unit: subgroups on a compute unit (AMD), warps on a multiprocessor (NVIDIA), threads on a core
    /// (Apple), waves on a core (Qualcomm).
    pub value: u32,
    /// What limits it, if the GPU is known.
    pub limited_by: Option<Limit>,
}

/// What limits the occupancy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// As many run as the hardware can hold.
    Nothing,
    /// Registers.
    Registers,
    /// Workgroup memory.
    WorkgroupMemory,
}

/// The instructions of the hot loop, or of the whole kernel if no loop multiplies and adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// Whether there is a hot loop.
    pub is_loop: bool,
    /// Number of instructions.
    pub instructions: u32,
    /// Number of issue slots.
    pub slots: u32,
    /// Number of multiply-adds of a lane.
    pub multiply_adds: u32,
    /// Number of instructions that multiply matrices.
    pub matrix_products: u32,
    /// Share of the issue slots in which multiply-adds or products of matrices start.
    pub share: f64,
    /// Number of loads from workgroup memory.
    pub shared_loads: u32,
    /// Number of global loads of one, two, three and four words.
    pub global_loads: [u32; 4],
    /// Issue slots by kind of instruction.
    pub kinds: BTreeMap<Kind, u32>,
}

impl Loop {
    /// Returns the number of multiply-adds for each load from workgroup memory.
    fn multiply_adds_a_shared_load(&self) -> Option<f64> {
        (self.shared_loads > 0).then(|| f64::from(self.multiply_adds) / f64::from(self.shared_loads))
    }

    fn slots_of(&self, kind: Kind) -> u32 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Limit::Nothing => "-",
            Limit::Registers => "regs",
            Limit::WorkgroupMemory => "memory",
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = GPUS.iter().find(|gpu| gpu.name == self.gpu);
        let description = known.map_or(String::new(), |gpu| format!(" ({})", gpu.description));
        writeln!(f, "{}{description}, compiled by {}", self.gpu, self.driver)?;
        let columns = format_args!(
            "{:<52} {:>4} {:>4} {:>5} {:>6} {:>6} {:>7} {:>6} {:>6} {:>6} | {:>4} {:>6} {:>6} {:>5} {:>6} {:>13} {:>6} {:>6}",
            "kernel and variant",
            "lane",
            "regs",
            "occup",
            "limit",
            "spills",
            "scratch",
            "memory",
            "code",
            "instr",
            "loop",
            "slots",
            "mul-add",
            "share",
            "/load",
            "loads 1/2/3/4",
            "arith",
            "wait"
        )
        .to_string();
        writeln!(f, "{columns}")?;
        for KernelCode { kernel, variant, result } in &self.kernels {
            write!(f, "{:<52} ", format!("{kernel} {variant}"))?;
            match result {
                Outcome::Code(code) => writeln!(f, "{code}")?,
                Outcome::Skipped(reason) => writeln!(f, "skipped: {reason}")?,
                Outcome::Failed(reason) => writeln!(f, "FAILED: {reason}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<u32>| value.map_or("?".into(), |value| value.to_string());
        let limit = self.occupancy.and_then(|occupancy| occupancy.limited_by).map_or("?".into(), |limit| limit.to_string());
        write!(
            f,
            "{:>4} {:>4} {:>5} {limit:>6} {:>6} {:>7} {:>6} {:>6} {:>6} | ",
            self.subgroup_size,
            number(self.registers),
            number(self.occupancy.map(|occupancy| occupancy.value)),
            self.spills,
            self.scratch_bytes,
            self.workgroup_memory_bytes,
            number(self.code_bytes),
            number(self.instructions),
        )?;
        let Some(hot) = &self.hot else { return write!(f, "the assembly of this driver is not understood") };
        let loads = hot.global_loads.map(|count| count.to_string()).join("/");
        write!(
            f,
            "{:>4} {:>6} {:>6} {:>5.2} {:>6} {loads:>13} {:>6} {:>6}",
            if hot.is_loop { "yes" } else { "no" },
            hot.slots,
            if hot.matrix_products > 0 { format!("{} M", hot.matrix_products) } else { hot.multiply_adds.to_string() },
            hot.share,
            hot.multiply_adds_a_shared_load().map_or("-".into(), |value| format!("{value:.1}")),
            hot.slots_of(Kind::Arithmetic),
            hot.slots_of(Kind::Wait),
        )
    }
}

/// A difference from an earlier run that makes a kernel slower.
#[derive(Debug, PartialEq, Eq)]
pub struct Regression {
    /// The variant and what became worse.
    pub text: String,
    /// Whether it is a new spill, a kernel that no longer compiles, or one that is missing.
    pub is_serious: bool,
}

/// A smaller share is a regression if it is smaller by this factor.
const SHARE: f64 = 0.98;

/// Returns what became worse since an earlier run with the same compiler. Registers count only if they cost occupancy.
pub fn regressions(before: &Report, now: &Report) -> Vec<Regression> {
    let mut found = Vec::new();
    for old in &before.kernels {
        let mut worse = |is_serious: bool, what: String| {
            found.push(Regression { text: format!("{}: {} {}: {what}", now.gpu, old.kernel, old.variant), is_serious });
        };
        let same = |new: &&KernelCode| (&new.kernel, &new.variant) == (&old.kernel, &old.variant);
        let Outcome::Code(old_code) = &old.result else { continue };
        let code = match now.kernels.iter().find(same).map(|new| &new.result) {
            Some(Outcome::Code(code)) => code,
            Some(Outcome::Failed(reason) | Outcome::Skipped(reason)) => {
                worse(true, format!("no longer compiles: {reason}"));
                continue;
            }
            None => {
                worse(true, "is missing".into());
                continue;
            }
        };
        if code.spills > old_code.spills {
            worse(true, format!("{} spills, {} before", code.spills, old_code.spills));
        }
        if let (Some(old), Some(new)) = (old_code.occupancy, code.occupancy)
            && new.value < old.value
        {
            worse(false, format!("occupancy {}, {} before", new.value, old.value));
        }
        if let (Some(old), Some(new)) = (&old_code.hot, &code.hot)
            && new.share < old.share * SHARE
        {
            worse(false, format!("share of multiply-adds {:.2}, {:.2} before", new.share, old.share));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(spills: u32, occupancy: u32, share: f64) -> Report {
        let hot = Loop {
            is_loop: true,
            instructions: 100,
            slots: 100,
            multiply_adds: 50,
            matrix_products: 0,
            share,
            shared_loads: 4,
            global_loads: [0, 0, 0, 2],
            kinds: BTreeMap::from([(Kind::MultiplyAdd, 50), (Kind::Arithmetic, 50)]),
        };
        let code = Code {
            threads: 64,
            subgroup_size: 32,
            registers: Some(60),
            occupancy: Some(Occupancy { value: occupancy, limited_by: Some(Limit::Registers) }),
            spills,
            scratch_bytes: 0,
            workgroup_memory_bytes: 0,
            code_bytes: Some(800),
            instructions: Some(100),
            hot: Some(hot),
        };
        let kernel = KernelCode { kernel: "k".into(), variant: "v".into(), result: Outcome::Code(code) };
        Report { gpu: "navi31".into(), driver: "d".into(), kernels: vec![kernel] }
    }

    #[test]
    fn what_became_worse_is_named_and_a_new_spill_is_serious() {
        let before = report(0, 12, 0.5);
        assert_eq!(regressions(&before, &before), []);
        assert_eq!(regressions(&before, &report(0, 16, 0.6)), []);
        assert_eq!(regressions(&before, &report(0, 12, 0.495)), []);
        let texts =
            |now: &Report| regressions(&before, now).iter().map(|one| (one.is_serious, one.text.clone())).collect::<Vec<_>>();
        assert_eq!(texts(&report(3, 12, 0.5)), [(true, "navi31: k v: 3 spills, 0 before".to_string())]);
        assert_eq!(texts(&report(0, 8, 0.5)), [(false, "navi31: k v: occupancy 8, 12 before".to_string())]);
        assert_eq!(texts(&report(0, 12, 0.4)), [(false, "navi31: k v: share of multiply-adds 0.40, 0.50 before".to_string())]);
        let mut now = before.clone();
        now.kernels[0].result = Outcome::Failed("no".into());
        assert!(regressions(&before, &now)[0].is_serious);
        now.kernels.clear();
        assert!(regressions(&before, &now)[0].is_serious);
    }

    #[test]
    fn a_report_survives_json_and_its_table_shows_every_figure() {
        let report = report(3, 12, 0.5);
        let text = serde_json::to_string(&report).expect("JSON");
        let read: Report = serde_json::from_str(&text).expect("a report");
        assert_eq!(read.to_string(), report.to_string());
        let table = report.to_string();
        let row: Vec<&str> = table.lines().last().expect("a row").split_whitespace().collect();
        let expected = ["k", "v", "32", "60", "12", "regs", "3", "0", "0", "800", "100", "|", "yes", "100", "50", "0.50", "12.5"];
        assert_eq!(row[..expected.len()], expected);
        assert_eq!(row[expected.len()..], ["0/0/0/2", "50", "0"]);
    }
}
