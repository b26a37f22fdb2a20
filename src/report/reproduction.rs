//! Prepares the reproduction of the paper for the page: its claims beside the results of the run, and the settings on which
//! the paper's text and its code disagree.

use serde::Serialize;

use crate::evaluation::{Choice, Reproduction};

/// The section of the page that shows a reproduction.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Introduction of the section.
    what: String,
    /// Rows of the table of claims: the claim, its place in the paper, the paper's result, the run's result, and why they
    /// differ.
    findings: Vec<[String; 5]>,
    /// Rows of the table of settings: the setting, its value in the paper's text, in its code, and in the run.
    choices: Vec<[String; 4]>,
}

/// Returns the section for a reproduction.
pub(super) fn summarise(reproduction: &Reproduction) -> Summary {
    let short = if reproduction.quick { " This is a quick run with the bundled portraits and the bundled model." } else { "" };
    let choice = |one: &Choice| [&one.what, &one.paper, &one.script, &one.used].map(String::clone);
    Summary {
        what: format!(
            "The table lists every claim of the paper that can be measured, in the order of the paper. Where the paper’s text and \
             its code differ, this run used the settings of the {}.{short}",
            reproduction.settings
        ),
        findings: reproduction.rows().into_iter().map(|row| row.map(str::to_string)).collect(),
        choices: reproduction.choices.iter().map(choice).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{input_of, written};
    use crate::evaluation::{Choice, Finding, Reproduction};

    #[test]
    fn the_page_shows_claims_and_choices() {
        let mut input = input_of(&[&[0.9], &[0.8]], &[0, 0]);
        assert!(!written(&input).0.contains("id=\"reproduction\""));
        let texts = ["Accuracy", "Table I", "90.96 %", "a <short> while"].map(String::from);
        let [what, place, paper, why] = texts;
        let choice = Choice { what: "batch".into(), paper: "64".into(), script: "80".into(), used: "80".into() };
        input.reproduction = Some(Reproduction {
            settings: "script".into(),
            quick: true,
            findings: vec![Finding { what, place, paper, ours: None, why }],
            choices: vec![choice],
        });
        let (page, _) = written(&input);
        for part in [
            "<th scope=\"row\">Accuracy</th><td>Table I</td><td>90.96 %</td><td>not run</td><td>a &lt;short&gt; while</td>",
            "<th scope=\"row\">batch</th><td>64</td><td>80</td><td>80</td>",
            "the settings of the script. This is a quick run",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
