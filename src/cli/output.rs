//! Writes results to standard output or to a file.

use std::io::Write;
use std::path::Path;

use lineament::app::{Error, write_file};

/// Prints a line to stdout. Unlike `println!`, this returns an error instead of panicking when the reader is gone.
pub fn print_line(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}

/// Writes bytes to a file, completely or not at all, or to stdout if no file is named.
pub fn write_out(out: Option<&Path>, bytes: &[u8]) -> Result<(), Error> {
    match out {
        Some(path) => Ok(write_file(path, bytes)?),
        None => Ok(std::io::stdout().lock().write_all(bytes)?),
    }
}

/// Returns the command line without the folder of the program. Long lists of images are cut.
pub fn command_line() -> String {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    words.insert(0, "lineament".into());
    let kept = 24;
    if words.len() > kept {
        let cut = words.len() - kept;
        words.truncate(kept);
        words.push(format!("… and {cut} more"));
    }
    words.join(" ")
}
