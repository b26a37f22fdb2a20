//! `lineament export`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{export_onnx, model_path};
use lineament::nn::Model;
use lineament::nn::onnx::Part;
use lineament::nn::weights::CELEBA_MODEL;

use super::arguments::{Choices, one_of};
use super::output::print_result;
use super::{Context, Outcome, Verdict};

const PARTS: &Choices<Part> = &[
    ("whole", "From images to probabilities of attributes or logits of classes", Part::Whole),
    ("backbone", "From images to features", Part::Backbone),
    ("head", "From features to probabilities or logits", Part::Head),
];

/// Export a model to ONNX, for ONNX Runtime and other programs
///
/// The file uses version 13 of ONNX' operators. Its input `image` is [batch, 3, size, size], scaled as the file's metadata say;
/// the size of the batch is open. The metadata also hold the names of the outputs and the model card.
#[derive(Args)]
pub struct Export {
    /// The ONNX file to write
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// Part of the model to export
    #[arg(long, value_name = "NAME", value_parser = one_of(PARTS), default_value = "whole")]
    part: Part,
    /// Weights file of the model, or of a head alone [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Weights file of the backbone for a head. Needed only if it is not in the head's folder
    #[arg(long, value_name = "FILE")]
    backbone: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub fn run(&self, _: &Context) -> Verdict {
        let model = Model::open(&model_path(self.model.as_deref(), CELEBA_MODEL)?, self.backbone.as_deref())?;
        let done = export_onnx(&model, self.part, &self.onnx)?;
        print_result(self.json, &done, || {
            format!(
                "{}: opset {}, {} operations, {:.1} MB\ninput {} {}, output {} {}",
                self.onnx.display(),
                done.opset,
                done.nodes,
                done.bytes as f64 / 1e6,
                done.input,
                done.input_shape,
                done.output,
                done.output_shape,
            )
        })?;
        Ok(Outcome::Done)
    }
}
