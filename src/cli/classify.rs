//! `lineament classify`

use std::path::PathBuf;

use clap::Args;
use lineament::data::folder::expand;
use lineament::nn::{IMAGENET_CLASSES, Model, Top, softmax};
use serde_json::json;

use super::common::{GpuArguments, Misuse, PrecisionArguments, Resize, default_batch, print_line, report_failures, run_images};
use super::{Outcome, Verdict};

/// Name the ImageNet class of images: the proof that weights and kernels are right
#[derive(Args)]
pub struct Classify {
    /// Images or folders of images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Weights with an ImageNet classifier, safetensors with torchvision's names
    #[arg(long, default_value = "weights/mobilenet_v2_imagenet.safetensors")]
    weights: PathBuf,
    /// Classes to print for each image
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// How images are brought to 224 × 224
    #[arg(long, value_enum, default_value = "bilinear")]
    resize: Resize,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    precision: PrecisionArguments,
    #[command(flatten)]
    device: GpuArguments,
}

impl Classify {
    pub fn run(&self) -> Verdict {
        let images = expand(&self.images)?;
        let model = Model::open(&self.weights, None)?.stored_in(self.precision.get())?;
        let Top::Classifier(_) = &model.top else {
            let path = self.weights.display();
            return Err(Box::new(Misuse(format!(
                "{path}: holds no ImageNet classifier; use weights/mobilenet_v2_imagenet.safetensors"
            ))));
        };
        let classes: Vec<&str> = IMAGENET_CLASSES.lines().collect();
        let device = self.device.open()?;
        let batch = default_batch(&device).min(images.len() as u32);
        let mut runner = model.runner(&device, batch, self.resize.into());
        let mut results: Vec<Option<Vec<(usize, f32)>>> = vec![None; images.len()];
        let failures =
            run_images(&device, &mut runner, batch, images.iter().cloned().map(Into::into).collect(), None, |index, logits| {
                let mut ranked: Vec<(usize, f32)> = softmax(logits).into_iter().enumerate().collect();
                ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                ranked.truncate(usize::from(self.top));
                results[index] = Some(ranked);
            })?;
        let name = |class: usize| classes.get(class).map_or_else(|| format!("class {class}"), |name| name.to_string());
        let named = images.iter().zip(&results).filter_map(|(image, ranked)| ranked.as_ref().map(|ranked| (image, ranked)));
        if self.json {
            let entry =
                |(class, probability): &(usize, f32)| json!({"class": class, "name": name(*class), "probability": probability});
            let array: Vec<_> = named
                .map(|(image, ranked)| json!({"image": image.display().to_string(), "top": ranked.iter().map(entry).collect::<Vec<_>>()}))
                .collect();
            print_line(serde_json::to_string_pretty(&array)?)?;
        } else {
            for (image, ranked) in named {
                print_line(image.display())?;
                for (class, probability) in ranked {
                    print_line(format_args!("  {:6.2} %  {}", probability * 100.0, name(*class)))?;
                }
            }
        }
        report_failures(images.len(), &failures);
        Ok(if failures.is_empty() { Outcome::Done } else { Outcome::Incomplete })
    }
}
