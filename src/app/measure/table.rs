//! Writes a profile as a readable table and as CSV.

use std::fmt::Write;

use super::{Group, Profile};

/// Number of steps that the table lists individually. CSV and JSON contain all of them.
const STEPS_LISTED: usize = 25;

/// Returns the profile as text: the kernels and variants, the slowest steps, and the time that the steps do not explain.
pub fn to_text(profile: &Profile) -> String {
    let Profile { name, clock, runs, ceilings, .. } = profile;
    let mut text = String::new();
    let _ = writeln!(text, "{name}: medians of {runs} runs by {clock}");
    let _ = writeln!(
        text,
        "measured ceilings of this adapter: {:.1} GFLOP/s multiply-add, {:.1} GB/s stream; they meet at {:.1} flop/byte",
        ceilings.flops_a_second / 1e9,
        ceilings.bytes_a_second / 1e9,
        ceilings.flops_a_second / ceilings.bytes_a_second
    );
    heading(&mut text, "kernel and variant");
    for group in profile.groups(|step| format!("{} {}", step.kernel, step.variant)) {
        row(&mut text, &group);
    }
    row(&mut text, &profile.total());
    heading(&mut text, "step");
    let steps = profile.groups(|step| format!("{} ({})", step.label, step.kernel));
    steps.iter().take(STEPS_LISTED).for_each(|group| row(&mut text, group));
    if steps.len() > STEPS_LISTED {
        let rest: f64 = steps[STEPS_LISTED..].iter().map(|group| group.seconds).sum();
        let _ = writeln!(text, "{:52} {:>5} {:10.3}", format!("{} further steps", steps.len() - STEPS_LISTED), "", 1e3 * rest);
    }
    let (steps, wall, profiled) = (profile.step_seconds(), profile.wall_seconds, profile.profiled_wall_seconds);
    let _ = writeln!(
        text,
        "\nwall {:.3} ms ({:.2} images/s), steps {:.3} ms: a gap of {:+.1} %; with every step timed {:.3} ms, {:+.1} %",
        1e3 * wall,
        f64::from(profile.batch) / wall,
        1e3 * steps,
        100.0 * (wall - steps) / wall,
        1e3 * profiled,
        100.0 * (profiled - wall) / wall
    );
    text
}

fn heading(text: &mut String, of: &str) {
    let _ = writeln!(
        text,
        "\n{of:52} {:>5} {:>10} {:>6} {:>8} {:>7} {:>9} {:>9}  bound by",
        "calls", "ms", "%", "GFLOP/s", "GB/s", "flop/byte", "% ceiling"
    );
}

fn row(text: &mut String, group: &Group) {
    let _ = writeln!(
        text,
        "{:52} {:5} {:10.3} {:6.1} {:8.1} {:7.2} {:9.2} {:9.1}  {}",
        group.name,
        group.calls,
        1e3 * group.seconds,
        100.0 * group.share,
        group.flops_a_second / 1e9,
        group.bytes_a_second / 1e9,
        group.intensity,
        100.0 * group.share_of_ceiling,
        group.bound
    );
}

/// Returns a CSV table with one row for each step, in the order in which they run.
///
/// # Errors
/// None in practice, because the table is written to memory.
pub fn to_csv(profile: &Profile) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "step",
        "kernel",
        "variant",
        "workgroups",
        "flops",
        "bytes",
        "start_seconds",
        "seconds",
        "least_seconds",
        "most_seconds",
    ])?;
    for step in &profile.steps {
        let [x, y, z] = step.grid;
        let numbers = [step.start, step.seconds, step.range[0], step.range[1]].map(|value| value.to_string());
        let mut record = vec![step.label.clone(), step.kernel.clone(), step.variant.clone(), format!("{x}x{y}x{z}")];
        record.extend([step.flops, step.bytes].map(|value| value.to_string()));
        record.extend(numbers);
        writer.write_record(record)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::small;
    use super::*;

    #[test]
    fn the_table_names_kernels_steps_and_the_gap() {
        let text = to_text(&small());
        for expected in ["GPU timestamps", "pointwise default", "three (pointwise)", "a gap of +9.1 %", "+9.1 %", "all steps"] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn the_csv_has_a_line_for_each_step() {
        let bytes = to_csv(&small()).expect("a table in memory");
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
        assert_eq!((rows.len(), &rows[1][0], &rows[2][7]), (3, "two, \"quoted\" & <odd>", "4"));
    }
}
