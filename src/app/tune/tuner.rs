//! Autotunes the shapes that a model's plans use.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Candidate, Entry, Store, Verdict, cache_folder, compare_candidates, content};
use crate::app::measure::Workload;
use crate::app::open::network_size;
use crate::app::{Context, Error, default_batch};
use crate::nn::Model;
use crate::ops::{candidates, identity};
use crate::profiles::{Device, OperationShape, Winners};

/// Options of the autotuner.
#[derive(Debug, Clone, Default)]
pub struct TunerOptions {
    /// Numbers of images in a batch; an empty list takes 1 and [`default_batch`] for the adapter.
    pub batches: Vec<u32>,
    /// Height and width of the input; `None` takes the model's.
    pub size: Option<u32>,
    /// Whether to tune the shapes of a training step of all layers, too.
    pub train: bool,
    /// Whether to measure again what was measured before.
    pub again: bool,
}

/// The state of the autotuner after a run.
pub struct Tuned {
    /// The winners, including those of earlier runs.
    pub store: Store,
    /// Path of the file with the winners.
    pub path: PathBuf,
    /// The shapes that the model's plans use, and how often.
    pub shapes: Vec<(OperationShape, usize)>,
    /// Number of shapes that this run had to measure.
    pub wanted: usize,
    /// Number of shapes that it measured; less than `wanted` if the run was cancelled.
    pub measured: usize,
}

impl Tuned {
    /// Returns a table that compares the winners with the shipped variants. With `explain`, it also lists every candidate of
    /// every shape.
    pub fn to_text(&self, device: &Device, explain: bool) -> String {
        let Tuned { store, shapes, .. } = self;
        let mut lines = Vec::new();
        let profile = device.profile();
        let (mut shipped, mut tuned, mut changed) = (0.0, 0.0, 0);
        lines.push(format!("{:52} {:>32} {:>10} {:>10} {:>6}", "shape", "winner", "ms", "shipped", "gain"));
        for (shape, count) in shapes {
            let Some(entry) = store.entry(*shape) else { continue };
            let usual = identity(candidates::shipped(*shape, profile));
            let (Some(winner), Some(best)) = (&entry.winner, entry.seconds) else {
                lines.push(format!("{shape}: every candidate was rejected; the shipped variant is used"));
                continue;
            };
            let name = format!("{shape}{}", if *count > 1 { format!(" ×{count}") } else { String::new() });
            changed += usize::from(*winner != usual);
            match entry.seconds_of(&usual) {
                Some(before) => {
                    (shipped, tuned) = (shipped + before * *count as f64, tuned + best * *count as f64);
                    let (ms, gain) = ([1e3 * best, 1e3 * before], before / best);
                    lines.push(format!("{name:52} {:>32} {:10.3} {:10.3} {gain:6.2}", winner.to_string(), ms[0], ms[1]));
                }
                None => {
                    lines.push(format!("{name:52} {:>32} {:10.3} {:>10} {:>6}", winner.to_string(), 1e3 * best, "rejected", "-"))
                }
            }
            if explain {
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
                    lines.push(format!("    {:32} {time}  {note}", candidate.id.to_string()));
                }
            }
        }
        let lanes = profile.capabilities.subgroup_size.map_or("unknown".to_string(), |lanes| lanes.to_string());
        lines.push(format!(
            "{changed} of {} shapes use another variant than the shipped one: {:.1} ms instead of {:.1} over all steps \
             (subgroup size {lanes})",
            shapes.len(),
            1e3 * tuned,
            1e3 * shipped
        ));
        lines.join("\n") + "\n"
    }
}

/// Measures which variant of each kernel is fastest on an adapter for the shapes of a model, and stores the winners.
///
/// `device` must have been opened with the shipped variants.
///
/// # Errors
/// The store cannot be read or written, the size is not a multiple of 32, or the device fails.
pub fn tune(device: &mut Device, model: &Model, options: &TunerOptions, context: &Context) -> Result<Tuned, Error> {
    let (folder, profile) = (cache_folder()?, device.profile().clone());
    let mut store = if options.again {
        Store::read(&folder, device.report()).unwrap_or_else(|_| Store::new(device.report()))
    } else {
        Store::read(&folder, device.report())?
    };
    let shapes = model_shapes(device, model, options)?;
    let unknown = |shape: OperationShape| {
        let all = content(&candidates::measured(shape, &profile), profile.capabilities.subgroup_size);
        options.again || store.entry(shape).is_none_or(|entry| entry.content != all)
    };
    let wanted: Vec<OperationShape> = shapes.iter().map(|(shape, _)| *shape).filter(|shape| unknown(*shape)).collect();
    context.start("", "shapes", wanted.len());
    let mut measured = 0;
    for shape in &wanted {
        let Some(comparison) = compare_candidates(device, *shape, context.cancellation.flag())? else { break };
        for Candidate { id, verdict } in &comparison.candidates {
            if let Verdict::Rejected(reason) = verdict {
                context.message(format!("rejected: {id} for {shape}: {reason}"));
            }
        }
        store.insert(Entry::new(*shape, comparison, &profile));
        store.write(&folder, device.report())?;
        measured += 1;
        context.advance(measured);
    }
    context.finish();
    let path = Store::path(&folder, device.report());
    Ok(Tuned { store, path, shapes, wanted: wanted.len(), measured })
}

/// Returns the shapes that the model's plans use, and how often.
///
/// # Errors
/// The size is not a multiple of 32, or the model cannot be trained.
pub fn model_shapes(device: &mut Device, model: &Model, options: &TunerOptions) -> Result<Vec<(OperationShape, usize)>, Error> {
    let size = network_size(options.size, model)?;
    let batches = if options.batches.is_empty() { vec![1, default_batch(device)] } else { options.batches.clone() };
    let recorder = Arc::new(Winners::recording());
    device.tune(recorder.clone());
    let model = Model { size, ..model.clone() };
    for batch in batches {
        Workload::prediction(device, &model, batch);
        if options.train && batch > 1 {
            Workload::training_of(device.profile(), &model, size, batch)?;
        }
    }
    let shapes = recorder.requests();
    device.tune(Arc::default());
    Ok(shapes)
}
