//! Prepares the comparison of losses for the page: the metrics of each loss, and its recall for each attribute.
//!
//! The paper calls it the loss issue: some losses train a network that never predicts rare attributes.

use serde::Serialize;

use super::charts::{Bar, Chart};
use super::wording::{count, loss_name, percent, thousands};
use crate::evaluation::{LossIssue, LossOutcome, RARE};

/// The section of the page that shows a comparison of losses.
#[derive(Serialize)]
pub(super) struct Summary {
    /// A sentence that says what was compared.
    what: String,
    /// The two shares below which an attribute counts as rare.
    rare: [String; 2],
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    charts: Vec<Chart>,
}

/// Returns a sentence that says what was compared, without its full stop.
fn what(issue: &LossIssue) -> String {
    format!(
        "The same network was trained from the same initial weights on {} with each of {} losses. The table shows the best of {} \
         on {}",
        count(issue.training_images, "image"),
        thousands(issue.losses.len()),
        count(issue.epochs as usize, "epoch"),
        count(issue.validation_images, "validation image"),
    )
}

/// Returns the section for a comparison of losses.
pub(super) fn summarise(issue: &LossIssue) -> Summary {
    let mut rows = issue.summary("–");
    let heading = rows.remove(0);
    for row in &mut rows {
        row[0] = loss_name(&row[0]).to_string();
    }
    Summary {
        what: what(issue),
        rare: RARE.map(percent),
        heading,
        rows,
        charts: issue.losses.iter().map(|loss| chart(issue, loss)).collect(),
    }
}

fn chart(issue: &LossIssue, loss: &LossOutcome) -> Chart {
    let bar = |at: usize| {
        let (one, outcome) = (&issue.attributes[at], &loss.attributes[at]);
        let value = match (outcome.predicted, outcome.recall) {
            (0, _) => "never".to_string(),
            (_, recall) => recall.map_or("–".to_string(), percent),
        };
        Bar::new(&one.attribute, outcome.recall, value, one.occurrence)
    };
    Chart {
        title: format!("Recall with {}", loss_name(&loss.loss)),
        by: "attribute",
        bar: "recall",
        line: "share of the training images",
        bars: issue.rarest_first(true).into_iter().map(bar).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{input_of, written};
    use super::super::{ReportInput, load_run};
    use crate::evaluation::{LossIssue, Metrics};

    fn issue() -> LossIssue {
        let names = ["Smiling", "Wearing_<Hat>"].map(String::from);
        let training: Vec<u8> = (0..20).flat_map(|row| [row % 2, u8::from(row == 3)]).collect();
        let labels = [1, 0, 0, 1, 1, 0];
        let mut issue = LossIssue::new(&names, &training, &labels, 4);
        for (loss, probabilities) in [("mae", [0.9, 0.1, 0.2, 0.3, 0.3, 0.1]), ("bce", [0.9, 0.1, 0.2, 0.8, 0.3, 0.1])] {
            issue.add(loss, 2, &Metrics::new(&names, &probabilities, &labels));
        }
        issue
    }

    #[test]
    fn the_page_compares_the_losses_with_or_without_faces() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("loss_issue.json"), serde_json::to_vec(&issue()).unwrap()).unwrap();
        let (page, summary) = written(&load_run(folder.path(), None, None).unwrap());
        assert!(page.contains("on 20 images with each of 2 losses. The table shows the best of 4 epochs on 3 validation images"));
        for part in [
            "Recall with mean absolute error",
            "<th scope=\"row\">binary cross-entropy</th>",
            "Wearing &lt;Hat&gt;",
            ">never<",
            "always the majority",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // One of the two attributes is rare. The network trained with MAE never predicts it; the one trained with BCE does.
        assert!(page.contains("<td>0 of 1 (0 %)</td>") && page.contains("<td>1 of 1 (100 %)</td>"), "{page}");
        assert!(!page.contains("id=\"frequency\"") && !page.contains("0 faces"), "{page}");
        assert_eq!(summary.faces, 0);

        let input = ReportInput { loss_issue: Some(issue()), ..input_of(&[&[0.9], &[0.8]], &[0, 0]) };
        let (page, _) = written(&input);
        assert!(page.contains("id=\"losses\"") && page.contains("id=\"frequency\"") && page.contains("2 faces"));
    }

    #[test]
    fn a_comparison_that_contradicts_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut issue = issue();
        issue.losses[0].attributes.clear();
        std::fs::write(folder.path().join("loss_issue.json"), serde_json::to_vec(&issue).unwrap()).unwrap();
        let message = load_run(folder.path(), None, None).unwrap_err().to_string();
        assert!(message.contains("loss_issue.json") && message.contains("mae"), "{message}");
    }
}
