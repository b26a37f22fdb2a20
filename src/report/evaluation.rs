//! Prepares the evaluation of predictions against labels for the page: Table I, charts by attribute, and the most confident
//! mistakes.

use rayon::prelude::*;
use serde::Serialize;

use super::charts::{Bar, Chart};
use super::contact_sheet::Bounds;
use super::faces::{self, Portrait};
use super::page::Figure;
use super::wording::{count, percent, readable_name};
use super::{EvaluatedFaces, FaceSource, ReportError, ReportInput, UnreadableImage};
use crate::data::attributes::paper_attributes;
use crate::evaluation::published::{PAPER_ACCURACY, PAPER_HAMMING_DISTANCE};
use crate::evaluation::{AttributeMetrics, Evaluation, Mistake, TableOne, TableOneRow};

/// One row of Table I.
#[derive(Serialize)]
struct Row {
    attribute: String,
    /// In percent: accuracy, the paper's accuracy, the accuracy of LNets+ANet, the majority guess, and balanced accuracy.
    figures: [String; 5],
}

/// One of the most confident mistakes, with its picture.
#[derive(Serialize)]
struct Shown<'a> {
    /// Name of the image in `attributes.csv`.
    name: &'a str,
    /// The file name without its folders.
    file: &'a str,
    attribute: String,
    label: &'static str,
    probability: String,
    picture: Option<&'a str>,
}

/// The section of the page that shows an evaluation.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    /// Names the evaluated images and the number of attributes.
    what: String,
    /// The numbers at the top of the section.
    headlines: Vec<Figure>,
    rows: Vec<Row>,
    mean: Row,
    charts: Vec<Chart>,
    mistakes: Vec<Shown<'a>>,
}

/// Reads the pictures of the most confident mistakes, in the order of the evaluation. If a picture cannot be read, its entry
/// holds the reason.
///
/// # Errors
/// Returns [`ReportError::Encode`] if a picture cannot be encoded.
pub(super) fn portraits(input: &ReportInput) -> Result<Vec<Portrait>, ReportError> {
    let mistakes = input.evaluation.as_ref().map_or(&[][..], |evaluation| &evaluation.confident_mistakes);
    let within = Bounds::of_page(usize::MAX);
    let (images, ..) = evaluated(input);
    let portrait = |mistake: &Mistake| match images.iter().find(|face| face.name == mistake.image) {
        Some(face) => faces::portrait(face, input.crop, input.orientation, within),
        None => Ok(Portrait { name: mistake.image.clone(), picture: Err("not in attributes.csv".into()) }),
    };
    mistakes.par_iter().map(portrait).collect()
}

/// Returns the images of mistakes that could not be read.
pub(super) fn unreadable(portraits: &[Portrait]) -> impl Iterator<Item = UnreadableImage> {
    portraits.iter().filter_map(|Portrait { name, picture }| {
        picture.as_ref().err().map(|reason| UnreadableImage { name: name.clone(), reason: reason.clone() })
    })
}

/// Returns the section for `evaluation`. `portraits` holds the pictures of its most confident mistakes, in the same order.
pub(super) fn summarise<'a>(evaluation: &'a Evaluation, portraits: &'a [Portrait]) -> Summary<'a> {
    let metrics = &evaluation.metrics;
    let table = TableOne::new(metrics);
    let row = |row: &TableOneRow| Row { attribute: readable_name(&row.attribute), figures: row.figures("–") };
    let chart = |title: &str, line, figure: fn(&AttributeMetrics) -> Option<f64>, compared: fn(&AttributeMetrics) -> f64| Chart {
        title: title.to_string(),
        by: "attribute",
        bar: "the model",
        line,
        bars: metrics.attributes.iter().map(|one| bar(one, figure(one), compared(one))).collect(),
    };
    let shown = |(mistake, portrait): (&'a Mistake, &'a Portrait)| Shown {
        name: &mistake.image,
        file: mistake.image.rsplit(['/', '\\']).next().unwrap_or(&mistake.image),
        attribute: readable_name(&mistake.attribute),
        label: if mistake.label == 1 { "yes" } else { "no" },
        probability: format!("{:.3}", mistake.probability),
        picture: portrait.picture.as_deref().ok(),
    };
    let kind = evaluation.partition.as_ref().map_or(String::new(), |partition| format!("{partition} "));
    Summary {
        what: format!(
            "{} with labels for {}",
            count(metrics.images, &format!("{kind}image")),
            count(table.rows.len(), "attribute")
        ),
        headlines: headlines(evaluation),
        rows: table.rows.iter().map(row).collect(),
        mean: row(&table.mean),
        charts: vec![
            chart("Accuracy", "majority guess", |one| Some(one.accuracy), |one| one.majority_accuracy),
            chart("Balanced accuracy", "guessing", |one| one.balanced_accuracy, |_| 0.5),
            chart("Area under the ROC curve", "guessing", |one| one.roc_auc, |_| 0.5),
        ],
        mistakes: evaluation.confident_mistakes.iter().zip(portraits).map(shown).collect(),
    }
}

fn bar(one: &AttributeMetrics, figure: Option<f64>, compared: f64) -> Bar {
    let value = figure.map_or("–".into(), |share| format!("{share:.3}"));
    Bar::new(&one.attribute, figure, value, compared)
}

