//! `kernels`: tests and times every kernel on the adapter of this machine.

mod cases;
mod commands;
#[cfg(test)]
mod completeness;
mod golden_tests;
mod harness;
mod isa;

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
        Command::Browser(arguments) => report(arguments.json, browser::run(&arguments)),
        Command::Isa(arguments) => report(arguments.json, commands::isa::run(&arguments)),
        Command::Model(arguments) => succeed(commands::model::run(&arguments)),
        Command::Tables(arguments) => succeed(commands::tables::run(&arguments)),
        Command::Emit(arguments) => succeed(emit::run(&arguments)),
    }
}

/// Returns the exit status of a command that counts nothing, and prints its error.
fn succeed(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the line that ends the output, and returns the exit status, which is 0 only if nothing failed.
fn finish(arguments: &CommonArguments, tally: Result<Tally, impl std::fmt::Display>) -> ExitCode {
    report(arguments.json, tally)
}

/// Prints the line that ends the output, and returns the exit status. With JSON, stdout holds only that.
fn report(json: bool, tally: Result<Tally, impl std::fmt::Display>) -> ExitCode {
    match tally {
        Ok(Tally { passed: 0, failed: 0, skipped: 0 }) => {
            eprintln!("error: the filter selects nothing; upper and lower case matter");
            ExitCode::FAILURE
        }
        Ok(tally) => {
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
