//! AMD's assembly, as RADV reports it.

use super::{Collector, Instruction, Kind, Program};

pub fn parse(text: &str) -> Program {
    let mut collector = Collector::default();
    for line in text.lines() {
        let trimmed = line.trim();
        match trimmed.strip_suffix(':') {
            Some(label) if label.starts_with("BB") => collector.label(label),
            _ if line.starts_with('\t') => {
                let body = trimmed.split(';').next().unwrap_or_default().trim();
                let mut words = body.split_whitespace();
                if let Some(name) = words.next() {
                    let jump = if name.contains("branch") { words.last() } else { None };
                    collector.push(instruction(name, body), jump);
                }
            }
            _ => {}
        }
    }
    collector.finish()
}

fn instruction(name: &str, body: &str) -> Instruction {
    // A dual instruction has two halves, separated by `::`.
    let halves = body.split("::").filter_map(|half| half.split_whitespace().next());
    let multiply_adds = halves.map(multiply_adds).sum();
    let kind = if multiply_adds > 0 { Kind::MultiplyAdd } else { kind(name) };
    let width = match name {
        _ if name.ends_with("b128") || name.ends_with("x4") => 4,
        _ if name.ends_with("b96") || name.ends_with("x3") => 3,
        _ if name.ends_with("b64") || name.ends_with("x2") => 2,
        _ => 1,
    };
    Instruction { multiply_adds, width, ends: matches!(name, "s_branch" | "s_endpgm"), ..Instruction::new(kind) }
}

fn multiply_adds(name: &str) -> u32 {
    match name {
        _ if name.contains("wmma") => 0,
        _ if name.contains("fma") && name.starts_with("v_pk") => 2,
        _ if name.contains("fma") => 1,
        _ if name.contains("_dot2") => 2,
        _ => 0,
    }
}

fn kind(name: &str) -> Kind {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let loads = name.contains("load") || name.contains("read");
    match name {
        _ if name.contains("wmma") => Kind::Matrix,
        _ if starts(&["v_"]) => Kind::Arithmetic,
        _ if starts(&["ds_"]) => {
            if loads {
                Kind::SharedLoad
            } else {
                Kind::SharedStore
            }
        }
        _ if starts(&["buffer_", "global_", "scratch_"]) => {
            if loads {
                Kind::GlobalLoad
            } else {
                Kind::GlobalStore
            }
        }
        _ if starts(&["s_load", "s_buffer_load"]) => Kind::Constant,
        "s_nop" | "s_inst_prefetch" => Kind::Wait,
        _ if starts(&["s_wait", "s_delay", "s_clause"]) => Kind::Wait,
        "s_barrier" | "s_endpgm" => Kind::Control,
        _ if starts(&["s_cbranch", "s_branch"]) => Kind::Control,
        _ => Kind::Scalar,
    }
}
