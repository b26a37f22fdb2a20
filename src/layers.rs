//! The layers of this crate, and the test that holds imports to them.

use std::path::{Path, PathBuf};

/// The layers from top to bottom. A module may import what stands further down, and nothing else of this crate.
const LAYERS: [&str; 13] =
    ["cli", "app", "report", "evaluation", "cluster", "nn", "data", "ops", "profiles", "scheduler", "device", "wgsl", "plan"];

/// The only layer that may name `wgpu`.
const DEVICE: &str = "device";

/// Appends every Rust file in `folder` and below it to `found`.
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

/// A word or punctuation mark of Rust source, with the number of its line. `::` is one mark.
#[derive(Clone, Copy)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

/// Returns the tokens of Rust source without comments, strings and characters.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let (length, is_token) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (comment_length(rest), false)
        } else if let Some(length) = literal_length(rest) {
            (length, false)
        } else if is_part(first) {
            (rest.find(|c| !is_part(c)).unwrap_or(rest.len()), true)
        } else {
            (if rest.starts_with("::") { 2 } else { first.len_utf8() }, !first.is_whitespace())
        };
        let (text, after) = rest.split_at(length);
        if is_token {
            tokens.push(Token { line, text });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// Returns the length of the block comment at the start of `text`. Block comments may contain others.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (1, 2);
    while depth > 0
        && let Some(next) = text[at..].find(['/', '*'])
    {
        at += next;
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    if depth > 0 { text.len() } else { at }
}

/// Returns the length of the string or character at the start of `text`, if there is one.
fn literal_length(text: &str) -> Option<usize> {
    let quoted = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = &text[..text.len() - quoted.len()];
    if prefix.contains('r') {
        let content = quoted.trim_start_matches('#');
        let end = format!("\"{}", &quoted[..quoted.len() - content.len()]);
        let content = content.strip_prefix('"')?;
        let after = content.split_once(&end).map_or("", |(_, after)| after);
        return Some(text.len() - after.len());
    }
    let quote = quoted.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let mut characters = quoted.char_indices().skip(1).peekable();
    // `'a` without a quote after it is a lifetime.
    let is_lifetime = || quoted.chars().nth(1) != Some('\\') && quoted.chars().nth(2) != Some('\'');
    if quote == '\'' && is_lifetime() {
        return None;
    }
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return Some(prefix.len() + at + 1);
        }
    }
    Some(text.len())
}

/// Reads the path at the start of `tokens`, which may end in a tree of braces. Appends each path of the tree to `found`, after
/// the segments in `before`. Returns the number of tokens read.
fn read_paths<'a>(tokens: &[Token<'a>], before: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        match text(at) {
            "{" => {
                at += 1;
                while !["}", ""].contains(&text(at)) {
                    at += match text(at) {
                        "," => 1,
                        "as" => 2,
                        _ => read_paths(&tokens[at..], &path, found).max(1),
                    };
                }
                return at + 1;
            }
            segment if segment == "*" || segment.starts_with(|c: char| c.is_alphabetic() || c == '_') => path.push(segment),
            _ => break,
        }
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
    }
    found.push(path);
    at
}

/// Returns what a path names at the root of the crate, or nothing if it names the root itself. `module` is the module that
/// contains the path.
fn root_item<'a>(module: &[&'a str], path: &[&'a str]) -> Option<&'a str> {
    let mut full = module.to_vec();
    for segment in path {
        match *segment {
            "crate" | "lineament" => full.clear(),
            "super" => drop(full.pop()),
            "self" => {}
            name => full.push(name),
        }
    }
    full.first().copied()
}

/// Returns what a file names at the root of the crate, with line numbers: by `crate::`, by `super::` or, in the program, by
/// `lineament::`. The root itself is named as `crate`. `module` is the file's module.
fn named<'a>(module: &[&'a str], tokens: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut named = Vec::new();
    // The inline modules around the current token, and the depth of braces at which each begins.
    let (mut module, mut inline, mut depth) = (module.to_vec(), Vec::new(), 0);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let previous = at.checked_sub(1).map_or("", text);
        let is_start = match token.text {
            "crate" | "super" => previous != "::",
            "lineament" | "self" => previous != "::" && text(at + 1) == "::",
            _ => false,
        };
        if is_start {
            let mut paths = Vec::new();
            at += read_paths(&tokens[at..], &[], &mut paths);
            // `pub(crate)` and `pub(in super::super)` import nothing.
            if !["(", "in"].contains(&previous) || text(at) != ")" {
                named.extend(paths.iter().map(|path| (token.line, root_item(&module, path).unwrap_or("crate"))));
            }
            continue;
        }
        match token.text {
            "mod" if text(at + 2) == "{" => {
                module.push(text(at + 1));
                inline.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            _ => {}
        }
        at += 1;
    }
    named
}

