//! `lineament tune`

use std::path::PathBuf;

use clap::Args;
use lineament::app::tune::{TunerOptions, tune};
use lineament::app::{DeviceOptions, open_device};

use super::arguments::{GpuArguments, open_model};
use super::display::cancel_on_interrupt;
use super::output::print_line;
use super::{Context, Outcome, Verdict};

/// Measure which variant of each kernel is fastest on this adapter, and keep the winners
///
/// The shapes are those that the model needs. A candidate that disagrees with its f64 reference on this adapter is rejected.
/// Winners are kept in the user's cache folder (or the folder named by LINEAMENT_CACHE) by adapter, driver, shape and content of
/// the expanded shader. All commands use them unless LINEAMENT_TUNING is `off`. Ctrl-C keeps what was measured so far; run the
/// same command again to continue.
#[derive(Args)]
pub struct Tune {
    /// Weights file of the model [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Number of images in a batch; several separated by commas [default: 1 and 8 on a software adapter, 1 and 32 on a GPU]
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Vec<u32>,
    /// Height and width of the input in pixels, a multiple of 32 [default: the model's input size]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    /// Also tune the shapes of a training step of all layers
    #[arg(long)]
    train: bool,
    /// Measure again what was measured before
    #[arg(long)]
    again: bool,
    /// Show every candidate for every shape, not only the winners
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    device: GpuArguments,
}

impl Tune {
    pub fn run(&self, context: &Context) -> Verdict {
        let model = open_model(self.model.as_deref())?;
        // The shipped variants are the reference, so earlier winners are not used.
        let mut device = open_device(&DeviceOptions { tuned: false, ..self.device.options() }, context)?;
        cancel_on_interrupt(&context.cancellation);
        let options = TunerOptions { batches: self.batch.clone(), size: self.size, train: self.train, again: self.again };
        let tuned = tune(&mut device, &model, &options, context)?;
        print_line(tuned.to_text(&device, self.explain).trim_end())?;
        let (wanted, measured) = (tuned.wanted, tuned.measured);
        if measured < wanted {
            eprintln!("stopped after {measured} of {wanted} shapes; run the same command again to continue");
            return Ok(Outcome::Incomplete);
        }
        let known = tuned.shapes.len() - measured;
        eprintln!("{measured} shapes measured, {known} known before; kept in {}", tuned.path.display());
        Ok(Outcome::Done)
    }
}
