//! `lineament classify`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{PredictionOptions, RankedClass, class_names, classify, model_path};
use lineament::data::{FoundImages, ImageSource, find_images, image_name};
use lineament::nn::Model;
use lineament::nn::weights::IMAGENET_MODEL;
use lineament::ops::Interpolation;
use serde_json::json;

use super::arguments::{GpuArguments, OrientationArguments, PrecisionArguments, RESIZES, one_of};
use super::output::{print_line, tell_left_out};
use super::{Context, Outcome, Verdict};

/// Print the most probable classes of images, to check that weights and kernels work
#[derive(Args)]
pub struct Classify {
    /// Image files, folders of images (with all folders below them), or zip or tar archives of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Weights file with an ImageNet classifier: safetensors with torchvision's tensor names [default: the shipped
    /// mobilenet_v2_imagenet.safetensors]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// File with the names of the classes, one a line [default: the names of ImageNet's 1,000 classes]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Number of classes to print for each image
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// How to resize images to 224 × 224 pixels
    #[arg(long, value_name = "NAME", value_parser = one_of(RESIZES), default_value = "bilinear")]
    resize: Interpolation,
    /// Print the result as one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    orientation: OrientationArguments,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

impl Classify {
    pub fn run(&self, context: &Context) -> Verdict {
        let FoundImages { images, left_out } = find_images(&self.images)?;
        tell_left_out(&left_out);
        let path = model_path(self.weights.as_deref(), IMAGENET_MODEL)?;
        let model = Model::open(&path, None)?.stored_in(self.precision.precision)?;
        let names = class_names(&model, self.labels.as_deref())?;
        let device = self.device.open(context)?;
        let orientation = self.orientation.stored();
        let options = PredictionOptions { interpolation: self.resize, orientation, ..PredictionOptions::default() };
        let result = classify(&device, &model, &images, (&names, usize::from(self.top)), &options, context)?;
        let named = images
            .iter()
            .map(ImageSource::label)
            .zip(&result.classes)
            .filter_map(|(image, ranked)| Some((image, ranked.as_ref()?)));
        if self.json {
            let entry = |one: &RankedClass| json!({"class": one.class, "name": one.name, "probability": one.probability});
            let entries = |ranked: &[RankedClass]| ranked.iter().map(entry).collect::<Vec<_>>();
            let array: Vec<_> =
                named.map(|(image, ranked)| json!({"image": image_name(&image), "top": entries(ranked)})).collect();
            print_line(serde_json::to_string_pretty(&array)?)?;
        } else {
            for (image, ranked) in named {
                print_line(image.display())?;
                for RankedClass { name, probability, .. } in ranked {
                    print_line(format_args!("  {:6.2} %  {name}", probability * 100.0))?;
                }
            }
        }
        Ok(Outcome::complete(result.failures.is_empty()))
    }
}
