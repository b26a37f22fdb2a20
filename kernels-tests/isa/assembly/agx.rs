//! Apple's assembly, as Honeykrisp prints it: `ADDRESS: BYTES NAME OPERANDS`, with jumps relative to their own address.

use std::collections::HashMap;

use super::{Instruction, Kind, Program, components};

pub fn parse(text: &str) -> Program {
    // Every program that was compiled begins at address 0. The kernel is the longest one; the others only prepare it.
    let mut programs: Vec<Vec<(u64, &str)>> = Vec::new();
    for (address, body) in text.lines().filter_map(line) {
        if address == 0 || programs.is_empty() {
            programs.push(Vec::new());
        }
        if let Some(program) = programs.last_mut() {
            program.push((address, body));
        }
    }
    let lines = programs.into_iter().max_by_key(Vec::len).unwrap_or_default();
    let at: HashMap<u64, usize> = lines.iter().enumerate().map(|(index, (address, _))| (*address, index)).collect();
    let mut program = Program::default();
    for (address, body) in lines {
        let name = body.split_whitespace().next().unwrap_or_default();
        let kind = kind(name);
        let distance = body.split_whitespace().last().and_then(|word| word.parse::<i64>().ok());
        let target = distance.filter(|_| name.starts_with("jmp")).and_then(|distance| address.checked_add_signed(distance));
        if kind == Kind::Control {
            program.block_starts.push(program.instructions.len() + 1);
        }
        program.instructions.push(Instruction {
            multiply_adds: u32::from(kind == Kind::MultiplyAdd),
            width: width(body),
            target: target.and_then(|target| at.get(&target).copied()),
            ..Instruction::new(kind)
        });
    }
    program
}

/// Splits a line into its address and its instruction.
fn line(text: &str) -> Option<(u64, &str)> {
    let (address, rest) = text.trim_start().split_once(": ")?;
    let (bytes, body) = rest.trim_start().split_once(' ')?;
    let is_bytes = bytes.len() >= 4 && bytes.chars().all(|digit| digit.is_ascii_hexdigit());
    is_bytes.then_some((u64::from_str_radix(address, 16).ok()?, body.trim()))
}

fn width(body: &str) -> u32 {
    let masks = body.rsplit(',').map(str::trim);
    let mut masks = masks.filter(|mask| !mask.is_empty() && mask.chars().all(|name| "xyzw".contains(name)));
    masks.next().map_or(1, components)
}

fn kind(name: &str) -> Kind {
    match name {
        _ if name.starts_with("ffma") || name.starts_with("hfma") => Kind::MultiplyAdd,
        "lload" => Kind::SharedLoad,
        "lstore" => Kind::SharedStore,
        "load" => Kind::GlobalLoad,
        _ if name.starts_with("stack_load") => Kind::GlobalLoad,
        "store" => Kind::GlobalStore,
        _ if name.starts_with("stack_store") => Kind::GlobalStore,
        "wait" => Kind::Wait,
        "jmp_any" | "jmp_none" | "if" | "else" | "while" | "pop_exec" | "barrier" | "stop" => Kind::Control,
        _ => Kind::Arithmetic,
    }
}
