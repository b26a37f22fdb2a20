//! Lists how a run was made: its configuration, and the command, adapter and times of its clusterings.

use serde_json::{Map, Value};

use super::ReportInput;
use super::wording::readable_name;

/// Largest number of lines that the page lists, and largest number of characters of a value.
const CONFIGURATION_LIMITS: (usize, usize) = (200, 2000);

/// Returns how the run was made, as pairs of a name and a value. The name of a nested entry is its path in the configuration.
pub(super) fn lines(input: &ReportInput) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    flatten("", &input.configuration, &mut lines);
    for (kind, clusters) in [("clustering", &input.clusters), ("weighted clustering", &input.weighted)] {
        let Some(clusters) = clusters else { continue };
        let seconds = clusters.seconds.iter().map(|(phase, seconds)| format!("{phase} {seconds:.2}"));
        let seconds = Some(seconds.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty());
        let also = [("command", clusters.command.clone()), ("adapter", clusters.adapter.clone()), ("seconds", seconds)];
        lines.extend(also.into_iter().filter_map(|(name, value)| Some((format!("{kind} {name}"), value?))));
    }
    lines.truncate(CONFIGURATION_LIMITS.0);
    for (_, value) in &mut lines {
        if let Some((cut, _)) = value.char_indices().nth(CONFIGURATION_LIMITS.1) {
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
        assert_eq!(super::lines(&input)[0].1.chars().count(), CONFIGURATION_LIMITS.1 + 1);
    }
}
