//! `kernels`: tests and times every kernel on the adapter of this machine.

mod backbone;
mod baseline;
mod case;
mod cases;
mod command;
mod compare;
#[cfg(test)]
mod complete;
mod emit;
mod fixture;
mod golden;
mod golden_augment;
mod golden_block;
mod golden_block_training;
mod golden_cluster;
mod golden_cluster_methods;
mod golden_cluster_orders;
mod golden_data;
mod golden_figure5;
mod golden_gradients;
mod golden_head;
mod golden_io;
mod golden_keras2;
mod golden_kernels;
mod golden_layers;
mod golden_losses;
mod golden_masked_head;
mod golden_metrics;
mod golden_network;
mod golden_network_training;
mod golden_optimizers;
mod golden_pca;
mod golden_tiny;
mod golden_train;
mod mutants;
mod perf;
mod random;
mod recipe;
mod reference;
mod run_case;
mod run_tests;
mod support;
mod tally;
mod timing;
mod training_step;

use std::process::ExitCode;

use clap::Parser;

use command::{Command, CommandLine, CommonArguments, TestArguments};
use tally::Tally;

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    match command {
        Command::Test(TestArguments { common, golden: Some(folder) }) => finish(&common, golden::run(&common, &folder)),
        Command::Test(TestArguments { common, golden: None }) => finish(&common, run_tests::run(&common)),
        Command::Mutants(arguments) => finish(&arguments, mutants::run(&arguments)),
        Command::Perf(arguments) => finish(&arguments.common, perf::run(&arguments)),
        Command::Support(arguments) => finish(&arguments, support::run(&arguments)),
        Command::Emit(arguments) => match emit::run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
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
