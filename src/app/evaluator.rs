//! Compares predictions with labels: the paper's Table I, and measures that account for rare attributes.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::predict::{PredictionOptions, Predictions, Predictor};
use super::run_folder::{RunFolder, write_file, write_json};
use crate::data::attributes::paper_attributes;
use crate::data::labels::LabelledFolder;
use crate::data::{Dataset, ImageSource, Partition};
use crate::evaluation::published::{PAPER_ACCURACY, PAPER_HAMMING_DISTANCE, PAPER_LOSS};
use crate::evaluation::{Alignment, Evaluation, HalfPrecision, Metrics, TableOne, align, confident_mistakes};
use crate::nn::Model;
use crate::plan::Precision;
use crate::profiles::Device;

/// Number of mistakes that `metrics.json` lists and the report shows.
const MISTAKES: usize = 24;

/// Options of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct EvaluatorOptions {
    /// The images to evaluate on; `None` takes the test images, or all images of a label CSV without partitions.
    pub partition: Option<Partition>,
    /// How images are prepared for the model.
    pub prediction: PredictionOptions,
    /// The run folder to write `metrics.csv`, `metrics.json`, `table1.csv` and `attributes.csv` to, if any.
    pub run: Option<PathBuf>,
}

/// An evaluation, and the predictions that were evaluated.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The figures of the evaluation.
    pub evaluation: Evaluation,
    /// The model's predictions.
    pub predictions: Predictions,
}

impl Evaluated {
    /// Returns Table I, and the figures over all attributes, as text.
    pub fn to_text(&self) -> String {
        let metrics = &self.evaluation.metrics;
        let table = TableOne::new(metrics).to_text();
        let half = self.evaluation.half_precision.as_ref().map_or(String::new(), half_precision_text);
        format!("Table I, in percent\n\n{table}\n{}{half}", summary(metrics))
    }
}

/// Describes how 16-bit floats changed the predictions.
fn half_precision_text(half: &HalfPrecision) -> String {
    let HalfPrecision { largest_difference, mean_difference, decisions_changed, accuracy_in_f32, cosine_proximity_in_f32 } = half;
    format!(
        "in f32             accuracy {accuracy_in_f32:.4}, cosine proximity {cosine_proximity_in_f32:.4}; \
         f16 changes probabilities by {mean_difference:.1e} on average and {largest_difference:.1e} at most, \
         and {:.3} % of the decisions",
        100.0 * decisions_changed
    )
}

/// Returns the figures over all attributes, with the paper's figures if the attributes are the paper's.
fn summary(metrics: &Metrics) -> String {
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
    lines.into_iter().map(|(name, figure)| format!("{name:18} {figure}\n")).collect()
}

/// Evaluates a model on labelled images.
pub struct Evaluator<'a> {
    device: &'a Device,
    model: &'a Model,
    options: EvaluatorOptions,
    context: Context<'a>,
}

