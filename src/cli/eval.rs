//! `lineament eval`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{Evaluator, EvaluatorOptions, celeba_attributes_of, pretty_json};
use lineament::data::Partition;
use lineament::data::attributes::paper_attributes;
use lineament::evaluation::published::{PAPER_ACCURACY, PAPER_HAMMING_DISTANCE, PAPER_LOSS};
use lineament::evaluation::{HalfPrecision, Metrics, TableOne};

use super::arguments::{Choices, DataArguments, PredictionArguments, one_of};
use super::display::Display;
use super::output::{print_line, write_out};
use super::{Outcome, Verdict};

/// Compare predictions with labels: the paper's Table I, and what accuracy alone hides
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    data: DataArguments,
    /// The images to evaluate on [default: test, or all images of a label CSV without partitions]
    #[arg(long, value_parser = one_of(PARTITIONS))]
    partition: Option<Partition>,
    /// The seed that `lineament train` drew the partition of a label CSV by
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write metrics.csv, metrics.json, table1.csv and attributes.csv into this run folder
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print what metrics.json holds
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    prediction: PredictionArguments,
}

const PARTITIONS: &Choices<Partition> = &[
    ("test", "What the published figures are measured on", Partition::Test),
    ("validation", "What the best epoch is chosen by", Partition::Validation),
    ("train", "What the weights are fitted to", Partition::Train),
];

impl Eval {
    pub fn run(&self) -> Verdict {
        let display = Display::default();
        let context = display.context();
        let model = self.prediction.open()?;
        let of_celeba = celeba_attributes_of(&model);
        let folder = self.data.labels.selection().open(&self.data.data, &of_celeba, self.seed, &context)?;
        let device = self.prediction.device.open(&context)?;
        let prediction = self.prediction.options();
        let options = EvaluatorOptions { partition: self.partition, prediction, run: self.out.clone() };
        let evaluator = Evaluator::new(&device, &model, options).with_context(&context);
        let evaluated = evaluator.evaluate(&folder, &self.data.data)?;
        let evaluation = &evaluated.evaluation;
        if self.json {
            write_out(None, &pretty_json(evaluation)?)?;
        } else {
            print_line(format_args!("Table I, in percent\n\n{}", TableOne::new(&evaluation.metrics).to_text()))?;
            print_summary(&evaluation.metrics)?;
            evaluation.half_precision.iter().try_for_each(print_half_precision)?;
        }
        Ok(Outcome::complete(evaluated.predictions.failures.is_empty()))
    }
}

/// What 16-bit floats changed.
fn print_half_precision(half: &HalfPrecision) -> std::io::Result<()> {
    let HalfPrecision { largest_difference, mean_difference, decisions_changed, accuracy_in_f32, cosine_proximity_in_f32 } = half;
    print_line(format_args!(
        "in f32             accuracy {accuracy_in_f32:.4}, cosine proximity {cosine_proximity_in_f32:.4}; by f16 a probability moves by          {mean_difference:.1e}, at most {largest_difference:.1e}, and {:.3} % of the decisions change",
        100.0 * decisions_changed
    ))
}

/// The figures of all attributes together, beside the paper's where they are of the same attributes.
fn print_summary(metrics: &Metrics) -> std::io::Result<()> {
    let evaluated = metrics.attributes.iter().map(|one| one.attribute.as_str());
    let is_papers = evaluated.eq(paper_attributes());
    let paper = |figure: f64, decimals: usize| {
        if is_papers { format!("  (paper, on CelebA's test images: {figure:.decimals$})") } else { String::new() }
    };
    let means = &metrics.means;
    let optional = |figure: Option<f64>| figure.map_or("undefined".to_string(), |figure| format!("{figure:.4}"));
    let lines = [
        ("accuracy", format!("{:.4}{}", means.accuracy, paper(PAPER_ACCURACY, 4))),
        ("majority guess", format!("{:.4}", means.majority_accuracy)),
        ("balanced accuracy", optional(means.balanced_accuracy)),
        ("ROC-AUC", optional(means.roc_auc)),
        ("average precision", optional(means.average_precision)),
        ("F1", format!("{:.4}", means.f1)),
        ("Hamming distance", format!("{:.4}{}", metrics.average_hamming_distance, paper(PAPER_HAMMING_DISTANCE, 4))),
        ("cosine proximity", format!("{:.4}{}", metrics.cosine_proximity, paper(PAPER_LOSS, 4))),
        ("all right", format!("{:.4} of the {} images", metrics.exact_match, metrics.images)),
    ];
    lines.into_iter().try_for_each(|(name, figure)| print_line(format_args!("{name:18} {figure}")))
}
