//! Tests of training plans of whole networks: their memory, their gradients, and batches that are split into several dispatches.

use super::*;
use crate::nn::mobilenet_v2::mobilenet_v2;
use crate::nn::random::{Stream, unit};
use crate::nn::{Backbone, Convolution, ConvolutionKind, Network};
use crate::ops::reference::widen;
use crate::ops::{Activation, Padding, Sgd};
use crate::plan::Capabilities;
use crate::profiles::DeviceProfile;
use crate::scheduler::Program;

fn shape(layers: Vec<Convolution>, size: u32, hidden: u32) -> NetworkShape {
    let features = layers.last().map_or(0, |layer| layer.outputs);
    let network = match layers.is_empty() {
        true => Network::new(Padding::TensorflowSame, 1e-3),
        false => Network::of_convolutions(layers, Padding::TensorflowSame, 1e-3),
    };
    let shape = NetworkShape {
        network,
        first_trained: 0,
        frozen_norm: FrozenNorm::Inference,
        momentum: 0.999,
        running_statistics: RunningStatistics::Tensorflow,
        size,
    };
    shape.with_head(HeadShape { features, hidden: Some(hidden), attributes: 5, dropout: 0.0, momentum: 0.99 })
}

/// Returns a profile with another binding limit.
fn with_binding(profile: &DeviceProfile, binding_bytes: u64) -> DeviceProfile {
    let mut profile = profile.clone();
    profile.capabilities.binding_bytes = binding_bytes;
    profile
}

fn state(shape: &NetworkShape) -> NetworkState {
    let mut tensor = 0;
    let seed = std::cell::RefCell::new(&mut tensor);
    let values = |name: &str, shape: &[usize]| {
        **seed.borrow_mut() += 1;
        let place = **seed.borrow();
        let scale = if name.ends_with("running_var") || name.ends_with("bn.var") { 0.0 } else { 1.0 };
        let count: usize = shape.iter().product();
        Ok((0..count as u64).map(|at| 1.0 - scale + scale * (2.0 * unit(3, Stream::Weights(place), at) as f32 - 1.0)).collect())
    };
    NetworkState::read(shape, &values).unwrap()
}

fn plan(
    (shape, loss): (&NetworkShape, Loss),
    state: &NetworkState,
    frozen: &Backbone,
    profile: &DeviceProfile,
    batch: u32,
) -> StepPlan {
    let step = StepShape {
        network: shape,
        table: &state.table,
        frozen,
        loss,
        losses: 1,
        seed: Some(1),
        accumulates: false,
        weighted: false,
    };
    StepPlan::new(&step, profile, batch)
}

#[test]
fn the_forward_pass_saves_only_raw_results_and_residual_sums() {
    let shape = NetworkShape::paper(1.0, 224, 37);
    let state = state(&shape);
    let frozen = state.backbone(&shape, 0).unwrap();
    let binding_bytes = 128 << 20;
    let step = plan(
        (&shape, Loss::BinaryCrossEntropy),
        &state,
        &frozen,
        &with_binding(&DeviceProfile::new(Capabilities::webgpu(true, Some(8))), binding_bytes),
        64,
    );
    // The large tensors that live from the forward to the backward pass are the raw result of each convolution and the sum at
    // the end of each residual block. Small tensors may add up to 64 MiB.
    let half = step.plan.steps().len() / 2;
    let saved: u64 = (step.plan.lifetimes().iter().zip(step.plan.tensors()))
        .filter(|(lifetime, _)| lifetime.is_some_and(|(first, last)| first < half && last > half))
        .filter(|(_, tensor)| tensor.residence == crate::plan::Residence::Transient)
        .map(|(_, tensor)| tensor.bytes)
        .sum();
    let (mut extent, mut raw, mut sums) = (224u64, 0, 0);
    for layer in shape.network.convolutions() {
        extent = extent.div_ceil(u64::from(layer.stride));
        let bytes = 4 * 64 * extent * extent * u64::from(layer.outputs);
        raw += bytes;
        sums += if layer.residual { bytes } else { 0 };
    }
    assert!(saved <= raw + sums + (64 << 20), "{saved} bytes are saved, but raw results have {raw} and sums {sums}");
}

