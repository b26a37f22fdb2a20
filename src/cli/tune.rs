//! `lineament tune`

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use lineament::device::Device;
use lineament::ops::{Site, Tuning};
use lineament::nn::Model;
use lineament::app::measure::{Extent, Workload};
use lineament::nn::training::NetworkShape;
use lineament::app::tune::{Entry, Ladder, Rung, Store, Verdict, cache_folder, climb, content};

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
    gpu: GpuArguments,
}

impl Tune {
    pub fn run(&self) -> Ending {
        let model = Model::open(&self.model, None)?;
        let mut gpu = self.gpu.open_untuned()?;
        let (folder, target) = (cache_folder()?, gpu.target());
        let mut store = if self.again {
            Store::read(&folder, gpu.report()).unwrap_or_else(|_| Store::new(gpu.report()))
        } else {
            Store::read(&folder, gpu.report())?
        };
        let sites = self.sites(&mut gpu, &model)?;

        let stop = interruption();
        let unknown = |site: Site| {
            let all = content(&site.measured(target), target.lanes);
            self.again || store.entry(site).is_none_or(|entry| entry.content != all)
        };
        let wanted: Vec<Site> = sites.iter().map(|(site, _)| *site).filter(|site| unknown(*site)).collect();
        let bar = progress(wanted.len() as u64, "shapes");
        let mut measured = 0;
        for site in &wanted {
            let Some(ladder) = climb(&gpu, *site, &stop)? else { break };
            for Rung { kernel, variant, verdict } in &ladder.rungs {
                if let Verdict::Barred(reason) = verdict {
                    eprintln!("barred: {kernel} {variant} for {site}: {reason}");
                }
            }
            store.insert(entry(*site, ladder, &gpu));
            store.write(&folder, gpu.report())?;
            measured += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.print(&store, &sites, &gpu)?;
        if stop.load(Ordering::SeqCst) && measured < wanted.len() {
            eprintln!("stopped after {measured} of {} shapes; the same command goes on", wanted.len());
            return Ok(Outcome::Incomplete);
        }
        eprintln!(
            "{measured} shapes measured, {} known before; kept in {}",
            sites.len() - measured,
            Store::path(&folder, gpu.report()).display()
        );
        Ok(Outcome::Done)
    }

    /// What plans of the model ask for, and how often.
    fn sites(&self, gpu: &mut Device, model: &Model) -> Result<Vec<(Site, usize)>, Box<dyn std::error::Error>> {
        let size = self.size.unwrap_or(model.size);
        if !size.is_multiple_of(32) {
            return Err(Box::new(Misuse(format!("--size {size}: the network takes multiples of 32"))));
        }
        let batches = if self.batch.is_empty() { vec![1, default_batch(gpu)] } else { self.batch.clone() };
        let asked = gpu.tune(Tuning::listening());
        let model = Model { size, ..model.clone() };
        for batch in batches {
            Workload::prediction(gpu, &model, batch);
            if self.train && batch > 1 {
                let network =
                    NetworkShape { layers: model.backbone.layers().to_vec(), ..NetworkShape::paper(1.0, size, model.outputs()) };
                Workload::training(gpu.target(), &network, batch, Extent::Step)?;
            }
        }
        let sites = asked.asked();
        gpu.tune(Tuning::default());
        Ok(sites)
    }

    fn print(&self, store: &Store, sites: &[(Site, usize)], gpu: &Device) -> std::io::Result<()> {
        let target = gpu.target();
        let (mut shipped, mut tuned, mut changed) = (0.0, 0.0, 0);
        print_line(format_args!("{:52} {:>32} {:>10} {:>10} {:>6}", "shape", "winner", "ms", "shipped", "gain"))?;
        for (site, count) in sites {
            let Some(entry) = store.entry(*site) else { continue };
            let of = |name: &[String; 2]| entry.ladder.iter().find(|rung| rung.kernel == name[0] && rung.variant == name[1]);
            let seconds = |name: &[String; 2]| of(name).and_then(Rung::seconds);
            let usual = site.shipped(target);
            let usual = [usual.0.name, usual.1.name].map(String::from);
            let Some(winner) = &entry.winner else {
                print_line(format_args!("{site}: every variant is barred; the shipped one runs all the same"))?;
                continue;
            };
            let (best, before) = (seconds(winner).unwrap_or(f64::NAN), seconds(&usual).unwrap_or(f64::NAN));
            (shipped, tuned) = (shipped + before * *count as f64, tuned + best * *count as f64);
            changed += usize::from(*winner != usual);
            print_line(format_args!(
                "{:52} {:>32} {:10.3} {:10.3} {:6.2}",
                format!("{site}{}", if *count > 1 { format!(" ×{count}") } else { String::new() }),
                winner.join(" "),
                1e3 * best,
                1e3 * before,
                before / best
            ))?;
            if self.explain {
                for rung in &entry.ladder {
                    let name = [rung.kernel.clone(), rung.variant.clone()];
                    let note = match (name == *winner, name == usual) {
                        (true, true) => "winner, as shipped",
                        (true, false) => "winner",
                        (false, true) => "shipped",
                        (false, false) => "",
                    };
                    let time = match &rung.verdict {
                        Verdict::Timed(seconds) => format!("{:10.3} ms", 1e3 * seconds),
                        Verdict::Behind(seconds) => format!("{:10.3} ms, once", 1e3 * seconds),
                        Verdict::Barred(reason) => format!("barred: {reason}"),
                    };
                    print_line(format_args!("    {:32} {time}  {note}", name.join(" ")))?;
                }
            }
        }
        let lanes = target.lanes.map_or("unknown".to_string(), |lanes| lanes.to_string());
        print_line(format_args!(
            "{changed} of {} shapes take another variant than shipped: {:.1} ms instead of {:.1} over all steps (subgroup size {lanes})",
            sites.len(),
            1e3 * tuned,
            1e3 * shipped
        ))
    }
}

fn entry(site: Site, Ladder { winner, rungs }: Ladder, gpu: &Device) -> Entry {
    let target = gpu.target();
    Entry {
        site,
        winner: winner.map(|(kernel, variant)| [kernel.name, variant.name].map(String::from)),
        winner_content: winner.map_or(String::new(), |winner| content(&[winner], target.lanes)),
        content: content(&site.measured(target), target.lanes),
        ladder: rungs,
    }
}
