//! Opening what use cases need: an adapter with its tuned variants, and models.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use super::error::Error;
use super::tune::{Store, StoreError, cache_folder};
use crate::device::{AdapterRequest, DeviceError};
use crate::nn::weights::find_weights;
use crate::nn::{Model, Top};
use crate::plan::Precision;
use crate::profiles::{Device, software};

/// The most threads that compile pipelines at once: with more, a driver and its disk are the limit.
const MOST_COMPILERS: usize = 8;

/// How an adapter is opened.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// Which adapter.
    pub adapter: AdapterRequest,
    /// Whether to use the variants that the autotuner found fastest on it.
    pub tuned: bool,
    /// Whether to keep compiled pipelines in the user's cache folder.
    pub keep_pipelines: bool,
    /// Whether a software adapter may bind its driver's threads to processors and compile on several devices. That changes how the
    /// driver works for the whole process, so a program must ask for it.
    pub adjust_software_driver: bool,
}

impl Default for DeviceOptions {
    fn default() -> DeviceOptions {
        DeviceOptions { adapter: AdapterRequest::default(), tuned: true, keep_pipelines: true, adjust_software_driver: false }
    }
}

/// Opens an adapter and tells the observer which one it is and whether tuned variants are used.
///
/// # Errors
/// There is no adapter, none matches, it is too small, or it does not open.
pub fn open_device(options: &DeviceOptions, context: &Context) -> Result<Device, DeviceError> {
    let open = if options.adjust_software_driver { software::open } else { Device::open };
    let mut device = open(&options.adapter)?;
    if let (true, Ok(folder)) = (options.keep_pipelines, cache_folder()) {
        device.gpu_mut().keep_pipelines(&folder);
    }
    device.gpu_mut().compile_on(std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_COMPILERS)));
    let report = device.report();
    let note = if device.is_software() { " — a software adapter: this computes on the processor" } else { "" };
    context.message(format!("adapter: {} ({}, {}){note}", report.name, report.backend, report.kind));
    if options.tuned {
        use_winners(&mut device, context);
    }
    Ok(device)
}

/// Uses the autotuner's winners. A store that cannot be read keeps nobody from working, because the shipped variants are right too.
fn use_winners(device: &mut Device, context: &Context) {
    match cache_folder().and_then(|folder| Store::read(&folder, device.report())) {
        Err(StoreError::NoFolder) => {}
        Err(error) => context.note(format!("choices as shipped: {error}")),
        Ok(store) => {
            let (winners, stale) = store.winners(device.profile());
            if stale > 0 {
                context.note(format!("{stale} tuned choices are of other shaders; `lineament tune` renews them"));
            }
            if !winners.is_empty() {
                context.message(format!("tuned: {} choices of variants (LINEAMENT_TUNING=off leaves them out)", winners.len()));
                device.tune(Arc::new(winners));
            }
        }
    }
}

/// Returns the model file that was named, or the shipped one of the name `default`.
///
/// # Errors
/// No file is named and the shipped one is in none of the places where it is looked for.
pub fn model_path(named: Option<&Path>, default: &str) -> Result<PathBuf, Error> {
    match named {
        Some(path) => Ok(path.to_path_buf()),
        None => Ok(find_weights(default)?),
    }
}

/// Opens a model that predicts attributes, with its backbone stored in `precision`.
///
/// # Errors
/// The file cannot be used, has no head for attributes, or its backbone is not found.
pub fn open_attribute_model(path: &Path, backbone: Option<&Path>, precision: Precision) -> Result<Model, Error> {
    let model = Model::open(path, backbone)?;
    if !matches!(model.top, Top::Attributes(_)) {
        return Err(Error::NoAttributes { path: path.to_path_buf() });
    }
    Ok(model.stored_in(precision)?)
}

/// Opens weights to start a training from, for images of `size` × `size` pixels or of the size that the weights were made for.
///
/// # Errors
/// The file cannot be used, or the size is not a multiple of 32.
pub fn open_start(path: &Path, size: Option<u32>) -> Result<Model, Error> {
    let mut model = Model::open(path, None)?;
    model.size = size.unwrap_or(model.size);
    if !model.size.is_multiple_of(32) {
        return Err(Error::Size { size: model.size });
    }
    Ok(model)
}

/// Returns the number of images in a batch where the user names none: what a software adapter is fastest with, and what fills a GPU.
pub fn default_batch(device: &Device) -> u32 {
    if device.is_software() { 8 } else { 32 }
}
