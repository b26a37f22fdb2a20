//! The use cases as a library: predicting, training, evaluating, clustering, reporting, reproducing, measuring and autotuning.
//!
//! Each use case takes plain options with defaults and a [`Context`]. It sends events to an [`Observer`], stops when its
//! [`Cancellation`] is set, and returns its result as a value. No use case prints anything.

mod clusterer;
mod context;
mod convert;
mod devices;
mod error;
mod evaluator;
mod event;
mod export;
mod faces;
mod labelled;
mod left_out;
pub mod measure;
mod open;
mod pass;
mod predict;
mod report;
pub mod reproduce;
mod run_folder;
mod sort;
pub mod train;
mod trainer;
pub mod tune;

pub use clusterer::{
    ClusterRows, Clusterer, Phases, RowOptions, RowWeights, compare_methods, comparison_details, write_comparison,
};
pub use context::{Cancellation, Context};
pub use convert::{Conversion, convert_weights};
pub use devices::devices_text;
pub use error::Error;
pub use evaluator::{Evaluated, Evaluator, EvaluatorOptions};
pub use event::{Event, Observer, Silent};
pub use export::{OnnxExport, export_onnx};
pub use faces::{FaceCutter, FaceFinder, FaceOptions, FaceSelection, FaceSheet, FoundFace, align_dataset};
pub use labelled::{LabelSelection, celeba_attributes_of, check_training_data};
pub use left_out::{Failure, LeftOut};
pub use open::{DeviceOptions, default_batch, model_path, open_attribute_model, open_device, open_start};
pub use predict::{Classifications, PredictionOptions, Predictions, Predictor, RankedClass, class_names, classify};
pub use report::Report;
pub use reproduce::{Reproduction, ReproductionOptions};
pub use run_folder::{RunFolder, ensure_writable, json_line, refuse_overwriting, write_file, write_json};
pub use sort::{Placement, Sorted, sort_photographs};
pub use trainer::{MODEL_FILE, PAPER_DROPOUT, PAPER_HIDDEN, Trainable, Trainer, TrainerOptions, Training};
