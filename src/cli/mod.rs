//! The command line: parses arguments, calls the library, and prints the results.

mod arguments;
mod augment;
mod bench;
mod classify;
mod cluster;
mod cluster_options;
mod compare;
mod convert;
mod devices;
mod display;
mod eval;
mod export;
mod faces;
mod optimizer_options;
mod output;
mod plan;
mod predict;
mod profile;
mod report;
mod reproduce;
mod shell;
mod sort;
mod train;
mod train_options;
mod tune;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use display::Display;
use lineament::app::{self, Context};

/// The paper that the help texts speak of.
const PAPER: &str = "“The paper” is “Transfer Learning for Facial Attributes Prediction and Clustering” (Anzalone et al., 2019).";

/// Predict facial attributes and cluster faces, on any GPU.
#[derive(Parser)]
#[command(name = "lineament", version, about, after_help = PAPER, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Declares the subcommands in the order of the help text, each as the type `$verb` in the module `$module`, and how the chosen
/// one is run.
macro_rules! subcommands {
    ($($module:ident::$verb:ident),+ $(,)?) => {
        #[derive(Subcommand)]
        enum Verb {
            $($verb($module::$verb)),+
        }

        impl Verb {
            /// Runs the subcommand. Its progress bar is gone when this returns.
            fn run(&self) -> Verdict {
                let display = Display::default();
                match self {
                    $(Verb::$verb(verb) => verb.run(&display.context())),+
                }
            }
        }
    };
}

subcommands! {
    predict::Predict, cluster::Cluster, compare::Compare, report::Report, sort::Sort, train::Train, eval::Eval, reproduce::Reproduce,
    faces::Faces, classify::Classify, augment::Augment, devices::Devices, plan::Plan, profile::Profile, tune::Tune, bench::Bench,
    convert::Convert, export::Export, shell::Completions, shell::Man,
}

/// How a subcommand ended, if it did not fail.
enum Outcome {
    /// Everything was done.
    Done,
    /// Some inputs could not be used. They were reported, and the others were processed.
    Incomplete,
}

impl Outcome {
    fn complete(is_complete: bool) -> Outcome {
        if is_complete { Outcome::Done } else { Outcome::Incomplete }
    }
}

/// The result of a subcommand. An error is printed as one line on stderr.
type Verdict = Result<Outcome, Box<dyn Error>>;

/// Runs the command line. The exit status is 0 if everything was done, 1 if it failed or is incomplete, and 2 if it was misused.
pub fn run() -> ExitCode {
    match Cli::parse().verb.run() {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(1),
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let is_misuse = error.downcast_ref::<app::Error>().is_some_and(app::Error::is_misuse);
            ExitCode::from(if is_misuse { 2 } else { 1 })
        }
    }
}

/// Returns whether an error means that the reader of our output is gone, as in `lineament … | head`. That is no failure.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent_and_their_defaults_are_valid() {
        Cli::command().debug_assert();
        for line in [
            "predict a.jpg",
            "predict a.jpg --faces all --landmarks --allow-no-face",
            "faces a.jpg --out d",
            "classify a.jpg",
            "train --data d --out o",
            "eval --data d --partition test",
            "cluster --run r --k 3 --metric l1",
            "compare --run r --methods kmeans,birch",
            "reproduce --quick --out o --only loss-issue",
            "bench kmeans-bits 100",
            "convert a.h5 --out b.safetensors --input zero-to-one --attributes paper-37",
            "export --onnx a.onnx --part head",
            "completions bash",
            "man predict",
        ] {
            let words = std::iter::once("lineament").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
        let unknown = Cli::try_parse_from(["lineament", "cluster", "--run", "r", "--method", "kmean"]).err();
        let message = unknown.expect("an unknown method").to_string();
        assert!(message.contains("kmeans") && message.contains("spectral"), "{message}");
    }

    /// The main page, which lists the subcommands.
    const MAIN_PAGE: &str = include_str!("../../README.md");

    #[test]
    fn every_subcommand_explains_itself_and_all_its_arguments() {
        let mut program = Cli::command();
        program.build();
        let verbs: Vec<&clap::Command> = program.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
        assert!(verbs.len() > 15);
        for verb in verbs {
            let name = verb.get_name();
            assert!(MAIN_PAGE.contains(&format!("`{name}`")), "README.md does not list {name}");
            let about = verb.get_about().unwrap_or_else(|| panic!("{name} has no description")).to_string();
            assert!(about.starts_with(char::is_uppercase) && !about.ends_with('.'), "{name}: {about}");
            let (short, long) = (verb.clone().render_help().to_string(), verb.clone().render_long_help().to_string());
            let mut page = Vec::new();
            clap_mangen::Man::new(verb.clone()).render(&mut page).expect("a manual page");
            let page = String::from_utf8(page).expect("UTF-8").replace("\\-", "-");
            for argument in verb.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let id = argument.get_id();
                let help = argument.get_help().unwrap_or_else(|| panic!("{name}: {id} has no help")).to_string();
                assert!(!help.trim().is_empty() && !help.ends_with('.'), "{name} {id}: {help}");
                if let Some(option) = argument.get_long() {
                    let option = format!("--{option}");
                    assert!(
                        [&short, &long, &page].into_iter().all(|text| text.contains(&option)),
                        "{name} does not show {option}"
                    );
                }
            }
            for line in long.lines().chain(short.lines()).filter(|line| !line.starts_with("Usage:")) {
                assert!(line.chars().count() <= 100, "{name}: the line is too long: {line}");
            }
        }
    }
}
