//! The work that is planned and profiled: a batch of predictions, or a training step.

use super::Traffic;
use crate::app::open::network_size;
use crate::app::{Error, default_batch};
use crate::data::Rgb8Image;
use crate::device::DeviceError;
use crate::nn::training::{Loss, NetworkShape, NetworkState, StepPlan, StepShape, UpdatePlan};
use crate::nn::{Model, ModelError, StoredImage, pack};
use crate::ops::{Adadelta, Interpolation};
use crate::plan::{Plan, PlanDocument, Precision, TensorId, View};
use crate::profiles::{Device, DeviceProfile};
use crate::scheduler::{Arena, Program, document};
use crate::wgsl::ShaderError;

/// How much of a training step to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The forward pass in training mode, up to the loss.
    Forward,
    /// The forward pass, the backward pass, and the optimizer's update.
    Step,
}

/// Refuses 16-bit floats for work that does not support them.
///
/// # Errors
/// [`Error::Misuse`] if `precision` is 16-bit floats.
pub fn refuse_f16(precision: Precision, work: &str) -> Result<(), Error> {
    match precision {
        Precision::F32 => Ok(()),
        Precision::F16 => {
            Err(Error::Misuse(format!("--precision f16: {work} computes in 32-bit floats; only predictions support f16")))
        }
    }
}

/// Plans that run one after the other, and the data they need to do the same work as in actual use.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Name of the workload in tables.
    pub name: String,
    /// Number of images in a batch.
    pub batch: u32,
    /// The plans, in the order in which they run.
    pub plans: Vec<Plan>,
    is_training: bool,
    /// Bytes to write to tensors of the first plan.
    uploads: Vec<(View, Vec<u8>)>,
    /// Tensors of the second plan, each with the tensor of the first plan whose memory it uses.
    shared: Vec<(View, View)>,
}

/// A workload that another program can replay: its plans with expanded shaders.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WorkloadDocument {
    /// Name of the workload in tables.
    pub name: String,
    /// Number of images in a batch.
    pub batch: u32,
    /// The plans, in the order in which they run.
    pub plans: Vec<PlanDocument>,
    /// Tensors of the second plan that use the memory of tensors of the first.
    pub shared: Vec<SharedTensor>,
}

/// A tensor of the second plan of a workload and the tensor of the first plan whose memory it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SharedTensor {
    /// The tensor of the second plan.
    pub tensor: TensorId,
    /// The tensor of the first plan.
    pub first: TensorId,
}

/// Options of a workload.
#[derive(Debug, Clone, Default)]
pub struct WorkloadOptions {
    /// Whether to run a training step of all layers instead of a prediction.
    pub train: bool,
    /// Number of images in a batch; `None` takes [`default_batch`] for the adapter.
    pub batch: Option<u32>,
    /// Height and width of the input; `None` takes the model's.
    pub size: Option<u32>,
    /// The precision in which the backbone is stored.
    pub precision: Precision,
}

impl Workload {
    /// Returns the workload for the given options.
    ///
    /// # Errors
    /// The size is not a multiple of 32, or training in 16-bit floats is requested.
    pub fn new(device: &Device, model: &Model, options: &WorkloadOptions) -> Result<Workload, Error> {
        let batch = options.batch.unwrap_or_else(|| default_batch(device));
        let size = network_size(options.size, model)?;
        if options.train {
            refuse_f16(options.precision, "training")?;
            return Ok(Workload::training_of(device.profile(), model, size, batch)?);
        }
        let model = Model { size, ..model.clone() }.stored_in(options.precision)?;
        Ok(Workload::prediction(device, &model, batch))
    }

    /// Returns a training step of every layer of a model's backbone with the paper's head, on images of `size` × `size` pixels.
    pub(crate) fn training_of(profile: &DeviceProfile, model: &Model, size: u32, batch: u32) -> Result<Workload, ModelError> {
        let network = NetworkShape::on(model, size);
        Workload::training(profile, &network, batch, Extent::Step)
    }