impl<'a> Evaluator<'a> {
    /// Returns an evaluator of a model that predicts attributes.
    pub fn new(device: &'a Device, model: &'a Model, options: EvaluatorOptions) -> Evaluator<'a> {
        Evaluator { device, model, options, context: Context::default() }
    }

    /// Returns this evaluator with a context.
    pub fn with_context(self, context: &Context<'a>) -> Evaluator<'a> {
        Evaluator { context: context.clone(), ..self }
    }

    /// Predicts the attributes of the images, compares them with the labels, and writes the results to the run folder if there is
    /// one. Messages and records name the data by `path`.
    ///
    /// # Errors
    /// The model does not predict a labelled attribute, the partition is empty, no image can be used, a file cannot be written,
    /// or the device fails.
    pub fn evaluate(&self, folder: &LabelledFolder, path: &Path) -> Result<Evaluated, Error> {
        let (data, model) = (&folder.dataset, self.model);
        let alignment = align(&model.attributes, &data.attributes)?;
        if data.attributes.is_empty() {
            return Err(Error::NotLabelled { predicted: model.attributes.join(", ") });
        }
        let (partition, rows) = self.rows(folder, path)?;
        let run = self.options.run.as_deref().map(RunFolder::create).transpose()?;
        self.tell_what(data, &alignment, partition, rows.len());

        let images: Vec<ImageSource> = rows.iter().map(|row| data.images[*row].clone()).collect();
        let mut predictor = Predictor::new(self.device, model, self.options.prediction)?.with_context(&self.context);
        let predictions = predictor.predict(&images)?;
        let labels: Vec<u8> = predictions.used.iter().flat_map(|used| data.labels_of(rows[*used])).copied().collect();
        let probabilities = alignment.select(&predictions.table.values, model.attributes.len());
        let half_precision = match model.precision {
            Precision::F32 => None,
            Precision::F16 => {
                self.context.message("predicting again in 32-bit floats, for comparison");
                let model = Model { precision: Precision::F32, ..model.clone() };
                // Images that cannot be used have been reported already.
                let used: Vec<ImageSource> = predictions.used.iter().map(|used| images[*used].clone()).collect();
                let mut predictor = Predictor::new(self.device, &model, self.options.prediction)?.with_context(&self.context);
                let single = predictor.predict(&used)?;
                let single = alignment.select(&single.table.values, model.attributes.len());
                Some(HalfPrecision::new(&probabilities, &single, &Metrics::new(&data.attributes, &single, &labels)))
            }
        };
        let images = &predictions.table.images;
        let evaluation = Evaluation {
            half_precision,
            partition: partition.map(|partition| partition.name().to_string()),
            metrics: Metrics::new(&data.attributes, &probabilities, &labels),
            confident_mistakes: confident_mistakes(images, &data.attributes, &probabilities, &labels, MISTAKES),
        };
        if let Some(run) = run {
            predictions.table.write(&run.at("attributes.csv"))?;
            write_file(&run.at("metrics.csv"), &evaluation.metrics.to_csv()?)?;
            write_file(&run.at("table1.csv"), &TableOne::new(&evaluation.metrics).to_csv()?)?;
            write_json(&run.at("metrics.json"), &evaluation)?;
            let mut details = predictor.details(&predictions);
            details.insert("data".into(), json!(path.display().to_string()));
            if let Some(partition) = &evaluation.partition {
                details.insert("partition".into(), json!(partition));
            }
            let attributes: Vec<&str> = evaluation.metrics.attributes.iter().map(|one| one.attribute.as_str()).collect();
            details.insert("attributes".into(), json!(attributes));
            run.record("eval", Some(self.device), details, &self.context)?;
        }
        Ok(Evaluated { evaluation, predictions })
    }

    /// Returns the rows of the images to evaluate on, and their partition if they are one.
    fn rows(&self, folder: &LabelledFolder, path: &Path) -> Result<(Option<Partition>, Vec<usize>), Error> {
        let data = &folder.dataset;
        if self.options.partition.is_none() && !folder.partitioned {
            return Ok((None, (0..data.len()).collect()));
        }
        let wanted = self.options.partition.unwrap_or(Partition::Test);
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
        Err(Error::NoPartition { path: path.to_path_buf(), wanted: wanted.name(), held: held.join(", ") })
    }

    fn tell_what(&self, data: &Dataset, alignment: &Alignment, partition: Option<Partition>, images: usize) {
        let kind = partition.map_or(String::new(), |partition| format!("{} ", partition.name()));
        self.context.message(format!("data: {images} {kind}images, {} labelled attributes", data.attributes.len()));
        let unlabelled = &alignment.unlabelled;
        if !unlabelled.is_empty() {
            let (count, names) = (unlabelled.len(), unlabelled.join(", "));
            let all = count + alignment.outputs.len();
            self.context.note(format!("{count} of the model's {all} attributes have no labels here: {names}"));
        }
    }
}