/// Returns a small network: the first layer, a residual block, a block with stride 2, a block without expansion, the last layer.
fn small() -> Vec<Convolution> {
    let network = mobilenet_v2(0.35, Padding::TensorflowSame, 1e-3);
    let mut layers: Vec<Convolution> = network.convolutions().cloned().collect();
    layers.retain(|layer| [0, 1, 2, 3, 18].contains(&layer.block));
    let inputs = layers[layers.len() - 2].outputs;
    let last = layers.last_mut().unwrap();
    (last.inputs, last.outputs) = (inputs, 48);
    layers
}

#[test]
fn a_batch_split_into_dispatches_has_the_same_gradients() {
    let Some(device) = crate::testing::device() else { return };
    let shape = shape(small(), 32, 24);
    assert!(shape.network.convolutions().any(|layer| layer.residual));
    let state = state(&shape);
    let frozen = state.backbone(&shape, 0).unwrap();
    let batch = 6;
    let run = |binding_bytes: u64| {
        let step =
            plan((&shape, Loss::BinaryCrossEntropy), &state, &frozen, &with_binding(device.profile(), binding_bytes), batch);
        let largest = step.plan.steps().iter().flat_map(|step| &step.bindings).map(|view| view.bytes).max().unwrap();
        let program = Program::new(&device, &step.plan, &[]).unwrap();
        program.write(&device, step.buffers.weights, bytemuck::cast_slice(&state.weights));
        let pixels = u64::from(batch * 32 * 32);
        let input: Vec<f32> =
            (0..4 * pixels).map(|at| if at % 4 == 3 { 0.0 } else { 2.0 * unit(5, Stream::Dropout, at) as f32 - 1.0 }).collect();
        program.write(&device, step.input, bytemuck::cast_slice(&input));
        let labels: Vec<f32> = (0..8 * batch).map(|at| (at % 3 == 0) as u8 as f32).collect();
        program.write(&device, step.labels, bytemuck::cast_slice(&labels));
        program.run(&device).unwrap();
        let [gradients, running] =
            [step.buffers.gradients, step.buffers.running].map(|view| program.read(&device, view).unwrap());
        (step.plan.steps().len(), largest, gradients, running)
    };
    // Only tensors of images are split. Tensors with the parts of sums are not, but they are smaller.
    let (steps, largest, whole, running) = run(u64::MAX);
    let limit = largest / 3;
    let (more_steps, bound, split, split_running) = run(limit);
    assert!(more_steps > steps && bound < largest, "{more_steps} steps against {steps}, {bound} bytes against {largest}");
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let scale = norm(&mut whole.iter().copied());
    let error = norm(&mut whole.iter().zip(&split).map(|(a, b)| a - b));
    assert!(scale > 1e-3 && error < 1e-4 * scale, "gradients of norm {scale} differ by {error}");
    for slot in state.table.trained_slots() {
        let [a, b] = [slot.of(&whole), slot.of(&split)];
        let scale = norm(&mut a.iter().copied()).max(1e-4 * scale);
        let error = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
        assert!(error < 1e-2 * scale, "{}: {error} of {scale}", slot.tensors[0].name);
    }
    let error = norm(&mut running.iter().zip(&split_running).map(|(a, b)| a - b));
    assert!(error < 1e-5 * norm(&mut running.iter().copied()), "running statistics differ by {error}");
}

#[test]
fn tensors_survive_the_round_trip_through_the_buffers() {
    for layers in [small(), Vec::new()] {
        let mut shape = shape(layers, 32, 22);
        shape.change_head(|head| head.features = 48);
        shape.first_trained = shape.convolutions() / 2;
        let state = state(&shape);
        let tensors = state.tensors();
        let read = |name: &str, shape: &[usize]| {
            let (named, values) = tensors.iter().find(|(named, _)| named.name == name).unwrap();
            assert_eq!(named.shape, shape);
            Ok(values.clone())
        };
        assert_eq!(NetworkState::read(&shape, &read).unwrap(), state);
        let trained: usize =
            state.clone().with_optimizer_states(1).optimizer_tensors(0).iter().map(|(_, values)| values.len()).sum();
        assert!(trained <= state.table.trained && state.table.trained <= state.table.weights);
        // Trained kernels come first, so that weight decay applies to one range.
        let offsets = |kernels: bool| {
            let slots = state.table.trained_slots().filter(move |slot| (slot.tensors[0].shape.len() > 1) == kernels);
            slots.map(|slot| slot.view(crate::plan::View { tensor: crate::plan::TensorId(0), offset: 0, bytes: 0 }).offset)
        };
        let decayed = 4 * state.table.decayed as u64;
        assert!(offsets(true).all(|offset| offset < decayed) && offsets(false).all(|offset| offset >= decayed));
    }
}

