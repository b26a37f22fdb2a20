//! Opens what use cases need: an adapter with its tuned variants, and models.

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

/// Maximum number of threads that compile pipelines. Beyond that, the driver and the disk cache are the bottleneck.
const MOST_COMPILERS: usize = 8;

/// Options for opening an adapter.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// The adapter to open.
    pub adapter: AdapterRequest,
    /// Whether to use the variants that the autotuner found fastest on the adapter.
    pub tuned: bool,
    /// Whether to keep compiled pipelines in the user's cache folder.
    pub keep_pipelines: bool,
    /// Whether to bind the threads of a software adapter's driver to processors and to compile on several devices. This changes
    /// the driver's behaviour for the whole process, so it is off by default.
    pub adjust_software_driver: bool,
}

impl Default for DeviceOptions {
    fn default() -> DeviceOptions {
        DeviceOptions { adapter: AdapterRequest::default(), tuned: true, keep_pipelines: true, adjust_software_driver: false }
    }
}

/// Opens an adapter and reports its name and whether tuned variants are used.
///
/// # Errors
/// There is no adapter, none matches, its limits are too small, or it cannot be opened.
pub fn open_device(options: &DeviceOptions, context: &Context) -> Result<Device, DeviceError> {
    let open = if options.adjust_software_driver { software::open } else { Device::open };
    let mut device = open(&options.adapter)?;
    if let (true, Ok(folder)) = (options.keep_pipelines, cache_folder()) {
        device.gpu_mut().keep_pipelines(&folder);
    }
    device.gpu_mut().compile_on(std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_COMPILERS)));
    let report = device.report();
    let note = if device.is_software() { " — a software adapter, which computes on the CPU" } else { "" };
    context.message(format!("adapter: {} ({}, {}){note}", report.name, report.backend, report.kind));
    if options.tuned {
        use_winners(&mut device, context);
    }
    Ok(device)
}

/// Uses the autotuner's winners. A store that cannot be read is reported but is no error, because the shipped variants are also
/// correct.
fn use_winners(device: &mut Device, context: &Context) {
    match cache_folder().and_then(|folder| Store::read(&folder, device.report())) {
        Err(StoreError::NoFolder) => {}
        Err(error) => context.note(format!("using the choices as shipped: {error}")),
        Ok(store) => {
            let (winners, stale) = store.winners(device.profile());
            if stale > 0 {
                context.note(format!(
                    "{stale} tuned choices are outdated because their shaders have changed; `lineament tune` renews them"
                ));
            }
            if !winners.is_empty() {
                context.message(format!("tuned: using {} tuned variants (LINEAMENT_TUNING=off disables them)", winners.len()));
                device.tune(Arc::new(winners));
            }
        }
    }
}

/// Returns the model file that was named, or the shipped file called `default`.
///
/// # Errors
/// No file is named, and the shipped file is in none of the places where it is looked for.
pub fn model_path(named: Option<&Path>, default: &str) -> Result<PathBuf, Error> {
    match named {
        Some(path) => Ok(path.to_path_buf()),
        None => Ok(find_weights(default)?),
    }
}

/// Opens a model that predicts attributes, with its backbone stored in `precision`.
///
/// # Errors
/// The file cannot be used, it has no head for attributes, or its backbone is not found.
pub fn open_attribute_model(path: &Path, backbone: Option<&Path>, precision: Precision) -> Result<Model, Error> {
    let model = Model::open(path, backbone)?;
    if !matches!(model.top, Top::Attributes(_)) {
        return Err(Error::NoAttributes { path: path.to_path_buf() });
    }
    Ok(model.stored_in(precision)?)
}

/// Opens the weights from which a training starts, for images of `size` × `size` pixels. `None` takes the size that the weights
/// were made for.
///
/// # Errors
/// The file cannot be used, or the size is 0 or not a multiple of 32.
pub fn open_start(path: &Path, size: Option<u32>) -> Result<Model, Error> {
    let mut model = Model::open(path, None)?;
    model.size = network_size(size, &model)?;
    Ok(model)
}

/// Returns the requested input size, or the model's if none is requested.
///
/// # Errors
/// [`Error::Size`] if the size is 0 or not a multiple of 32.
pub(crate) fn network_size(asked: Option<u32>, model: &Model) -> Result<u32, Error> {
    let size = asked.unwrap_or(model.size);
    if size == 0 || !size.is_multiple_of(32) { Err(Error::Size { size }) } else { Ok(size) }
}

/// Returns the number of images in a batch that the profile of the device prefers.
pub fn default_batch(device: &Device) -> u32 {
    device.profile().settings().batch
}
