//! What is published: the crate is small enough, and the program explains each of its subcommands.

use std::process::Command;

use super::{lineament, text};

/// The largest crate that crates.io accepts, in bytes.
const LARGEST: u64 = 10_000_000;

#[test]
fn the_crate_is_small_enough_to_be_published() {
    let folder = tempfile::tempdir().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["package", "--no-verify", "--allow-dirty", "--offline", "--package", "lineament", "--target-dir"]);
    let output = command.arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let packages = std::fs::read_dir(folder.path().join("package")).unwrap().map(|entry| entry.unwrap());
    let sizes: Vec<u64> = packages
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "crate"))
        .map(|entry| entry.metadata().unwrap().len())
        .collect();
    assert_eq!(sizes.len(), 1);
    assert!(sizes[0] <= LARGEST, "the crate has {} bytes, more than {LARGEST}", sizes[0]);
}

#[test]
fn every_subcommand_has_help_a_manual_page_and_completions() {
    let help = text(&lineament(&["--help"]).stdout);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Long descriptions go on in lines that are indented further.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|verb| !verb.is_empty()))
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.contains(&"predict") && verbs.contains(&"man"), "{verbs:?}");
    let completions = text(&lineament(&["completions", "bash"]).stdout);
    for verb in verbs {
        let output = lineament(&[verb, "--help"]);
        let said = text(&output.stdout);
        assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true), "{verb}");
        assert!(said.contains(&format!("Usage: lineament {verb}")), "{verb}: {said}");
        assert_eq!(lineament(&["help", verb]).stdout, output.stdout, "{verb}");
        let page = text(&lineament(&["man", verb]).stdout);
        assert!(page.contains(".SH NAME") && page.contains(".SH OPTIONS"), "{verb}: {page}");
        assert!(completions.contains(&format!("lineament,{verb})")), "{verb} has no completions");
    }
}
