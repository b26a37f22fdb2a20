//! `lineament sort`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{Placement, sort_photographs};

use super::display::cancel_on_interrupt;
use super::output::print_line;
use super::{Context, Outcome, Verdict};

/// Copy the photographs of a clustered run into a folder for each cluster
#[derive(Args)]
pub struct Sort {
    /// The run folder, with attributes.csv and clusters.json
    run: PathBuf,
    /// Folder to create the folders cluster-0, cluster-1, … and noise in. Nothing in it is overwritten
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Make hard links instead of copies. They take no space, and the folder must be on the same disk as the photographs
    #[arg(long)]
    link: bool,
    /// Folder of the photographs, if they are not where attributes.csv says
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
}

impl Sort {
    pub fn run(&self, context: &Context) -> Verdict {
        cancel_on_interrupt(&context.cancellation);
        let placement = if self.link { Placement::Link } else { Placement::Copy };
        let sorted = sort_photographs((&self.run, self.images.as_deref()), &self.into, placement, context)?;
        if !sorted.missing.is_empty() {
            eprintln!("{} photographs are missing:", sorted.missing.len());
            sorted.missing.iter().for_each(|reason| eprintln!("  {reason}"));
        }
        let verb = if self.link { "linked" } else { "copied" };
        let there = if sorted.present == 0 { String::new() } else { format!(", {} were there already", sorted.present) };
        print_line(format_args!("{verb} {} photographs into {} folders{there}", sorted.placed, sorted.folders.len()))?;
        Ok(Outcome::complete(sorted.missing.is_empty()))
    }
}
