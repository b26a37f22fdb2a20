//! Tests of `lineament tune`, and of how other subcommands use its winners.

use std::process::{Command, Output};

use super::{BACKBONE, face, model, refused, text};

/// Runs the program with a cache folder of its own.
fn with_cache(cache: &std::path::Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_lineament"));
    program.args(arguments).env("LINEAMENT_CACHE", cache).env_remove("LINEAMENT_TUNING").output().expect("the program starts")
}

#[test]
fn winners_are_kept_explained_used_and_renewed() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let (_model_folder, model) = model();
    let tune = ["tune", "--model", &model, "--batch", "1,2", "--size", "64", "--train"];
    let output = with_cache(&cache, &tune);
    let (words, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{messages}");
    for part in
        ["stem 1x64x64", "depthwise input gradient 2x", "dense weight gradient", "pointwise", "shapes use another variant"]
    {
        assert!(words.contains(part), "{part} is not in {words}");
    }
    assert!(messages.contains(", 0 known before; kept in"), "{messages}");
    let names = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // The folder may also contain the compiled pipelines of a Vulkan driver.
    let (pipelines, winners): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with("pipelines-"));
    assert!(winners.len() == 1 && pipelines.len() <= 1, "{winners:?} {pipelines:?}");
    let winners = cache.join(&winners[0]);

    // Known shapes are not measured again, and --explain shows all of their candidates.
    let output = with_cache(&cache, &[&tune[..], &["--explain"]].concat());
    let (words, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(messages.contains("\n0 shapes measured"), "{messages}");
    assert!(words.contains("winner") && words.contains("pointwise_registers 8x8"), "{words}");

    // A prediction uses the winners unless they are turned off. Its attributes differ only by rounding.
    let picture = face(0);
    let predict = ["predict", picture.to_str().unwrap(), "--model", &model, "--batch", "1"];
    let tuned = with_cache(&cache, &predict);
    assert!(tuned.status.success() && text(&tuned.stderr).contains("tuned: "), "{}", text(&tuned.stderr));
    let shipped = super::lineament(&predict);
    assert!(!text(&shipped.stderr).contains("tuned: "), "{}", text(&shipped.stderr));
    let numbers = |output: &Output| -> Vec<f64> {
        let last = text(&output.stdout).lines().last().unwrap_or_default().to_string();
        last.split(',').filter_map(|field| field.parse().ok()).collect()
    };
    assert!(!numbers(&tuned).is_empty() && numbers(&tuned).len() == numbers(&shipped).len());
    assert!(numbers(&tuned).iter().zip(numbers(&shipped)).all(|(tuned, shipped)| (tuned - shipped).abs() < 1e-4));

    // If a shader has changed since it was tuned, the shipped variant is used until it is tuned again.
    let mut store: serde_json::Value = serde_json::from_slice(&std::fs::read(&winners).unwrap()).unwrap();
    for entry in store["entries"].as_array_mut().unwrap() {
        (entry["winner_content"], entry["content"]) = ("of another source".into(), "of other sources".into());
    }
    std::fs::write(&winners, store.to_string()).unwrap();
    let stale = with_cache(&cache, &predict);
    assert!(
        text(&stale.stderr).contains("lineament tune") && !text(&stale.stderr).contains("tuned: "),
        "{}",
        text(&stale.stderr)
    );
    let output = with_cache(&cache, &tune);
    assert!(text(&output.stderr).contains(", 0 known before"), "{}", text(&output.stderr));

    // A damaged file of winners does not prevent a prediction, and `tune --again` replaces it.
    std::fs::write(&winners, "{").unwrap();
    let output = with_cache(&cache, &predict);
    assert!(output.status.success() && text(&output.stderr).contains("choices as shipped"), "{}", text(&output.stderr));
    let output = with_cache(&cache, &tune);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("--again"), "{}", text(&output.stderr));
    assert!(with_cache(&cache, &["tune", "--model", &model, "--batch", "1", "--size", "64", "--again"]).status.success());

    refused(&["tune", "--model", BACKBONE, "--size", "100"], 2, &["--size 100", "32"]);
}