/// Returns what is wrong with the file at `path` below `src`, one line of text for each fault.
fn faults(path: &Path, text: &str) -> Vec<String> {
    let file = path.with_extension("");
    let mut module: Vec<&str> = file.iter().filter_map(|name| name.to_str()).collect();
    if module.last() == Some(&"mod") {
        module.pop();
    }
    let layer = module[0];
    let place = |name: &str| LAYERS.iter().position(|known| *known == name);
    let own = place(layer).expect("a layer");
    let tokens = tokens(text);
    let mut faults = Vec::new();
    for (line, name) in named(&module, &tokens) {
        let at = format!("{}:{line}", path.display());
        match place(name) {
            Some(other) if other < own => faults.push(format!("{at}: {layer} imports {name}, which is a layer above it")),
            // The crate's root offers items of all layers, so only the top layer may take them from there.
            None if own > 0 && name != "testing" => {
                faults.push(format!("{at}: {layer} imports {name} from the crate's root; import it from its layer"));
            }
            _ => {}
        }
    }
    if layer != DEVICE {
        let named = tokens.iter().filter(|token| token.text == "wgpu");
        faults.extend(named.map(|token| format!("{}:{}: only {DEVICE} may name wgpu", path.display(), token.line)));
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
            all.extend(faults(below, &text));
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
    for (path, source, wrong) in [
        ("plan/x.rs", "use crate::ops::Pointwise;", true),
        ("ops/x.rs", "use crate::plan::Step;", false),
        ("ops/x.rs", "let x = crate::nn::Model::open(path);", true),
        ("ops/x.rs", "let x = a::crate_nn::y;", false),
        ("cluster/x.rs", "use crate::{data, evaluation};", true),
        ("cluster/x.rs", "use crate::{data, nn};", false),
        ("cluster/x.rs", "use crate::{\n    data::{Table, app},\n    nn as network,\n    evaluation::X,\n};", true),
        ("cluster/x.rs", "use crate::{\n    data::{Table, app},\n    nn as app,\n};", false),
        ("cluster/x.rs", "pub use crate::report::Report;", true),
        ("cluster/x.rs", "fn f(report: crate::report::Report) {}", true),
        // `super` leads to the crate's root from a module of a layer, and from further down after more steps.
        ("ops/mod.rs", "use super::nn::Model;", true),
        ("ops/x.rs", "use super::nn::Model;", false),
        ("ops/x.rs", "use super::super::nn::Model;", true),
        ("ops/x.rs", "let x = super::super::plan::Step;", false),
        ("ops/x/y.rs", "use super::super::nn::Model;", false),
        ("ops/x/mod.rs", "pub(in super::super) use super::{a, super::nn};", true),
        ("ops/x.rs", "mod tests { use super::super::nn; } use super::super::plan;", false),
        ("ops/x.rs", "mod tests { fn f() {} } use super::super::nn;", true),
        ("ops/x.rs", "mod tests { use super::super::super::nn; }", true),
        ("ops/x.rs", "macro_rules! m { () => { $crate::nn::f() } }", true),
        // The root offers items of every layer, under their own names or another.
        ("data/x.rs", "use crate::Predictor;", true),
        ("data/x.rs", "use crate::*;", true),
        ("data/x.rs", "use crate as root;", true),
        ("data/x.rs", "use crate::{self as root};", true),
        ("data/x.rs", "pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::data) fn h(self) {}", false),
        ("data/x.rs", "let Some(device) = crate::testing::device() else { return };", false),
        ("cli/x.rs", "use lineament::app::Predictor;", false),
        ("cli/x.rs", "use lineament::Predictor;", false),
        ("nn/x.rs", "// as crate::app does\n/* crate::app /* */ crate::app */", false),
        ("nn/x.rs", r###"f("crate::app \" crate::app", r#"" crate::app"#, b"crate::app", '"', '\''); g::<'a>(x)"###, false),
        ("nn/x.rs", "fn f<'a>(x: &'a str) -> char { '\"' } use crate::app; // \"", true),
        ("scheduler/x.rs", "fn f(pass: &mut wgpu::ComputePass) {}", true),
        ("scheduler/x.rs", "use wgpu as w;", true),
        ("device/x.rs", "fn f(pass: &mut wgpu::ComputePass) {}", false),
    ] {
        assert_eq!(!faults(Path::new(path), source).is_empty(), wrong, "{path}: {source}");
    }
}