fn headlines(evaluation: &Evaluation) -> Vec<Figure> {
    let metrics = &evaluation.metrics;
    let means = &metrics.means;
    let is_papers = metrics.attributes.iter().map(|one| one.attribute.as_str()).eq(paper_attributes());
    let paper = |text: String| if is_papers { format!("the paper: {text}") } else { String::new() };
    let share = |figure: f64| format!("{:.2}%", 100.0 * figure);
    let optional = |figure: Option<f64>, words: fn(f64) -> String| figure.map_or("undefined".into(), words);
    [
        ("Accuracy", share(means.accuracy), paper(share(PAPER_ACCURACY))),
        ("Majority guess", share(means.majority_accuracy), "accuracy of always guessing the more frequent answer".into()),
        ("Balanced accuracy", optional(means.balanced_accuracy, share), "50% for guessing".into()),
        ("ROC-AUC", optional(means.roc_auc, |figure| format!("{figure:.3}")), "0.5 for guessing".into()),
        ("Hamming distance", format!("{:.3}", metrics.average_hamming_distance), {
            let wrong = "wrong predictions per image";
            if is_papers { format!("{wrong}; {}", paper(format!("{PAPER_HAMMING_DISTANCE:.3}"))) } else { wrong.into() }
        }),
        ("Exact match", percent(metrics.exact_match), "images with no wrong prediction".into()),
    ]
    .into_iter()
    .map(|(name, value, note)| Figure { name, value, note })
    .collect()
}

/// Returns the faces, attribute names and values that the evaluation covers: its own if it has any, else those of the report.
fn evaluated(input: &ReportInput) -> (&[FaceSource], &[String], &[f32]) {
    match &input.evaluated {
        Some(EvaluatedFaces { images, attributes, values }) => (images, attributes, values),
        None => (&input.images, &input.attributes, &input.values),
    }
}

/// Checks that an evaluation is valid and matches the faces and values that it evaluates.
///
/// # Errors
/// Returns a description of the first difference.
pub(super) fn check(input: &ReportInput, evaluation: &Evaluation) -> Result<(), String> {
    evaluation.check()?;
    let (images, attributes, values) = evaluated(input);
    let (faces, evaluated) = (images.len(), evaluation.metrics.images);
    if faces != evaluated {
        return Err(format!("it evaluates {evaluated} images, but attributes.csv has {faces}"));
    }
    let column = |name: &str| attributes.iter().position(|attribute| attribute == name);
    if let Some(unknown) = evaluation.metrics.attributes.iter().find(|one| column(&one.attribute).is_none()) {
        return Err(format!("it evaluates the attribute {:?}, which attributes.csv does not have", unknown.attribute));
    }
    for Mistake { image, attribute, probability, .. } in &evaluation.confident_mistakes {
        let row = images.iter().position(|face| face.name == *image);
        let row = row.ok_or_else(|| format!("it names the image {image:?}, which attributes.csv does not have"))?;
        let value = column(attribute).map(|column| values[row * attributes.len() + column]);
        // Both numbers were written and read as decimal text, so they may differ by rounding.
        if value.is_none_or(|value| (value - probability).abs() > 1e-6) {
            return Err(format!("it says that {attribute} of {image:?} is {probability}, but attributes.csv differs"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evaluated, input_of, written};

    #[test]
    fn the_page_shows_table_charts_and_mistakes() {
        let input = evaluated(input_of(&[&[0.9, 0.2], &[0.8, 0.1], &[0.25, 0.1]], &[0, 0, 0]), &[1, 0, 0, 0, 0, 0]);
        let (page, summary) = written(&input);
        assert!(page.contains("3 test images with labels for 2 attributes"));
        assert!(page.contains("<td>66.67</td><td>–</td><td>–</td><td>66.67</td><td>75.00</td>"));
        assert!(page.contains("Attribute 0: labelled no, predicted 0.800"));
        assert_eq!(page.matches("class=\"mistake\"").count(), 1);
        // The mistake's picture cannot be read either, but the list of unreadable images names it only once.
        assert_eq!(summary.unreadable.len(), 3);
    }

    #[test]
    fn an_evaluation_needs_no_clusters() {
        let mut input = evaluated(input_of(&[&[0.9], &[0.8]], &[0, 0]), &[1, 0]);
        input.clusters = None;
        let (page, summary) = written(&input);
        assert!(page.contains("2 faces with 1 predicted attribute each."));
        assert!(!page.contains("id=\"clusters\"") && !page.contains("id=\"glance\"") && !page.contains("Silhouette"));
        assert_eq!((summary.clusters, summary.unreadable.len()), (0, 1));
    }

    #[test]
    fn an_evaluation_of_another_run_is_refused() {
        let input = evaluated(input_of(&[&[0.9], &[0.8]], &[0, 0]), &[1, 0]);
        assert!(input.check().is_ok());
        type Change = fn(&mut super::ReportInput);
        let cases: [(Change, &str); 4] = [
            (|input| input.values[1] = 0.7, "says that Attribute_0 of \"face 1.png\" is 0.8"),
            (|input| input.images[1].name = "other.png".into(), "names the image \"face 1.png\""),
            (|input| input.attributes[0] = "Bald".into(), "evaluates the attribute \"Attribute_0\""),
            (|input| input.evaluation.as_mut().unwrap().metrics.attributes[0].true_positives = 9, "does not count the 2 images"),
        ];
        for (change, expected) in cases {
            let mut changed = input.clone();
            change(&mut changed);
            let message = changed.check().unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("metrics.json"), "{message}");
        }
    }
}
