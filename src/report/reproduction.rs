//! The paper beside the run: its claims, and the settings on which its text and its code disagree.

use serde::Serialize;

use crate::evaluation::{Choice, Reproduction};

/// What the page shows of a reproduction.
#[derive(Serialize)]
pub(super) struct Summary {
    what: String,
    findings: Vec<[String; 5]>,
    choices: Vec<[String; 4]>,
}

/// What the page shows of a reproduction.
pub(super) fn summarise(reproduction: &Reproduction) -> Summary {
    let short = if reproduction.quick { " This is the short way: bundled portraits and the shipped model." } else { "" };
    let choice = |one: &Choice| [&one.what, &one.paper, &one.script, &one.used].map(String::clone);
    Summary {
        what: format!(
            "Every claim of the paper that a figure can be put on, in its order. Where its text and its code differ, this run took \
             the settings of the {}.{short}",
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
            "the settings of the script. This is the short way",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
