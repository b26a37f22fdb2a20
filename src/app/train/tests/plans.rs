//! Plans the training of MobileNetV2 as in the paper for several kinds of adapters, without using one.

use crate::nn::ModelError;
use crate::nn::training::*;
use crate::ops::Adadelta;
use crate::plan::{ALIGNMENT, Capabilities, Plan, Residence};
use crate::profiles::DeviceProfile;
use crate::scheduler::Arena;

const BATCH: u32 = 64;
/// Largest binding that every WebGPU adapter supports.
const BINDING_BYTES: u64 = 128 << 20;
/// Largest dispatch per dimension that every WebGPU adapter supports.
const WORKGROUPS: u32 = 65_535;
/// Largest buffer of the adapters for which these plans are made.
const BUFFER_BYTES: u64 = 1 << 30;

/// Weights whose values do not matter.
const ZEROS: fn(&str, &[usize]) -> Result<Vec<f32>, ModelError> = |_, dimensions| Ok(vec![0.0; dimensions.iter().product()]);

/// Returns the paper's network, trained from layer `first_trained` on.
fn paper(first_trained: usize) -> NetworkShape {
    NetworkShape { first_trained, ..NetworkShape::paper(1.0, 224, 37) }
}

fn step_plan(shape: &NetworkShape, profile: &DeviceProfile, accumulates: bool) -> StepPlan {
    let state = NetworkState::read(shape, &ZEROS).unwrap();
    let frozen = state.backbone(shape, shape.folded()).unwrap();
    let (table, loss, seed) = (&state.table, Loss::Cosine, Some(1));
    StepPlan::new(
        &StepShape { network: shape, table, frozen: &frozen, loss, losses: 2544, seed, accumulates, weighted: false },
        profile,
        BATCH,
    )
}

fn assert_fits(plan: &Plan) {
    plan.check(BINDING_BYTES, WORKGROUPS).unwrap();
    for step in plan.steps() {
        for view in &step.bindings {
            let tensor = &plan.tensors()[view.tensor.0];
            assert_eq!(view.offset % ALIGNMENT, 0, "{}: {} starts at {}", step.label, tensor.label, view.offset);
            assert!(view.bytes > 0 && view.offset + view.bytes <= tensor.bytes, "{}: {view:?} of {tensor:?}", step.label);
        }
    }
}

/// Returns the profiles of a software adapter with and without subgroups of known size, and of a GPU.
fn profiles() -> [DeviceProfile; 3] {
    [(true, Some(8)), (true, None), (false, Some(8))].map(|(software, subgroup_size)| {
        let capabilities = Capabilities::webgpu(software, subgroup_size);
        DeviceProfile::new(Capabilities { binding_bytes: BINDING_BYTES, ..capabilities })
    })
}

#[test]
fn the_papers_batch_fits_every_adapter_whatever_is_trained() {
    // All of the 52 layers are trained, or the last blocks, or none. The last number is an upper bound in MiB for the arena and
    // the persistent tensors together.
    for (first_trained, accumulates, most) in [(0, false, 2048), (0, true, 2048), (37, false, 768), (52, false, 512)] {
        let shape = paper(first_trained);
        for profile in profiles() {
            let step = step_plan(&shape, &profile, accumulates);
            assert_fits(&step.plan);
            assert_fits(&UpdatePlan::new(&NetworkState::read(&shape, &ZEROS).unwrap().table, &Adadelta::KERAS.into()).plan);
            let bytes = Arena::plan(&step.plan, BUFFER_BYTES).bytes() + step.plan.persistent_bytes();
            assert!(bytes < most << 20, "{profile:?}, trained from layer {first_trained}: {} MiB", bytes >> 20);
        }
    }
}

#[test]
fn the_arena_holds_little_more_than_lives_at_once() {
    for profile in profiles() {
        let plan = step_plan(&paper(0), &profile, false).plan;
        let mut alive = vec![0u64; plan.steps().len()];
        for (tensor, lifetime) in plan.tensors().iter().zip(plan.lifetimes()) {
            if let (Residence::Transient, Some((first, last))) = (tensor.residence, lifetime) {
                alive[first..=last].iter_mut().for_each(|bytes| *bytes += tensor.bytes);
            }
        }
        let most = alive.into_iter().max().unwrap();
        let arena = Arena::plan(&plan, BUFFER_BYTES).bytes();
        assert!(arena < most + most / 4, "{profile:?}: {} MiB where {} MiB live at once", arena >> 20, most >> 20);
    }
}
