//! Lists how a run was made: its configuration, and the command, adapter and times of its clusterings.

use serde_json::{Map, Value};

use super::ReportInput;
use super::wording::{readable_name, thousands};

/// Largest number of entries of the configuration that the page lists.
const ENTRY_LIMIT: usize = 200;
/// Largest number of characters of a value.
const VALUE_LIMIT: usize = 2000;

/// Returns how the run was made, as pairs of a name and a value. The name of a nested entry is its path in the configuration. If
/// the configuration has more than [`ENTRY_LIMIT`] entries, a last line says how many the page leaves out.
pub(super) fn lines(input: &ReportInput) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    flatten("", &input.configuration, &mut lines);
    let left_out = lines.len().saturating_sub(ENTRY_LIMIT);
    lines.truncate(ENTRY_LIMIT);
    for (kind, clusters) in [("clustering", &input.clusters), ("weighted clustering", &input.weighted)] {
        let Some(clusters) = clusters else { continue };
        let seconds = clusters.seconds.iter().map(|(phase, seconds)| format!("{phase} {seconds:.2}"));
        let seconds = Some(seconds.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty());
        let also = [("command", clusters.command.clone()), ("adapter", clusters.adapter.clone()), ("seconds", seconds)];
        lines.extend(also.into_iter().filter_map(|(name, value)| Some((format!("{kind} {name}"), value?))));
    }
    if left_out > 0 {
        lines.push(("entries not shown".to_string(), format!("{}; the file config.json contains them", thousands(left_out))));
    }
    for (_, value) in &mut lines {
        if let Some((cut, _)) = value.char_indices().nth(VALUE_LIMIT) {
            value.truncate(cut);
            value.push('…');
        }
    }
    lines
}

/// Appends the entries of `object`, and those of the objects nested in it, to `lines`.
fn flatten(prefix: &str, object: &Map<String, Value>, lines: &mut Vec<(String, String)>) {
    for (key, value) in object {
        let key = if prefix.is_empty() { readable_name(key) } else { format!("{prefix} › {}", readable_name(key)) };
        match value {
            Value::Object(inner) => flatten(&key, inner, lines),
            Value::String(text) => lines.push((key, text.clone())),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                lines.push((key, items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")));
            }
            other => lines.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_flattened_and_bounded() {
        let text = r#"{"weights":{"file":"a.safetensors","layers":[1,2]},"select":["Male","Bald"],"seed":7,"b":null}"#;
        let object = serde_json::from_str(text).expect("an object");
        let mut lines = Vec::new();
        flatten("", &object, &mut lines);
        lines.sort();
        let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(lines, ["b=null", "seed=7", "select=Male, Bald", "weights › file=a.safetensors", "weights › layers=[1,2]"]);
        let mut input = super::super::tests::input_of(&[&[1.0]], &[0]);
        input.configuration.insert("long".into(), Value::String("é".repeat(5000)));
        assert_eq!(super::lines(&input)[0].1.chars().count(), VALUE_LIMIT + 1);
        input.configuration = (0..ENTRY_LIMIT + 3).map(|entry| (format!("entry {entry:04}"), Value::from(entry))).collect();
        input.clusters.as_mut().expect("clusters").command = Some("lineament cluster".into());
        let lines = super::lines(&input);
        assert_eq!(lines.len(), ENTRY_LIMIT + 2);
        assert_eq!(lines[ENTRY_LIMIT].1, "lineament cluster");
        assert_eq!(lines[ENTRY_LIMIT + 1].1, "3; the file config.json contains them");
    }
}
