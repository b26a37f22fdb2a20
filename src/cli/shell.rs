//! `lineament completions` and `lineament man`

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use lineament::app::Error;

use super::output::print_bytes;
use super::{Cli, Context, Outcome, Verdict};

/// Print a shell script that completes this program's arguments
#[derive(Args)]
pub struct Completions {
    /// Shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(&self, _: &Context) -> Verdict {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "lineament", &mut script);
        print_bytes(&script)?;
        Ok(Outcome::Done)
    }
}

/// Print the man page of the program or of one subcommand
#[derive(Args)]
pub struct Man {
    /// Subcommand to describe [default: the whole program]
    verb: Option<String>,
}

impl Man {
    pub fn run(&self, _: &Context) -> Verdict {
        let mut program = Cli::command();
        program.build();
        let command = match &self.verb {
            None => program,
            Some(name) => {
                let unknown = || Error::Misuse(format!("{name}: no such subcommand; `lineament --help` lists them"));
                program.find_subcommand(name).cloned().ok_or_else(unknown)?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        print_bytes(&page)?;
        Ok(Outcome::Done)
    }
}
