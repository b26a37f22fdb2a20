//! Autotuning the shapes that a model's plans ask for.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Candidate, Entry, Store, Verdict, cache_folder, compare_candidates, content};
use crate::app::measure::{Workload, network_size};
use crate::app::{Context, Error, default_batch};
use crate::nn::Model;
use crate::ops::candidates;
use crate::profiles::{Device, OperationShape, Winners};

/// Which shapes are tuned.
#[derive(Debug, Clone, Default)]
pub struct TunerOptions {
    /// Images at once; empty takes 1 and what suits the adapter.
    pub batches: Vec<u32>,
    /// Height and width of the input; `None` takes the model's.
    pub size: Option<u32>,
    /// Whether to tune the shapes of a training step of every layer, too.
    pub train: bool,
    /// Whether to measure again what is known already.
    pub again: bool,
}

/// What the autotuner knows after a run.
pub struct Tuned {
    /// The winners, those of earlier runs among them.
    pub store: Store,
    /// The file that they are kept in.
    pub path: PathBuf,
    /// The shapes that the model's plans ask for, and how often.
    pub shapes: Vec<(OperationShape, usize)>,
    /// Number of shapes that this run was to measure.
    pub wanted: usize,
    /// Number of shapes that it measured. Fewer than wanted were measured if it was cancelled.
    pub measured: usize,
}

/// Measures which variant of each kernel is fastest on an adapter for the shapes of a model, and keeps the winners.
///
/// `device` must be open with the shipped variants.
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
    let shapes = shapes(device, model, options)?;
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

/// Returns what plans of the model ask for, and how often.
fn shapes(device: &mut Device, model: &Model, options: &TunerOptions) -> Result<Vec<(OperationShape, usize)>, Error> {
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
