//! `kernels`: tests and times every kernel on the adapter of this machine.

mod cases;
mod commands;
#[cfg(test)]
mod completeness;
mod golden_tests;
mod harness;

use std::process::ExitCode;

use clap::Parser;
use lineament::wgsl::read_shaders_from;

use commands::arguments::{Command, CommandLine, CommonArguments, TestArguments};
use commands::{browser, emit, mutants, perf, support, test};
use harness::outcome::Tally;

fn main() -> ExitCode {
    let CommandLine { shaders, command } = CommandLine::parse();
    if let Some(Err(error)) = shaders.map(|folder| read_shaders_from(&folder, lineament::ops::ALL)) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    match command {
        Command::Test(TestArguments { common, golden: Some(folder) }) => finish(&common, golden_tests::run(&common, &folder)),
        Command::Test(TestArguments { common, golden: None }) => finish(&common, test::run(&common)),
        Command::Mutants(arguments) => finish(&arguments, mutants::run(&arguments)),
        Command::Perf(arguments) => finish(&arguments.common, perf::run(&arguments)),
        Command::Support(arguments) => finish(&arguments, support::run(&arguments)),
        Command::Browser(arguments) => finish_as(arguments.json, browser::run(&arguments)),
        Command::Emit(arguments) => match emit::run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Prints the line that ends the output, and returns the exit status, which is 0 only if nothing failed.
fn finish(arguments: &CommonArguments, tally: Result<Tally, impl std::fmt::Display>) -> ExitCode {
    finish_as(arguments.json, tally)
}

/// Like [`finish`], for commands that open no adapter.
fn finish_as(json: bool, tally: Result<Tally, impl std::fmt::Display>) -> ExitCode {
    match tally {
        Ok(tally) => {
            // With --json, stdout holds only the JSON object.
            if json {
                eprintln!("{tally}")
            } else {
                println!("{tally}")
            }
            if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
