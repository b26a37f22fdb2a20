//! Reads the assembly that drivers print, as far as the instrument needs it: the kind of each instruction, and where it jumps.

mod agx;
mod ir3;
mod nak;
mod radv;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The language of a driver's assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// AMD's, by ACO in RADV.
    Radv,
    /// NVIDIA's, by NAK in NVK.
    Nak,
    /// Apple's, by the compiler of Honeykrisp.
    Agx,
    /// Qualcomm's, by ir3 in turnip.
    Ir3,
}

/// The kind of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A multiply-add of floats.
    MultiplyAdd,
    /// A product of matrices on tensor cores.
    Matrix,
    /// Other arithmetic of the lanes.
    Arithmetic,
    /// A load from workgroup memory.
    SharedLoad,
    /// A store to workgroup memory.
    SharedStore,
    /// A load from a buffer, or from memory that holds spilled registers.
    GlobalLoad,
    /// A store to a buffer, or to memory that holds spilled registers.
    GlobalStore,
    /// A load of constants or uniforms.
    Constant,
    /// Arithmetic that is done once for all lanes.
    Scalar,
    /// An instruction that waits.
    Wait,
    /// A jump, a barrier, or the end.
    Control,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its kind.
    pub kind: Kind,
    /// Number of issue slots that it takes.
    pub slots: u32,
    /// Number of multiply-adds of one lane: two for a packed or dual one, and the number of repetitions on Adreno.
    pub multiply_adds: u32,
    /// Number of 32-bit words that a load or store moves for each lane.
    pub width: u32,
    /// Index of the instruction to which it jumps.
    pub target: Option<usize>,
    /// Whether the next instruction does not follow it.
    pub ends: bool,
}

impl Instruction {
    fn new(kind: Kind) -> Instruction {
        Instruction { kind, slots: 1, multiply_adds: 0, width: 1, target: None, ends: false }
    }
}

/// The instructions of a kernel.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The instructions in order.
    pub instructions: Vec<Instruction>,
    /// Indices at which a basic block begins, as far as the assembly marks them.
    pub block_starts: Vec<usize>,
}

/// Reads assembly.
pub fn parse(dialect: Dialect, text: &str) -> Program {
    match dialect {
        Dialect::Radv => radv::parse(text),
        Dialect::Nak => nak::parse(text),
        Dialect::Agx => agx::parse(text),
        Dialect::Ir3 => ir3::parse(text),
    }
}

/// Collects instructions whose jumps name labels that may come later.
#[derive(Default)]
struct Collector {
    program: Program,
    labels: HashMap<String, usize>,
    jumps: Vec<(usize, String)>,
}

impl Collector {
    /// Marks the start of a block with a label.
    fn label(&mut self, name: &str) {
        self.labels.insert(name.to_string(), self.program.instructions.len());
        self.start();
    }

    /// Marks the start of a block.
    fn start(&mut self) {
        self.program.block_starts.push(self.program.instructions.len());
    }

    /// Adds an instruction, which jumps to a label if one is given.
    fn push(&mut self, instruction: Instruction, jump: Option<&str>) {
        if let Some(label) = jump {
            self.jumps.push((self.program.instructions.len(), label.to_string()));
        }
        self.program.instructions.push(instruction);
    }

    fn finish(mut self) -> Program {
        for (at, label) in self.jumps {
            self.program.instructions[at].target = self.labels.get(&label).copied();
        }
        self.program
    }
}

/// Returns the number of components that a mask such as `xyz` names.
fn components(mask: &str) -> u32 {
    mask.chars().filter(|name| "xyzw".contains(*name)).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds and the multiply-adds of a text.
    fn kinds(dialect: Dialect, text: &str) -> Vec<(Kind, u32, u32)> {
        parse(dialect, text).instructions.iter().map(|one| (one.kind, one.multiply_adds, one.width)).collect()
    }

    #[test]
    fn assembly_of_every_dialect_is_classified() {
        use Kind::*;
        let radv = "BB1:\n\tds_load_b128 v[1:4], v0 offset:16 ; 00\n\tv_dual_fmac_f32 v5, v1, v2 :: v_dual_fmac_f32 v6, v3, v4\n\
                    \ts_waitcnt lgkmcnt(0)\n\tv_add_u32 v0, v0, v1\n\ts_cbranch_scc1 BB1\n\ts_endpgm\n";
        let expected =
            [(SharedLoad, 0, 4), (MultiplyAdd, 2, 1), (Wait, 0, 1), (Arithmetic, 0, 1), (Control, 0, 1), (Control, 0, 1)];
        assert_eq!(kinds(Dialect::Radv, radv), expected);
        assert_eq!(parse(Dialect::Radv, radv).instructions[4].target, Some(0));

        let nak = "block 0 L0 [] {\n  r0..4 = ld.shared.b128 [r8]  // delay=2\n  r5 = ffma r0 r1 r5\n  @p0 bra L0\n}\n";
        assert_eq!(kinds(Dialect::Nak, nak), [(SharedLoad, 0, 4), (MultiplyAdd, 1, 1), (Control, 0, 1)]);
        assert_eq!(parse(Dialect::Nak, nak).instructions[2].target, Some(0));

        let ir3 = "l3:\nldl.u32 r0.x, l[r1.x], 4\n(sy)(rpt3)mad.f32 r2.x, (r)r0.x, r3.x, (r)r2.x\n(nop2) add.u r1.x, r1.x, 16\nbr p0.x, #l3\nend\n";
        assert_eq!(
            kinds(Dialect::Ir3, ir3),
            [(SharedLoad, 0, 4), (MultiplyAdd, 4, 1), (Arithmetic, 0, 1), (Control, 0, 1), (Control, 0, 1)]
        );
        let slots: Vec<u32> = parse(Dialect::Ir3, ir3).instructions.iter().map(|one| one.slots).collect();
        assert_eq!(slots, [1, 4, 3, 1, 1]);

        let agx = "   0: 00112233 lload i32, r0_r1, r4l, xyzw\n   4: 44556677 ffma r1, r2, r3, r1\n   8: 8899aabb jmp_any -8\n  c: ccddeeff stop\n";
        assert_eq!(kinds(Dialect::Agx, agx), [(SharedLoad, 0, 4), (MultiplyAdd, 1, 1), (Control, 0, 1), (Control, 0, 1)]);
        assert_eq!(parse(Dialect::Agx, agx).instructions[2].target, Some(0));
    }
}
