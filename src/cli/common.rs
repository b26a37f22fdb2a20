//! What several verbs share: choosing the adapter, batches of decoded images, progress, interruption, run folders.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lineament::app::tune::{Store, StoreError, cache_folder};
use lineament::data::{Crop, ImageSource, Rgb8Image, decode_ahead, prefetch::decoding_threads, write_atomically};
use lineament::device::{AdapterRequest, DeviceError};
use lineament::nn::{ImageRunner, ModelError, Started};
use lineament::ops::Interpolation;
use lineament::plan::Precision;
use lineament::profiles::{Device, software};
use serde_json::{Map, Value, json};

/// Where it is `off`, measured choices of variants are left out.
const TUNING_VARIABLE: &str = "LINEAMENT_TUNING";

/// The most threads that compile at once: past these a driver and its disk are the limit.
const MOST_COMPILERS: usize = 8;

/// A command that cannot be meant as it was given: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// Which GPU to use.
#[derive(Args, Clone)]
pub struct GpuArguments {
    /// Adapter by part of its name, or by its index in `lineament devices`
    #[arg(long, value_name = "NAME|INDEX")]
    adapter: Option<String>,
    /// Graphics interface: vulkan, metal, dx12 or gl
    #[arg(long)]
    backend: Option<String>,
    /// Ask the adapter for no more than every implementation of WebGPU grants
    #[arg(long)]
    webgpu_limits: bool,
}

impl GpuArguments {
    /// Opens the adapter with the choices of variants that were measured on it, and says which one it is.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let mut device = self.open_untuned()?;
        if std::env::var_os(TUNING_VARIABLE).is_some_and(|value| value == "off") {
            return Ok(device);
        }
        // What cannot be read must not keep anyone from working: the shipped choices are right, too.
        match cache_folder().and_then(|folder| Store::read(&folder, device.report())) {
            Err(StoreError::NoFolder) => {}
            Err(error) => eprintln!("note: choices as shipped: {error}"),
            Ok(store) => {
                let (tuning, stale) = store.tuning(device.profile());
                if stale > 0 {
                    eprintln!("note: {stale} tuned choices are of other shaders; `lineament tune` renews them");
                }
                if !tuning.is_empty() {
                    eprintln!("tuned: {} choices of variants ({TUNING_VARIABLE}=off leaves them out)", tuning.len());
                    device.tune(Arc::new(tuning));
                }
            }
        }
        Ok(device)
    }

    /// Opens the adapter with the shipped choices of variants, and says which one it is.
    pub fn open_untuned(&self) -> Result<Device, DeviceError> {
        let mut device = software::open(&AdapterRequest {
            adapter: self.adapter.clone(),
            backend: self.backend.clone(),
            webgpu_limits: self.webgpu_limits,
        })?;
        if let Ok(folder) = cache_folder() {
            device.gpu_mut().keep_pipelines(&folder);
        }
        device.gpu_mut().compile_on(std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_COMPILERS)));
        let report = device.report();
        let note = if device.is_software() { " — a software adapter: this computes on the processor" } else { "" };
        eprintln!("adapter: {} ({}, {}){note}", report.name, report.backend, report.kind);
        Ok(device)
    }
}

impl GpuArguments {
    /// Whether the user asked for a certain adapter or interface.
    pub fn names_one(&self) -> bool {
        self.adapter.is_some() || self.backend.is_some()
    }
}

/// What a model's backbone computes in.
#[derive(Args, Clone, Copy)]
pub struct PrecisionArguments {
    /// What activations and weights of the backbone are stored as. f16 halves what is moved, on adapters whose shaders compute in
    /// 16-bit floats (`lineament devices` says); a software adapter is slower by it
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionName,
}

/// Names of precisions.
#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    /// 32-bit floats
    F32,
    /// 16-bit floats; sums, biases, features and the head stay 32-bit
    F16,
}

impl PrecisionArguments {
    /// The precision.
    pub fn get(self) -> Precision {
        match self.precision {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F16 => Precision::F16,
        }
    }

    /// Refuses 16-bit floats for work that has none.
    pub fn refuse_f16(self, work: &str) -> Result<(), Misuse> {
        match self.get() {
            Precision::F32 => Ok(()),
            Precision::F16 => {
                Err(Misuse(format!("--precision f16: {work} computes in 32-bit floats; predictions alone take f16")))
            }
        }
    }
}

/// How an image is brought to the network's size.
#[derive(Clone, Copy, ValueEnum)]
pub enum Resize {
    /// As Keras' load_img does
    Nearest,
    /// Between the four nearest pixels
    Bilinear,
}

impl From<Resize> for Interpolation {
    fn from(resize: Resize) -> Interpolation {
        match resize {
            Resize::Nearest => Interpolation::Nearest,
            Resize::Bilinear => Interpolation::Bilinear,
        }
    }
}

/// Images a batch where the user does not say: what a software adapter is best at, and what fills a real GPU.
pub fn default_batch(device: &Device) -> u32 {
    if device.is_software() { 8 } else { 32 }
}

/// An image that could not be used, and why.
pub type Failure = (usize, String);

