//! `lineament eval`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{Error, Evaluator, EvaluatorOptions, FaceSelection, celeba_attributes_of, refuse_overwriting};
use lineament::data::Partition;

use super::arguments::{Choices, DataArguments, PredictionArguments, one_of};
use super::output::print_result;
use super::{Context, Outcome, Verdict};

/// Measure accuracy against labels: the paper's Table I, and balanced measures for rare attributes
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    data: DataArguments,
    /// Images to evaluate on [default: test, or all images of a label CSV without partitions]
    #[arg(long, value_name = "NAME", value_parser = one_of(PARTITIONS))]
    partition: Option<Partition>,
    /// Seed with which `lineament train` partitioned a label CSV that has no partitions
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Run folder to write metrics.csv, metrics.json, table1.csv and attributes.csv to
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Print the content of metrics.json instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    prediction: PredictionArguments,
}

const PARTITIONS: &Choices<Partition> = &[
    ("test", "The test images, on which the published figures are measured", Partition::Test),
    ("validation", "The validation images, by which the best epoch is chosen", Partition::Validation),
    ("train", "The training images, to which the weights are fitted", Partition::Train),
];

impl Eval {
    pub fn run(&self, context: &Context) -> Verdict {
        let written = ["attributes.csv", "metrics.csv", "metrics.json", "table1.csv", "config.json"];
        let outputs = self.out.iter().flat_map(|run| written.map(|name| run.join(name)));
        let lists = self.data.labels.files(&self.data.data);
        refuse_overwriting(outputs, lists.iter().map(PathBuf::as_path).chain(self.prediction.files()))?;
        let model = self.prediction.open()?;
        let of_celeba = celeba_attributes_of(&model);
        let folder = self.data.labels.selection().open(&self.data.data, &of_celeba, self.seed, context)?;
        let device = self.prediction.device.open(context)?;
        let prediction = self.prediction.options();
        if prediction.faces == FaceSelection::All {
            let problem = "--faces all: the labels are those of one face for each image; use --faces largest";
            return Err(Box::new(Error::Misuse(problem.into())));
        }
        let options = EvaluatorOptions { partition: self.partition, prediction, run: self.out.clone() };
        let evaluator = Evaluator::new(&device, &model, options).with_context(context);
        let evaluated = evaluator.evaluate(&folder, &self.data.data)?;
        print_result(self.json, &evaluated.evaluation, || evaluated.to_text())?;
        Ok(Outcome::complete(evaluated.predictions.failures.is_empty() && evaluated.predictions.faceless.is_empty()))
    }
}
