//! `lineament eval`

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lineament::data::attributes::{CELEBA_ATTRIBUTES, paper_attributes};
use lineament::data::labels::LabelledFolder;
use lineament::data::{Dataset, ImageSource, Partition};
use lineament::evaluation::published::{PAPER_ACCURACY, PAPER_HAMMING_DISTANCE, PAPER_LOSS};
use lineament::evaluation::{Alignment, Evaluation, HalfPrecision, Metrics, TableOne, align, confident_mistakes};
use lineament::nn::Model;
use lineament::plan::Precision;
use lineament::profiles::Device;
use serde_json::json;

use super::common::{make_run_folder, print_line, record, write_out};
use super::data::DataArguments;
use super::prediction::{PredictionArguments, PredictionOptions, Predictions};
use super::{Outcome, Verdict};

/// Compare predictions with labels: the paper's Table I, and what accuracy alone hides
#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    data: DataArguments,
    /// The images to evaluate on [default: test, or all images of a label CSV without partitions]
    #[arg(long, value_enum)]
    partition: Option<Part>,
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

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// What the published figures are measured on
    Test,
    /// What the best epoch is chosen by
    Validation,
    /// What the weights are fitted to
    Train,
}

impl From<Part> for Partition {
    fn from(part: Part) -> Partition {
        match part {
            Part::Test => Partition::Test,
            Part::Validation => Partition::Validation,
            Part::Train => Partition::Train,
        }
    }
}

/// Mistakes that metrics.json names and the report shows.
const MISTAKES: usize = 24;

impl Eval {
    pub fn run(&self) -> Verdict {
        let model = self.prediction.open()?;
        let folder = self.data.labels.open(&self.data.data, &of_celeba(&model), self.seed)?;
        let work = EvaluationWork {
            model: &model,
            path: &self.data.data,
            folder: &folder,
            partition: self.partition.map(Partition::from),
            options: self.prediction.options(),
            out: self.out.as_deref(),
        };
        let (evaluation, complete) = work.run_on(&self.prediction.open_gpu()?)?;
        if self.json {
            write_out(None, &json_of(&evaluation)?)?;
        } else {
            print_line(format_args!("Table I, in percent\n\n{}", TableOne::new(&evaluation.metrics).to_text()))?;
            print_summary(&evaluation.metrics)?;
            evaluation.half_precision.iter().try_for_each(print_half_precision)?;
        }
        Ok(if complete { Outcome::Done } else { Outcome::Incomplete })
    }
}

/// CelebA's attributes that a model predicts.
pub fn of_celeba(model: &Model) -> Vec<&'static str> {
    CELEBA_ATTRIBUTES.into_iter().filter(|name| model.attributes.iter().any(|one| one == name)).collect()
}

/// What is evaluated on what.
pub struct EvaluationWork<'a> {
    pub model: &'a Model,
    /// Where the data come from, for messages and the record.
    pub path: &'a Path,
    pub folder: &'a LabelledFolder,
    /// The images to evaluate on; test images, or all of a label CSV without partitions, where there is none.
    pub partition: Option<Partition>,
    pub options: PredictionOptions,
    /// The run folder to write into.
    pub out: Option<&'a Path>,
}

