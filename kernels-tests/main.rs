//! `kernels`: tests and times every kernel on the adapter of this machine.

mod case;
mod cases;
mod command;
mod compare;
#[cfg(test)]
mod complete;
mod fixture;
mod random;
mod reference;
mod run_case;
mod run_tests;
mod tally;

use std::process::ExitCode;

use clap::Parser;

use command::{Command, CommandLine, CommonArguments};
use tally::Tally;

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    match command {
        Command::Test(arguments) => finish(&arguments.common, run_tests::run(&arguments.common)),
        _ => ExitCode::FAILURE,
    }
}

/// The line that ends the output, and the exit status: 0 only if nothing failed.
fn finish(arguments: &CommonArguments, tally: Result<Tally, impl std::fmt::Display>) -> ExitCode {
    match tally {
        Ok(tally) => {
            // With --json stdout holds the object alone.
            if arguments.json {
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