    /// Returns the prediction of a batch of images of CelebA's size. The pixels are generated, because they do not affect the
    /// time.
    pub fn prediction(device: &Device, model: &Model, batch: u32) -> Workload {
        let image = Rgb8Image { width: 178, height: 218, pixels: (0..178 * 218 * 3).map(|at| (at * 31 % 251) as u8).collect() };
        let (records, pixels) = pack(&vec![StoredImage::from(&image); batch as usize], batch as usize);
        let runner = model.runner(device, batch, Interpolation::Nearest);
        let (plan, [pixel_view, record_view, _], _, weights) = runner.plan(pixels.len() as u64);
        let mut uploads = vec![(pixel_view, pixels), (record_view, bytemuck::cast_slice(&records).to_vec())];
        uploads.extend(weights);
        let size = model.size;
        let name = format!("prediction, {size} × {size}, batch {batch}");
        Workload { name, batch, plans: vec![plan], is_training: false, uploads, shared: Vec::new() }
    }

    /// Returns a training step of `network` with cosine proximity and AdaDelta, in which all layers are trained. The weights are
    /// generated.
    ///
    /// # Errors
    /// None in practice, because every tensor is present.
    pub fn training(profile: &DeviceProfile, network: &NetworkShape, batch: u32, extent: Extent) -> Result<Workload, ModelError> {
        // Values of both signs, so that ReLU6 clamps some of them. Denormal or infinite numbers would distort the times.
        let tensor = |_: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            Ok((0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.4).collect())
        };
        let state = NetworkState::read(network, &tensor)?;
        let frozen = state.backbone(network, 0)?;
        let table = &state.table;
        let shape = StepShape {
            network,
            table,
            frozen: &frozen,
            loss: Loss::Cosine,
            losses: 1,
            seed: Some(0),
            accumulates: false,
            weighted: false,
        };
        let step = StepPlan::new(&shape, profile, batch);
        let size = network.size;
        let uploads = vec![(step.buffers.weights, bytemuck::cast_slice(&state.weights).to_vec())];
        if extent == Extent::Forward {
            let name = format!("forward pass in training mode, {size} × {size}, batch {batch}");
            return Ok(Workload { name, batch, plans: vec![step.forward()], is_training: true, uploads, shared: Vec::new() });
        }
        let update = UpdatePlan::new(table, &Adadelta::KERAS.into());
        let shared = vec![(update.weights, step.buffers.weights), (update.gradients, step.buffers.gradients)];
        let name = format!("training step, {size} × {size}, batch {batch}");
        Ok(Workload { name, batch, plans: vec![step.plan, update.plan], is_training: true, uploads, shared })
    }

    /// Returns the plans with the expanded WGSL of every shader.
    ///
    /// # Errors
    /// A shader does not expand.
    pub fn document(&self) -> Result<WorkloadDocument, ShaderError> {
        Ok(WorkloadDocument {
            name: self.name.clone(),
            batch: self.batch,
            plans: self.plans.iter().map(document).collect::<Result<_, _>>()?,
            shared: self.shared.iter().map(|(view, first)| SharedTensor { tensor: view.tensor, first: first.tensor }).collect(),
        })
    }

    /// Returns the plans with their steps, shapes, cost and arena offsets, the peak memory, and the traffic by formula.
    pub fn to_text(&self, device: &Device) -> String {
        let (mut bytes, mut traffic, mut fused) = (0, 0, 0);
        let mut lines = Vec::new();
        for plan in &self.plans {
            lines.push(plan.to_string().trim_end().to_string());
            let arena = Arena::plan(plan, device.capabilities().buffer_bytes);
            lines.push(arena.table(plan).trim_end().to_string());
            bytes += arena.bytes() + plan.persistent_bytes();
            let moved = Traffic::of(plan);
            (traffic, fused) = (traffic + moved.bytes, fused + moved.with_fused_expansions);
        }
        lines.push(format!("{}: {:.1} MB on the device at most", self.name, bytes as f64 / 1e6));
        let per_image = |bytes: u64| bytes as f64 / 1e6 / f64::from(self.batch);
        // A training step keeps what it expands for the backward pass.
        let fused = if self.is_training {
            String::new()
        } else {
            format!("; {:.1} if all expansions were fused with their depthwise convolutions", per_image(fused))
        };
        lines.push(format!("traffic by formula: {:.1} MB an image{fused}", per_image(traffic)));
        lines.join("\n") + "\n"
    }

    /// Returns whether this is a training step or its forward pass, and not a prediction.
    pub fn is_training(&self) -> bool {
        self.is_training
    }

    /// Returns the programs of the plans, with their inputs and weights uploaded.
    ///
    /// # Errors
    /// The plans do not fit the adapter, or the device fails.
    pub fn programs(&self, device: &Device) -> Result<Vec<Program>, DeviceError> {
        let mut programs: Vec<Program> = Vec::with_capacity(self.plans.len());
        for plan in &self.plans {
            let of_first = |(view, first): &(View, View)| Some((*view, programs.first()?.buffer(first.tensor)?));
            let shared: Vec<_> = self.shared.iter().filter_map(of_first).collect();
            let program = Program::new(device, plan, &shared)?;
            programs.push(program);
        }
        if let Some(first) = programs.first() {
            self.uploads.iter().for_each(|(view, bytes)| first.write(device, *view, bytes));
        }
        Ok(programs)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::device::AdapterRequest;

    #[test]
    fn a_prediction_replayed_from_its_document_gives_the_same_bytes() {
        let Some(device) = crate::testing::device() else { return };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mobilenet_v2_celeba.safetensors");
        let model = Model { size: 96, ..Model::open(&path, None).expect("the shipped model") };
        let workload = Workload::prediction(&device, &model, 2);
        let text = serde_json::to_string(&workload.document().expect("a document")).expect("JSON");
        let document: WorkloadDocument = serde_json::from_str(&text).expect("the document");
        let replayed =
            Workload { plans: document.plans.iter().map(|plan| plan.plan().expect("a plan")).collect(), ..workload.clone() };
        let result = workload.plans[0].tensors().iter().position(|tensor| tensor.label == "result").expect("a result");
        let view = View { tensor: TensorId(result), offset: 0, bytes: workload.plans[0].tensors()[result].bytes };
        let [own, again] = [&workload, &replayed].map(|workload| {
            let programs = workload.programs(&device).expect("a program");
            programs[0].run(&device).expect("a run");
            programs[0].read(&device, view).expect("the result")
        });
        assert!(own == again && own.iter().any(|value| *value > 0.0), "{own:?} and {again:?}");
    }

    /// A batch of 32 at 224 × 224 has tensors of 154 MB, and WebGPU promises bindings of 128 MiB.
    #[test]
    fn the_model_predicts_and_trains_within_the_limits_that_webgpu_promises() {
        let open = |webgpu_limits| Device::open(&AdapterRequest { webgpu_limits, ..AdapterRequest::default() });
        let Some(usual) = crate::testing::device() else { return };
        let limited = open(true).expect("the adapter with fewer limits");
        assert_eq!(limited.capabilities().binding_bytes, 128 << 20);
        assert_eq!(limited.capabilities().workgroup_memory_bytes, 16_384);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mobilenet_v2_celeba.safetensors");
        let model = Model { size: 224, ..Model::open(&path, None).expect("the shipped model") };
        let image = |seed: usize| Rgb8Image {
            width: 178,
            height: 218,
            pixels: (0..178 * 218 * 3).map(|at| ((at + 977 * seed) * (31 + 2 * seed) % 251) as u8).collect(),
        };
        let images: Vec<Rgb8Image> = (0..32).map(image).collect();
        let images: Vec<&Rgb8Image> = images.iter().collect();
        let [rows, cut] = [&usual, &limited].map(|device| {
            model.runner(device, 32, Interpolation::Nearest).run(device, &images).expect("attributes of the images")
        });
        assert_eq!(rows.len(), 32 * 37);
        assert!(rows.iter().zip(&cut).all(|(row, cut)| (row - cut).abs() < 1e-5));

        let network = NetworkShape::paper(1.0, 224, 37);
        let workload = Workload::training(limited.profile(), &network, 32, Extent::Step).expect("a plan");
        let most =
            workload.plans.iter().flat_map(|plan| plan.steps()).flat_map(|step| &step.bindings).map(|view| view.bytes).max();
        assert!(most <= Some(128 << 20) && most > Some(64 << 20), "{most:?}");
        for program in workload.programs(&limited).expect("programs") {
            program.run(&limited).expect("a step");
        }
        limited.wait().expect("no error of the device");
    }
}
