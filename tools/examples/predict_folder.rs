//! Predicts the attributes of every image in a folder, in batches, and prints the most frequent ones.
//!
//! `cargo run --release --example predict_folder -- tools/faces`

use std::path::PathBuf;

use lineament::app::{Context, DeviceOptions, Event, PredictionOptions, model_path, open_device};
use lineament::data::find_images;
use lineament::nn::weights::CELEBA_MODEL;
use lineament::{Model, Predictor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("tools/faces"), PathBuf::from);
    let images = find_images(&[folder])?.images;

    // Events tell how far the work is. Here they go to stderr. A `Cancellation` in the context could stop the work.
    let show = |event: Event| eprintln!("{event}");
    let context = Context::observed(&show);
    let device = open_device(&DeviceOptions::default(), &context)?;
    let model = Model::open(&model_path(None, CELEBA_MODEL)?, None)?;

    // This part of a portrait shows the hair and the chin, as CelebA's pictures do.
    let crop = Some("10,0,80,80".parse()?);
    let options = PredictionOptions { crop, ..PredictionOptions::default() };
    let mut predictor = Predictor::new(&device, &model, options)?.with_context(&context);
    let predictions = predictor.predict(&images)?;

    let table = predictions.table.rounded();
    let mut counts: Vec<(usize, &String)> = (0..table.attributes.len())
        .map(|column| {
            let values = table.values.iter().skip(column).step_by(table.attributes.len());
            (values.filter(|value| **value == 1.0).count(), &table.attributes[column])
        })
        .collect();
    counts.sort_by(|a, b| b.cmp(a));
    for (count, attribute) in counts.iter().take(8) {
        println!("{attribute}: {count} of {} faces", table.images.len());
    }
    Ok(())
}