/// Trains a network that is not MobileNetV2, and compares its gradients with finite differences of a plain f64 reference.
#[test]
fn another_network_trains_and_its_gradients_match_finite_differences() {
    use ConvolutionKind::{Depthwise, Pointwise, Stem};
    let layers = [
        ("stem", Stem, [3, 8, 2], 0, false),
        ("mix", Pointwise, [8, 8, 1], 1, true),
        ("window", Depthwise, [8, 8, 1], 2, false),
        ("second stem", Stem, [8, 8, 1], 2, false),
        ("widen", Pointwise, [8, 12, 1], 2, false),
    ];
    let layers = layers.map(|(name, kind, [inputs, outputs, stride], block, residual)| {
        let (name, norm, activation) = (name.to_string(), format!("{name}.norm"), Activation::Relu6);
        Convolution { name, norm, kind, inputs, outputs, stride, activation, block, residual }
    });
    let head = HeadShape { features: 12, hidden: None, attributes: 3, dropout: 0.0, momentum: 0.99 };
    let shape = shape(layers.to_vec(), 8, 0).with_head(head);

    let Some(device) = crate::testing::device() else { return };
    let (state, rule) = (state(&shape), Sgd { momentum: 0.9, nesterov: false });
    let (table, frozen) = (&state.table, state.backbone(&shape, 0).unwrap());
    let (step, update) =
        (plan((&shape, Loss::MeanSquaredError), &state, &frozen, device.profile(), 4), UpdatePlan::new(table, &rule.into()));
    let program = Program::new(&device, &step.plan, &[]).unwrap();
    let shared = [(update.weights, step.buffers.weights), (update.gradients, step.buffers.gradients)];
    let shared = shared.map(|(view, of_step)| (view, program.buffer(of_step.tensor).unwrap()));
    let updates = Program::new(&device, &update.plan, &shared).unwrap();
    let random = |at: u64| if at % 4 == 3 { 0.0 } else { 2.0 * unit(5, Stream::Dropout, at) as f32 - 1.0 };
    let input: Vec<f32> = (0..4 * 8 * 8 * 4).map(random).collect();
    let labels: Vec<f32> = (0..16u8).map(|at| f32::from(at % 3 == 0)).collect();
    for (view, values) in [(step.buffers.weights, &state.weights), (step.input, &input), (step.labels, &labels)] {
        program.write(&device, view, bytemuck::cast_slice(values));
    }
    let run = || -> f32 {
        program.run(&device).unwrap();
        program.read(&device, step.buffers.losses).unwrap()[0]
    };
    let before = run();

    let [mut weights, input, labels] = [&state.weights, &input, &labels].map(|values| widen(values));
    let mut reference = |at: usize, by: f64| {
        weights[at] += by;
        let loss = tests_reference::mean_squared_error(&shape, table, &weights, [&input, &labels], 4);
        weights[at] -= by;
        loss
    };
    assert!((f64::from(before) - reference(0, 0.0)).abs() < 1e-6);
    let gradients = program.read(&device, step.buffers.gradients).unwrap();
    let slopes: Vec<f64> = (0..table.trained).map(|at| (reference(at, 1e-6) - reference(at, -1e-6)) / 2e-6).collect();
    let error: f64 = slopes.iter().zip(&gradients).map(|(slope, found)| (slope - f64::from(*found)).powi(2)).sum();
    let norm: f64 = slopes.iter().map(|slope| slope * slope).sum();
    assert!(norm > 1e-6 && error < 1e-6 * norm, "gradients of squared norm {norm} differ by {error}");
    for number in 1..=40 {
        (0..).zip(update.params(0.5, number)).for_each(|(step, params)| updates.set_params(&device, step, &params));
        updates.run(&device).unwrap();
        run();
    }
    assert!(run() < before / 4.0, "the loss was {before} and is {}", run());
}
