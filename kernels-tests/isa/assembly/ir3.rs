//! Qualcomm's assembly, as turnip reports it: `(FLAGS)NAME OPERANDS`, where `(rptN)` repeats an instruction and `(nopN)` waits.

use super::{Collector, Instruction, Kind, Program, components};

pub fn parse(text: &str) -> Program {
    let mut collector = Collector::default();
    for line in text.lines() {
        let line = line.trim();
        if let Some(label) = line.strip_suffix(':') {
            if label.strip_prefix('l').is_some_and(|number| number.parse::<u32>().is_ok()) {
                collector.label(label);
            }
        } else if !line.starts_with([';', '@']) {
            let (repeats, waits, rest) = flags(line);
            let name = rest.split_whitespace().next().unwrap_or_default();
            if name.starts_with(|first: char| first.is_ascii_lowercase()) {
                let jump = rest.rsplit_once('#').map(|(_, label)| label.trim());
                collector.push(instruction(name, rest, repeats, waits), jump);
                if jump.is_some() {
                    collector.start();
                }
            }
        }
    }
    collector.finish()
}

/// Splits flags off an instruction, and returns the numbers of its repetitions and of the cycles that it waits.
fn flags(mut text: &str) -> (u32, u32, &str) {
    let (mut repeats, mut waits) = (0, 0);
    while let Some((flag, rest)) = text.strip_prefix('(').and_then(|text| text.split_once(')')) {
        let number = |name: &str| flag.strip_prefix(name).and_then(|number| number.parse().ok());
        repeats = number("rpt").unwrap_or(repeats);
        waits = number("nop").unwrap_or(waits);
        text = rest.trim_start();
    }
    (repeats, waits, text)
}

fn instruction(name: &str, text: &str, repeats: u32, waits: u32) -> Instruction {
    let kind = kind(name);
    Instruction {
        slots: 1 + repeats + waits,
        multiply_adds: if kind == Kind::MultiplyAdd { 1 + repeats } else { 0 },
        width: width(name, text),
        ends: matches!(name, "jump" | "end"),
        ..Instruction::new(kind)
    }
}

fn kind(name: &str) -> Kind {
    const CONTROL: [&str; 15] =
        ["br", "bra", "brao", "braa", "brac", "jump", "bar", "fence", "end", "getone", "predt", "prede", "predf", "shps", "shpe"];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match name {
        _ if starts(&["mad.f"]) => Kind::MultiplyAdd,
        _ if starts(&["ldl"]) => Kind::SharedLoad,
        _ if starts(&["stl"]) => Kind::SharedStore,
        _ if starts(&["isam", "ldib", "ldg", "ldp"]) => Kind::GlobalLoad,
        _ if starts(&["stib", "stg", "stp"]) => Kind::GlobalStore,
        _ if starts(&["ldc"]) => Kind::Constant,
        "nop" => Kind::Wait,
        _ if CONTROL.contains(&name.split('.').next().unwrap_or_default()) => Kind::Control,
        _ => Kind::Arithmetic,
    }
}

/// Returns the number of words that a load or store moves: the last operand, a mask of components, or a part of the name.
fn width(name: &str, text: &str) -> u32 {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let found = if starts(&["ldl", "stl", "ldp"]) {
        text.rsplit(',').next().and_then(|word| word.trim().parse().ok())
    } else if starts(&["isam"]) {
        let masks = text.split('(').skip(1).filter_map(|part| part.split_once(')'));
        masks.map(|(mask, _)| components(mask)).find(|count| *count > 0)
    } else {
        name.split('.').find_map(|part| part.parse().ok())
    };
    found.unwrap_or(1)
}
