//! `lineament tune`

use std::path::PathBuf;

use clap::Args;
use lineament::app::tune::{TunerOptions, tune};
use lineament::nn::weights::CELEBA_MODEL;

use super::arguments::{GpuArguments, open_model};
use super::display::{Display, cancel_on_interrupt};
use super::output::print_line;
use super::{Outcome, Verdict};

/// Measure which variant of each kernel is fastest on this adapter for the shapes of the model, and keep the winners
///
/// A candidate must first agree with its f64 reference on this adapter, or it is rejected. Winners are kept in the user's cache
/// folder (or LINEAMENT_CACHE) by adapter, driver, shape and the content of the expanded shader; every verb takes them from there,
/// unless LINEAMENT_TUNING is `off`. Ctrl-C keeps what is measured so far, and the same command goes on.
#[derive(Args)]
pub struct Tune {
    /// The model [default: the shipped mobilenet_v2_celeba.safetensors]
    #[arg(long)]
    model: Option<PathBuf>,
    /// Images at once, several separated by commas [default: 1 and 8 on a software adapter, 1 and 32 on a GPU]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Vec<u32>,
    /// Height and width of the input, a multiple of 32 [default: the model's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: Option<u32>,
    /// The shapes of a training step of every layer, too
    #[arg(long)]
    train: bool,
    /// Measure again what is known already
    #[arg(long)]
    again: bool,
    /// Show every variant of every shape, and not the winners alone
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    device: GpuArguments,
}

impl Tune {
    pub fn run(&self) -> Verdict {
        let display = Display::default();
        let context = display.context();
        let model = open_model(self.model.as_deref(), CELEBA_MODEL)?;
        let mut device = self.device.open_untuned(&context)?;
        cancel_on_interrupt(&context.cancellation);
        let options = TunerOptions { batches: self.batch.clone(), size: self.size, train: self.train, again: self.again };
        let tuned = tune(&mut device, &model, &options, &context)?;
        print_line(tuned.to_text(&device, self.explain).trim_end())?;
        let (wanted, measured) = (tuned.wanted, tuned.measured);
        if measured < wanted {
            eprintln!("stopped after {measured} of {wanted} shapes; the same command goes on");
            return Ok(Outcome::Incomplete);
        }
        let known = tuned.shapes.len() - measured;
        eprintln!("{measured} shapes measured, {known} known before; kept in {}", tuned.path.display());
        Ok(Outcome::Done)
    }
}
