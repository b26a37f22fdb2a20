//! The layers of this crate, and the test that holds imports to them.

use std::path::{Path, PathBuf};

/// The layers from top to bottom. A module may import what stands further down, and nothing else of this crate.
const LAYERS: [&str; 13] =
    ["cli", "app", "report", "evaluation", "cluster", "nn", "data", "ops", "profiles", "scheduler", "device", "wgsl", "plan"];

/// The only layer that may name `wgpu`.
const DEVICE: &str = "device";

/// Every Rust file below `folder`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a line of code names by `crate::` or, in the program, by `lineament::`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    ["crate::", "lineament::"].into_iter().flat_map(move |root| code.split(root).skip(1)).flat_map(|rest| {
        let braced = rest.strip_prefix('{').and_then(|names| names.split('}').next());
        let names = braced.unwrap_or(rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default());
        names.split(',').map(|name| name.trim().split("::").next().unwrap_or_default())
    })
}

/// What is wrong with one file, a line of text each.
fn faults(layer: &str, path: &Path, text: &str) -> Vec<String> {
    let place = |module: &str| LAYERS.iter().position(|known| *known == module);
    let own = place(layer);
    let mut faults = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let at = format!("{}:{number}", path.display());
        for module in named(line) {
            if let (Some(own), Some(other)) = (own, place(module))
                && other < own
            {
                faults.push(format!("{at}: {layer} imports {module}, which is a layer above it"));
            }
        }
        let code = line.split("//").next().unwrap_or_default();
        if layer != DEVICE && code.contains("wgpu::") {
            faults.push(format!("{at}: only {DEVICE} may name wgpu"));
        }
    }
    faults
}

#[test]
fn imports_point_downwards_and_only_the_device_names_wgpu() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    let (mut all, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    for path in &found {
        let below = path.strip_prefix(&root).expect("a file below src");
        let first = below.iter().next().and_then(|first| first.to_str()).unwrap_or_default();
        let text = std::fs::read_to_string(path).expect("a source");
        if LAYERS.contains(&first) {
            seen.insert(first.to_string());
            all.extend(faults(first, below, &text));
        } else {
            assert!(
                ["lib.rs", "main.rs", "layers.rs", "testing.rs"].contains(&first),
                "{first} belongs to no layer; add it to LAYERS"
            );
        }
    }
    assert_eq!(seen.len(), LAYERS.len(), "a layer has no folder: {seen:?}");
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn upward_imports_and_strange_names_are_found() {
    let path = Path::new("x.rs");
    for (layer, line, wrong) in [
        ("plan", "use crate::ops::Pointwise;", true),
        ("ops", "use crate::plan::Step;", false),
        ("ops", "    let x = crate::nn::Model::open(path);", true),
        ("cluster", "use crate::{data, evaluation};", true),
        ("cluster", "use crate::{data, nn};", false),
        ("cli", "use lineament::app::Predictor;", false),
        ("nn", "// as crate::app does", false),
        ("scheduler", "fn f(pass: &mut wgpu::ComputePass) {}", true),
        ("device", "fn f(pass: &mut wgpu::ComputePass) {}", false),
    ] {
        assert_eq!(!faults(layer, path, line).is_empty(), wrong, "{layer}: {line}");
    }
}
