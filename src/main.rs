//! `lineament`: from faces to attributes, clusters and a report, on any GPU.

mod cli;

fn main() -> std::process::ExitCode {
    lineament::profiles::expect_no_desktop();
    cli::run()
}
