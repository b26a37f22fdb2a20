//! Trains a head for the labels of a folder of images, and evaluates it on the images that it did not learn from.
//!
//! `cargo run --release --example train_head -- tools/faces RUN`

use std::path::PathBuf;

use lineament::app::train::TrainingSettings;
use lineament::app::{Context, DeviceOptions, EvaluatorOptions, Event, LabelSelection, TrainerOptions, model_path, open_device};
use lineament::data::Partition;
use lineament::nn::weights::IMAGENET_MODEL;
use lineament::{Evaluator, Model, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let path = arguments.next().unwrap_or_else(|| "tools/faces".into());
    let run = arguments.next().unwrap_or_else(|| std::env::temp_dir().join("lineament-head"));

    let show = |event: Event| eprintln!("{event}");
    let context = Context::observed(&show);
    let device = open_device(&DeviceOptions::default(), &context)?;
    let attributes = ["Male", "Eyeglasses", "No_Beard"].map(String::from).to_vec();
    let labels = LabelSelection { attributes, ..LabelSelection::default() };
    let folder = labels.open(&path, &[], 0, &context)?;

    // The backbone keeps its ImageNet weights; its features are computed once and kept in the run folder.
    let start = model_path(None, IMAGENET_MODEL)?;
    let model = Model::open(&start, None)?;
    let settings = TrainingSettings { epochs: 8, batch: 16, micro_batch: 16, ..TrainingSettings::default() };
    let options = TrainerOptions { settings, resume: true, ..TrainerOptions::default() };
    let training = Trainer::new(&device, &model, &folder.dataset, options).with_context(&context).train(&run)?;
    println!("epoch {}: {}", training.epoch, training.model.display());

    // The file contains only a head and names its backbone, which is passed along.
    let trained = Model::open(&training.model, Some(&start))?;
    let options = EvaluatorOptions { partition: Some(Partition::Validation), ..EvaluatorOptions::default() };
    let evaluated = Evaluator::new(&device, &trained, options).with_context(&context).evaluate(&folder, &path)?;
    for one in &evaluated.evaluation.metrics.attributes {
        println!("{}: accuracy {:.3}, always guessing the majority {:.3}", one.attribute, one.accuracy, one.majority_accuracy);
    }
    Ok(())
}
