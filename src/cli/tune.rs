//! `lineament tune`

use std::path::PathBuf;

use clap::Args;
use lineament::app::tune::{Tuned, TunerOptions, Verdict, tune};
use lineament::nn::weights::CELEBA_MODEL;
use lineament::ops::{candidates, identity};
use lineament::profiles::Device;

use super::arguments::{GpuArguments, open_model};
use super::display::{Display, cancel_on_interrupt};
use super::output::print_line;
use super::{Outcome, Verdict as Ending};

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
    pub fn run(&self) -> Ending {
        let display = Display::default();
        let context = display.context();
        let model = open_model(self.model.as_deref(), CELEBA_MODEL)?;
        let mut device = self.device.open_untuned(&context)?;
        cancel_on_interrupt(&context.cancellation);
        let options = TunerOptions { batches: self.batch.clone(), size: self.size, train: self.train, again: self.again };
        let tuned = tune(&mut device, &model, &options, &context)?;
        self.print(&tuned, &device)?;
        let (wanted, measured) = (tuned.wanted, tuned.measured);
        if measured < wanted {
            eprintln!("stopped after {measured} of {wanted} shapes; the same command goes on");
            return Ok(Outcome::Incomplete);
        }
        let known = tuned.shapes.len() - measured;
        eprintln!("{measured} shapes measured, {known} known before; kept in {}", tuned.path.display());
        Ok(Outcome::Done)
    }

    fn print(&self, Tuned { store, shapes, .. }: &Tuned, device: &Device) -> std::io::Result<()> {
        let profile = device.profile();
        let (mut shipped, mut tuned, mut changed) = (0.0, 0.0, 0);
        print_line(format_args!("{:52} {:>32} {:>10} {:>10} {:>6}", "shape", "winner", "ms", "shipped", "gain"))?;
        for (shape, count) in shapes {
            let Some(entry) = store.entry(*shape) else { continue };
            let usual = identity(candidates::shipped(*shape, profile));
            let (Some(winner), Some(best)) = (&entry.winner, entry.seconds) else {
                print_line(format_args!("{shape}: every candidate was rejected; the shipped variant runs all the same"))?;
                continue;
            };
            let name = format!("{shape}{}", if *count > 1 { format!(" ×{count}") } else { String::new() });
            changed += usize::from(*winner != usual);
            match entry.seconds_of(&usual) {
                Some(before) => {
                    (shipped, tuned) = (shipped + before * *count as f64, tuned + best * *count as f64);
                    let (ms, gain) = ([1e3 * best, 1e3 * before], before / best);
                    print_line(format_args!("{name:52} {:>32} {:10.3} {:10.3} {gain:6.2}", winner.to_string(), ms[0], ms[1]))?;
                }
                None => print_line(format_args!(
                    "{name:52} {:>32} {:10.3} {:>10} {:>6}",
                    winner.to_string(),
                    1e3 * best,
                    "rejected",
                    "-"
                ))?,
            }
            if self.explain {
                for candidate in &entry.candidates {
                    let note = match (candidate.id == *winner, candidate.id == usual) {
                        (true, true) => "winner, as shipped",
                        (true, false) => "winner",
                        (false, true) => "shipped",
                        (false, false) => "",
                    };
                    let time = match &candidate.verdict {
                        Verdict::Timed(seconds) => format!("{:10.3} ms", 1e3 * seconds),
                        Verdict::TimedOnce(seconds) => format!("{:10.3} ms, once", 1e3 * seconds),
                        Verdict::Rejected(reason) => format!("rejected: {reason}"),
                    };
                    print_line(format_args!("    {:32} {time}  {note}", candidate.id.to_string()))?;
                }
            }
        }
        let lanes = profile.capabilities.subgroup_size.map_or("unknown".to_string(), |lanes| lanes.to_string());
        print_line(format_args!(
            "{changed} of {} shapes take another variant than shipped: {:.1} ms instead of {:.1} over all steps (subgroup size {lanes})",
            shapes.len(),
            1e3 * tuned,
            1e3 * shipped
        ))
    }
}
