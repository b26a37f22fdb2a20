//! The file `reproduction.json`: the claims of the paper, the results of a run, and why the two differ.

use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::EvaluationError;
use crate::data::json::read_checked;

/// A comparison of the paper with a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reproduction {
    /// The source of the settings in which the paper's text and its script differ: `paper` or `script`.
    pub settings: String,
    /// Whether the run was a quick one, which uses the bundled portraits and the shipped model.
    pub quick: bool,
    /// Every claim of the paper, in the order of the paper.
    pub findings: Vec<Finding>,
    /// Every setting in which the paper's text and its published code differ.
    pub choices: Vec<Choice>,
}

/// A claim of the paper, and the result of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The subject of the claim.
    pub what: String,
    /// The place of the claim in the paper.
    pub place: String,
    /// What the paper says.
    pub paper: String,
    /// The result of the run. `None` if the step that produces it has not run.
    pub ours: Option<String>,
    /// Why the two differ, or how they can be compared.
    pub why: String,
}

/// A setting in which the paper's text and its published code differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The name of the setting.
    pub what: String,
    /// The value in the paper's text.
    pub paper: String,
    /// The value in the paper's script or notebook.
    pub script: String,
    /// The value that the run used.
    pub used: String,
}

/// The text in place of a result whose step has not run.
const NOT_RUN: &str = "not run";
/// The largest number of characters in a line on a terminal.
const LINE_WIDTH: usize = 100;

impl Reproduction {
    /// Reads and checks `reproduction.json`.
    ///
    /// # Errors
    /// [`EvaluationError`] if the file is missing, is not JSON of this form, or has no findings.
    pub fn read(path: &Path) -> Result<Reproduction, EvaluationError> {
        let check = |one: &Reproduction| match one.findings.is_empty() {
            true => Err("`findings` is empty, expected one entry for each claim".to_string()),
            false => Ok(()),
        };
        Ok(read_checked(path, "lineament reproduce", check)?)
    }

    /// Returns the rows of the table of claims: subject, place, the paper's statement, the run's result, and the explanation.
    pub fn rows(&self) -> Vec<[&str; 5]> {
        let rows = self.findings.iter();
        rows.map(|one| [&one.what, &one.place, &one.paper, one.ours.as_deref().unwrap_or(NOT_RUN), &one.why]).collect()
    }

    /// Returns both tables, claims and settings, as text for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::from("What the paper says, and what we got\n");
        for [what, place, paper, ours, why] in self.rows() {
            let _ = writeln!(text, "\n{what} ({place})");
            for (name, value) in [("paper says", paper), ("we got", ours), ("why", why)] {
                let indent = format!("  {name:<12}");
                for (index, line) in wrapped(value, LINE_WIDTH - indent.len()).iter().enumerate() {
                    let lead = if index == 0 { indent.as_str() } else { "              " };
                    let _ = writeln!(text, "{lead}{line}");
                }
            }
        }
        let _ = writeln!(text, "\nWhere the paper's text and its code differ; this run takes the {}'s settings\n", self.settings);
        let heading = ["setting", "paper's text", "script and notebook", "this run"];
        let rows = self.choices.iter().map(|one| [one.what.as_str(), &one.paper, &one.script, &one.used]);
        let rows: Vec<[&str; 4]> = std::iter::once(heading).chain(rows).collect();
        let widths = [0, 1, 2].map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for row in rows {
            let [what, paper, script, used] = row;
            let [a, b, c] = widths;
            let _ = writeln!(text, "  {what:a$}  {paper:b$}  {script:c$}  {used}");
        }
        text
    }

    /// Returns the table of claims as CSV.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn to_csv(&self) -> std::io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["what", "place", "paper_says", "we_got", "why"])?;
        for row in self.rows() {
            csv.write_record(row)?;
        }
        csv.into_inner().map_err(|error| error.into_error())
    }
}

/// Breaks a text into lines of at most `width` characters. A longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 || line + 1 + word.chars().count() <= width => {
                if line > 0 {
                    last.push(' ');
                }
                last.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reproduction() -> Reproduction {
        let finding = |what: &str, ours: Option<&str>| Finding {
            what: what.into(),
            place: "Table I".into(),
            paper: "90.96 %".into(),
            ours: ours.map(String::from),
            why: "few words ".repeat(12),
        };
        let choice = Choice { what: "batch".into(), paper: "64".into(), script: "80".into(), used: "64".into() };
        Reproduction {
            settings: "paper".into(),
            quick: false,
            findings: vec![finding("Accuracy", Some("89.68 %")), finding("Weights", None)],
            choices: vec![choice],
        }
    }

    #[test]
    fn the_tables_show_paper_and_run_and_the_steps_that_were_not_run() {
        let text = reproduction().to_text();
        for part in [
            "Accuracy (Table I)\n  paper says  90.96 %\n  we got      89.68 %\n  why         few words",
            "we got      not run",
            "the paper's settings",
            "  setting  paper's text  script and notebook  this run\n  batch    64            80                   64\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= LINE_WIDTH), "{text}");
        let csv = String::from_utf8(reproduction().to_csv().unwrap()).unwrap();
        assert_eq!(csv.lines().count(), 3);
        assert!(csv.lines().nth(2).unwrap().starts_with("Weights,Table I,90.96 %,not run,"), "{csv}");
    }

    #[test]
    fn a_file_reads_back_as_it_was_and_an_empty_one_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&reproduction()).unwrap()).unwrap();
        assert_eq!(Reproduction::read(file.path()).unwrap(), reproduction());
        let empty = Reproduction { findings: Vec::new(), ..reproduction() };
        std::fs::write(file.path(), serde_json::to_vec(&empty).unwrap()).unwrap();
        let message = Reproduction::read(file.path()).unwrap_err().to_string();
        assert!(message.contains("`findings` is empty") && message.contains("lineament reproduce"), "{message}");
    }
}
