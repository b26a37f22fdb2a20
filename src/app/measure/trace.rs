//! Writes a profile as a trace for Perfetto and chrome://tracing.

use serde_json::{Value, json};

use super::Profile;

/// Returns the last timed run in Chromium's trace event format: one complete event for each step, in microseconds.
pub fn to_trace(profile: &Profile) -> Value {
    let name = |kind: &str, name: &str| json!({ "ph": "M", "pid": 1, "tid": 1, "name": kind, "args": { "name": name } });
    let mut events = vec![name("process_name", "Lineament"), name("thread_name", &profile.name)];
    events.extend(profile.steps.iter().map(|step| {
        json!({
            "name": step.label, "cat": step.kernel, "ph": "X", "pid": 1, "tid": 1,
            "ts": 1e6 * step.start, "dur": 1e6 * step.seconds,
            "args": {
                "kernel": step.kernel, "variant": step.variant, "workgroups": step.grid,
                "GFLOP/s": step.flops as f64 / step.seconds.max(1e-12) / 1e9,
                "GB/s": step.bytes as f64 / step.seconds.max(1e-12) / 1e9,
            },
        })
    }));
    json!({ "displayTimeUnit": "ms", "otherData": { "clock": profile.clock, "workload": profile.name }, "traceEvents": events })
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::small;
    use super::*;

    #[test]
    fn every_step_is_a_complete_event() {
        let trace = to_trace(&small());
        let events = trace["traceEvents"].as_array().expect("events");
        let complete: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(complete.len(), 3);
        assert_eq!((complete[1]["ts"].as_f64(), complete[1]["dur"].as_f64()), (Some(2e6), Some(4e6)));
    }
}