impl EvaluationWork<'_> {
    /// Predicts, compares and writes; also says whether all images could be used.
    pub fn run_on(&self, device: &Device) -> Result<(Evaluation, bool), Box<dyn Error>> {
        let EvaluationWork { model, folder, options, .. } = self;
        let data = &folder.dataset;
        let alignment = align(&model.attributes, &data.attributes)?;
        if data.attributes.is_empty() {
            let predicted = model.attributes.join(", ");
            return Err(format!("CelebA labels none of what the model predicts: {predicted}; choose another model").into());
        }
        let (partition, rows) = self.rows()?;
        self.out.map_or(Ok(()), make_run_folder)?;
        say_what(data, &alignment, partition, rows.len());

        let images: Vec<ImageSource> = rows.iter().map(|row| data.images[*row].clone()).collect();
        let predictions = options.predict(device, model, &images)?;
        let labels: Vec<u8> = predictions.used.iter().flat_map(|used| data.labels_of(rows[*used])).copied().collect();
        let probabilities = alignment.select(&predictions.table.values, model.attributes.len());
        let half_precision = match model.precision {
            Precision::F32 => None,
            Precision::F16 => {
                eprintln!("the same in 32-bit floats, to be put beside");
                let model = Model { precision: Precision::F32, ..(*model).clone() };
                // Those that could not be used are named already.
                let used: Vec<ImageSource> = predictions.used.iter().map(|used| images[*used].clone()).collect();
                let single = options.predict(device, &model, &used)?;
                let single = alignment.select(&single.table.values, model.attributes.len());
                Some(HalfPrecision::new(&probabilities, &single, &Metrics::new(&data.attributes, &single, &labels)))
            }
        };
        let evaluation = Evaluation {
            half_precision,
            partition: partition.map(|partition| partition.name().to_string()),
            metrics: Metrics::new(&data.attributes, &probabilities, &labels),
            confident_mistakes: confident_mistakes(
                &predictions.table.images,
                &data.attributes,
                &probabilities,
                &labels,
                MISTAKES,
            ),
        };
        self.out.map_or(Ok(()), |run| self.write(run, device, &predictions, &evaluation))?;
        Ok((evaluation, predictions.failures.is_empty()))
    }

    /// The images to evaluate on, and the partition that they are, if it is one.
    fn rows(&self) -> Result<(Option<Partition>, Vec<usize>), Box<dyn Error>> {
        let data = &self.folder.dataset;
        if self.partition.is_none() && !self.folder.partitioned {
            return Ok((None, (0..data.len()).collect()));
        }
        let wanted = self.partition.unwrap_or(Partition::Test);
        let rows = data.indices_of(wanted);
        if !rows.is_empty() {
            return Ok((Some(wanted), rows));
        }
        let held: Vec<String> = Partition::ALL
            .into_iter()
            .map(|partition| (partition.name(), data.indices_of(partition).len()))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} ({count} images)"))
            .collect();
        let path = self.path.display();
        Err(format!("{path}: holds no {} images; it holds {}: name one with --partition", wanted.name(), held.join(", ")).into())
    }

    fn write(
        &self,
        run: &Path,
        device: &Device,
        predictions: &Predictions,
        evaluation: &Evaluation,
    ) -> Result<(), Box<dyn Error>> {
        predictions.table.write(&run.join("attributes.csv"))?;
        write_out(Some(&run.join("metrics.csv")), &evaluation.metrics.to_csv()?)?;
        write_out(Some(&run.join("table1.csv")), &TableOne::new(&evaluation.metrics).to_csv()?)?;
        write_out(Some(&run.join("metrics.json")), &json_of(evaluation)?)?;
        let mut details = self.options.details(self.model, predictions);
        details.insert("data".into(), json!(self.path.display().to_string()));
        if let Some(partition) = &evaluation.partition {
            details.insert("partition".into(), json!(partition));
        }
        let attributes: Vec<&str> = evaluation.metrics.attributes.iter().map(|one| one.attribute.as_str()).collect();
        details.insert("attributes".into(), json!(attributes));
        record(run, "eval", Some(device), details)
    }
}

fn json_of(evaluation: &Evaluation) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(evaluation)?;
    json.push(b'\n');
    Ok(json)
}

/// What is compared with what, on stderr.
fn say_what(data: &Dataset, alignment: &Alignment, partition: Option<Partition>, images: usize) {
    let kind = partition.map_or(String::new(), |partition| format!("{} ", partition.name()));
    eprintln!("data: {images} {kind}images, {} labelled attributes", data.attributes.len());
    let unlabelled = &alignment.unlabelled;
    if !unlabelled.is_empty() {
        let model = unlabelled.len() + alignment.outputs.len();
        eprintln!("note: {} of the model's {model} attributes have no labels here: {}", unlabelled.len(), unlabelled.join(", "));
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
