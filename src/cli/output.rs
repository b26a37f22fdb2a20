//! Prints results to standard output.

use std::error::Error;
use std::io::Write;

use lineament::data::LeftOut;
use serde::Serialize;

// Unlike `print!`, these functions return an error instead of panicking when the reader of stdout is gone.

/// Prints bytes to stdout.
pub fn print_bytes(bytes: &[u8]) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(bytes)
}

/// Prints a line to stdout.
pub fn print_line(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}

/// Prints a result to stdout: as indented JSON if `json` is set, otherwise as text.
pub fn print_result(json: bool, result: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Box<dyn Error>> {
    let text = if json { serde_json::to_string_pretty(result)? } else { text() };
    Ok(print_line(text.trim_end())?)
}

/// Says on stderr which files were left out of a search for images, and why.
pub fn tell_left_out(left_out: &LeftOut) {
    left_out.sentences().iter().for_each(|sentence| eprintln!("note: {sentence}"));
}

/// Returns the command line without the folder of the program. Long lists of images are cut.
pub fn command_line() -> String {
    const KEPT: usize = 24;
    // `std::env::args` would panic at a file name that is not UTF-8.
    let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut words: Vec<String> = std::iter::once("lineament".to_string()).chain(arguments).collect();
    if words.len() > KEPT {
        let cut = words.len() - KEPT;
        words.truncate(KEPT);
        words.push(format!("… and {cut} more"));
    }
    words.join(" ")
}
