//! NVIDIA's assembly, as NVK reports it: `[@PREDICATE] [REGISTERS =] NAME OPERANDS // COMMENT` in blocks.

use super::{Collector, Instruction, Kind, Program};

pub fn parse(text: &str) -> Program {
    let mut collector = Collector::default();
    for line in text.lines() {
        if line.starts_with("block") {
            match line.split_whitespace().find(|word| word.starts_with('L')) {
                Some(label) => collector.label(label),
                None => collector.start(),
            }
        } else if !line.starts_with('}') {
            let body = line.split("//").next().unwrap_or_default().trim();
            let predicated = body.starts_with('@');
            let body = if predicated { body.split_once(' ').map_or("", |(_, rest)| rest) } else { body };
            let operation = body.split_once(" = ").map_or(body, |(_, operation)| operation);
            let words: Vec<&str> = operation.split_whitespace().collect();
            if let Some(name) = words.first() {
                let jump = if *name == "bra" { words.iter().rev().find(|word| word.starts_with('L')).copied() } else { None };
                let always = *name == "exit" || (*name == "bra" && words.get(1) == Some(&"pT"));
                let uniform = body.starts_with('u') || name.contains("r2ur");
                let instruction = Instruction { ends: !predicated && always, ..instruction(name, uniform) };
                collector.push(instruction, jump);
            }
        }
    }
    collector.finish()
}

fn instruction(name: &str, uniform: bool) -> Instruction {
    let width = match name {
        _ if name.contains("b128") => 4,
        _ if name.contains("b96") => 3,
        _ if name.contains("b64") => 2,
        _ => 1,
    };
    let multiply_adds = match name {
        _ if name.starts_with("ffma") => 1,
        _ if name.starts_with("hfma2") => 2,
        _ => 0,
    };
    let kind = if multiply_adds > 0 { Kind::MultiplyAdd } else { kind(name, uniform) };
    Instruction { multiply_adds, width, ..Instruction::new(kind) }
}

fn kind(name: &str, uniform: bool) -> Kind {
    const CONTROL: [&str; 8] = ["bra", "bar", "exit", "bssy", "bsync", "bclear", "break", "membar"];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match name {
        _ if starts(&["hmma", "imma"]) => Kind::Matrix,
        _ if starts(&["ld.shared", "ldsm"]) => Kind::SharedLoad,
        _ if starts(&["st.shared"]) => Kind::SharedStore,
        _ if starts(&["ld.global", "ld.local"]) => Kind::GlobalLoad,
        _ if starts(&["st.", "atom", "red"]) => Kind::GlobalStore,
        _ if starts(&["ldc"]) => Kind::Constant,
        "warpsync" => Kind::Control,
        _ if starts(&CONTROL) => Kind::Control,
        "nop" => Kind::Wait,
        _ if uniform => Kind::Scalar,
        _ => Kind::Arithmetic,
    }
}
