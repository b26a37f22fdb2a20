//! What `plan` and `profile` look at: predictions or a training step of a model.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use lineament::app::measure::{Extent, Workload};
use lineament::nn::Model;
use lineament::nn::training::NetworkShape;
use lineament::profiles::Device;

use super::common::PrecisionArguments;

/// Which work, and how much at once.
#[derive(Args)]
pub struct WorkloadArguments {
    /// The model
    #[arg(long, default_value = "weights/mobilenet_v2_celeba.safetensors")]
    pub model: PathBuf,
    /// A training step of every layer instead of a prediction
    #[arg(long)]
    train: bool,
    /// Images at once [default: 8 on a software adapter, 32 on a GPU]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// Height and width of the input, a multiple of 32 [default: the model's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    #[command(flatten)]
    precision: PrecisionArguments,
}

impl WorkloadArguments {
    /// The work on an adapter.
    pub fn of(&self, device: &Device, model: &Model, default_batch: u32) -> Result<Workload, Box<dyn Error>> {
        let (batch, size) = (self.batch.unwrap_or(default_batch), self.size.unwrap_or(model.size));
        if size % 32 != 0 {
            return Err(Box::new(super::common::Misuse(format!("--size {size}: the network takes multiples of 32"))));
        }
        if self.train {
            self.precision.refuse_f16("training")?;
            let network = NetworkShape::on(model, size);
            return Ok(Workload::training(device.profile(), &network, batch, Extent::Step)?);
        }
        let model = Model { size, ..model.clone() }.stored_in(self.precision.get())?;
        Ok(Workload::prediction(device, &model, batch))
    }
}