/// Runs every image through the network in batches, decoded in parallel ahead of the GPU, which has the next batch when it is
/// done with one; `use_row` sees the results in order. Images that do not decode are returned, the rest is done.
pub fn run_images(
    device: &Device,
    runner: &mut ImageRunner,
    batch: u32,
    images: Vec<ImageSource>,
    crop: Option<Crop>,
    mut use_row: impl FnMut(usize, &[f32]),
) -> Result<Vec<Failure>, ModelError> {
    let progress = progress(images.len() as u64, "images");
    let (mut failures, mut pending) = (Vec::new(), Vec::with_capacity(batch as usize));
    let limit = device.capabilities().binding_bytes;
    let mut decoded = decode_ahead(images.clone(), decoding_threads(), 2 * batch as usize);
    // The batch that the device works on, and which images it holds.
    let mut started: Option<(Started, Vec<usize>)> = None;
    let mut use_rows = |runner: &ImageRunner, (started, indices): (Started, Vec<usize>)| {
        let rows = runner.finish(device, started)?;
        for (index, row) in indices.iter().zip(rows.chunks_exact(rows.len() / indices.len())) {
            use_row(*index, row);
        }
        progress.inc(indices.len() as u64);
        Ok::<(), ModelError>(())
    };
    loop {
        let next = decoded.next();
        let last = next.is_none();
        match next {
            Some((index, Ok(whole))) => {
                let image = if let Some(crop) = crop { crop.of(&whole) } else { whole };
                if image.pixels.len() as u64 > limit {
                    failures.push((index, too_large(&images[index].label(), &image, limit)));
                } else {
                    pending.push((index, image));
                }
            }
            Some((index, Err(error))) => failures.push((index, error.to_string())),
            None => {}
        }
        if pending.len() == batch as usize || (last && !pending.is_empty()) {
            let borrowed: Vec<_> = pending.iter().map(|(_, image)| image).collect();
            let next = (runner.start(device, &borrowed)?, pending.iter().map(|(index, _)| *index).collect());
            pending.clear();
            if let Some(before) = started.replace(next) {
                use_rows(runner, before)?;
            }
        }
        if last {
            if let Some(before) = started.take() {
                use_rows(runner, before)?;
            }
            progress.finish_and_clear();
            return Ok(failures);
        }
    }
}

fn too_large(path: &Path, image: &Rgb8Image, limit: u64) -> String {
    let (path, most) = (path.display(), limit / 3_000_000);
    format!(
        "{path}: {} × {} pixels, more than the {most} megapixels that this adapter takes at once; make it smaller",
        image.width, image.height
    )
}

/// Names the unusable images on stderr.
pub fn report_failures(images: usize, failures: &[Failure]) {
    if failures.is_empty() {
        return;
    }
    eprintln!("{} of {} images could not be used:", failures.len(), images);
    for (_, reason) in failures {
        eprintln!("  {reason}");
    }
}

/// A bar on stderr; nothing where stderr is not a terminal.
pub fn progress(length: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let template = format!("{{msg}} {{bar:32}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// A flag that Ctrl-C sets, so that long work can save what it has; a second Ctrl-C ends the program at once.
pub fn interruption() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    let installed = ctrlc::set_handler(move || {
        if set.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step; press Ctrl-C again to stop at once");
    });
    if let Err(error) = installed {
        eprintln!("note: Ctrl-C will not save the work in progress ({error})");
    }
    flag
}

/// Tries, before long work, whether a file can be written at `path`; leaves nothing behind.
pub fn ensure_writable(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) if !path.is_dir() => Ok(()),
        Ok(_) => Err(format!("{}: is a folder; name a file in it", path.display()).into()),
        Err(error) => {
            Err(format!("{}: cannot be written: {error}; choose a folder that exists and can be written", path.display()).into())
        }
    }
}

/// Makes a run folder, and the folders above it.
pub fn make_run_folder(run: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(run).map_err(|error| format!("{}: {error}; choose a folder that can be written", run.display()))?;
    ensure_writable(&run.join("config.json"))
}

/// Prints a line to stdout; unlike `println!`, a reader that has gone away is an error and no panic.
pub fn print_line(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}

/// Writes to a file atomically, or to stdout where no file is named.
pub fn write_out(out: Option<&Path>, bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    match out {
        Some(path) => write_atomically(path, |writer| writer.write_all(bytes))?,
        None => std::io::stdout().lock().write_all(bytes)?,
    }
    Ok(())
}

/// Verbs that write attributes.csv: what one of them recorded says nothing of the file that another has replaced.
const WRITE_ATTRIBUTES: [&str; 2] = ["predict", "eval"];

/// Records in RUN/config.json how a verb's result was made; other verbs' records stay, unless their file was replaced.
pub fn record(
    run: &Path,
    verb: &str,
    device: Option<&Device>,
    mut details: Map<String, Value>,
) -> Result<(), Box<dyn std::error::Error>> {
    let path = run.join("config.json");
    let mut config: Map<String, Value> = match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}; remove it and run again", path.display()))?
        }
        Err(_) => Map::new(),
    };
    details.insert("command".into(), json!(command_line()));
    if let Some(device) = device {
        let report = device.report();
        details
            .insert("adapter".into(), json!(format!("{} ({}, {}; {})", report.name, report.backend, report.kind, report.driver)));
        if let Some(tuning) = device.profile().winners() {
            details.insert("tuned_choices".into(), json!(tuning.len()));
        }
    }
    if WRITE_ATTRIBUTES.contains(&verb) {
        config.retain(|recorded, _| !WRITE_ATTRIBUTES.contains(&recorded.as_str()));
    }
    config.insert("version".into(), json!(concat!("lineament ", env!("CARGO_PKG_VERSION"))));
    config.insert(verb.into(), Value::Object(details));
    let mut bytes = serde_json::to_vec_pretty(&config)?;
    bytes.push(b'\n');
    write_atomically(&path, |writer| writer.write_all(&bytes))?;
    Ok(())
}

/// The command as it was given, without the folder of the program; long lists of images are cut.
pub fn command_line() -> String {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    words.insert(0, "lineament".into());
    let kept = 24;
    if words.len() > kept {
        let cut = words.len() - kept;
        words.truncate(kept);
        words.push(format!("… and {cut} more"));
    }
    words.join(" ")
}
