//! `lineament tune`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;
use lineament::app::measure::{Extent, Workload};
use lineament::app::tune::{Candidate, Comparison, Entry, Store, Verdict, cache_folder, compare_candidates, content};
use lineament::nn::Model;
use lineament::nn::training::NetworkShape;
use lineament::ops::{candidates, identity};
use lineament::plan::VariantId;
use lineament::profiles::{Device, OperationShape, Winners};

use super::common::{GpuArguments, Misuse, default_batch, interruption, print_line, progress};
use super::{Outcome, Verdict as Ending};

/// Measure which variant of each kernel is fastest on this adapter for the shapes of the model, and keep the winners
///
/// A variant must first agree with its f64 reference on this adapter, or it is barred. Winners are kept in the user's cache
/// folder (or LINEAMENT_CACHE) by adapter, driver, shape and the content of the expanded shader; every verb takes them from there,
/// unless LINEAMENT_TUNING is `off`. Ctrl-C keeps what is measured so far, and the same command goes on.
#[derive(Args)]
pub struct Tune {
    /// The model
    #[arg(long, default_value = "weights/mobilenet_v2_celeba.safetensors")]
    model: PathBuf,
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
        let model = Model::open(&self.model, None)?;
        let mut device = self.device.open_untuned()?;
        let (folder, profile) = (cache_folder()?, &device.profile().clone());
        let mut store = if self.again {
            Store::read(&folder, device.report()).unwrap_or_else(|_| Store::new(device.report()))
        } else {
            Store::read(&folder, device.report())?
        };
        let shapes = self.shapes(&mut device, &model)?;

        let stop = interruption();
        let unknown = |shape: OperationShape| {
            let all = content(&candidates::measured(shape, profile), profile.capabilities.subgroup_size);
            self.again || store.entry(shape).is_none_or(|entry| entry.content != all)
        };
        let wanted: Vec<OperationShape> = shapes.iter().map(|(shape, _)| *shape).filter(|shape| unknown(*shape)).collect();
        let bar = progress(wanted.len() as u64, "shapes");
        let mut measured = 0;
        for shape in &wanted {
            let Some(comparison) = compare_candidates(&device, *shape, &stop)? else { break };
            for Candidate { id, verdict } in &comparison.candidates {
                if let Verdict::Barred(reason) = verdict {
                    eprintln!("barred: {id} for {shape}: {reason}");
                }
            }
            store.insert(entry(*shape, comparison, &device));
            store.write(&folder, device.report())?;
            measured += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.print(&store, &shapes, &device)?;
        if stop.load(Ordering::SeqCst) && measured < wanted.len() {
            eprintln!("stopped after {measured} of {} shapes; the same command goes on", wanted.len());
            return Ok(Outcome::Incomplete);
        }
        eprintln!(
            "{measured} shapes measured, {} known before; kept in {}",
            shapes.len() - measured,
            Store::path(&folder, device.report()).display()
        );
        Ok(Outcome::Done)
    }

    /// What plans of the model ask for, and how often.
    fn shapes(&self, device: &mut Device, model: &Model) -> Result<Vec<(OperationShape, usize)>, Box<dyn std::error::Error>> {
        let size = self.size.unwrap_or(model.size);
        if !size.is_multiple_of(32) {
            return Err(Box::new(Misuse(format!("--size {size}: the network takes multiples of 32"))));
        }
        let batches = if self.batch.is_empty() { vec![1, default_batch(device)] } else { self.batch.clone() };
        let recorder = Arc::new(Winners::recording());
        device.tune(recorder.clone());
        let model = Model { size, ..model.clone() };
        for batch in batches {
            Workload::prediction(device, &model, batch);
            if self.train && batch > 1 {
                let network = NetworkShape::on(&model, size);
                Workload::training(device.profile(), &network, batch, Extent::Step)?;
            }
        }
        let shapes = recorder.requests();
        device.tune(Arc::default());
        Ok(shapes)
    }

    fn print(&self, store: &Store, shapes: &[(OperationShape, usize)], device: &Device) -> std::io::Result<()> {
        let profile = device.profile();
        let (mut shipped, mut tuned, mut changed) = (0.0, 0.0, 0);
        print_line(format_args!("{:52} {:>32} {:>10} {:>10} {:>6}", "shape", "winner", "ms", "shipped", "gain"))?;
        for (shape, count) in shapes {
            let Some(entry) = store.entry(*shape) else { continue };
            let of = |id: &VariantId| entry.candidates.iter().find(|candidate| candidate.id == *id);
            let seconds = |id: &VariantId| of(id).and_then(Candidate::seconds);
            let usual = identity(candidates::shipped(*shape, profile));
            let Some(winner) = &entry.winner else {
                print_line(format_args!("{shape}: every variant is barred; the shipped one runs all the same"))?;
                continue;
            };
            let (best, before) = (seconds(winner).unwrap_or(f64::NAN), seconds(&usual).unwrap_or(f64::NAN));
            (shipped, tuned) = (shipped + before * *count as f64, tuned + best * *count as f64);
            changed += usize::from(*winner != usual);
            print_line(format_args!(
                "{:52} {:>32} {:10.3} {:10.3} {:6.2}",
                format!("{shape}{}", if *count > 1 { format!(" ×{count}") } else { String::new() }),
                winner.to_string(),
                1e3 * best,
                1e3 * before,
                before / best
            ))?;
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
                        Verdict::Behind(seconds) => format!("{:10.3} ms, once", 1e3 * seconds),
                        Verdict::Barred(reason) => format!("barred: {reason}"),
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

fn entry(shape: OperationShape, Comparison { winner, candidates: compared }: Comparison, device: &Device) -> Entry {
    let profile = device.profile();
    Entry {
        shape,
        winner: winner.map(identity),
        winner_content: winner.map_or(String::new(), |winner| content(&[winner], profile.capabilities.subgroup_size)),
        content: content(&candidates::measured(shape, profile), profile.capabilities.subgroup_size),
        candidates: compared,
    }
}
