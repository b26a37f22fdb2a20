//! Computes the memory traffic of a plan, and what fusing expansions would save.

use crate::ops::depthwise_variants;
use crate::plan::{Plan, Residence, Step};

/// Memory traffic by formula: every step reads and writes each of its elements once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that all steps move.
    pub bytes: u64,
    /// Bytes if each expansion were fused with its depthwise convolution, so that its output is neither written nor read.
    pub with_fused_expansions: u64,
}

impl Traffic {
    /// Returns the traffic of one run of a plan.
    pub fn of(plan: &Plan) -> Traffic {
        let bytes = plan.cost().bytes;
        let tensors = plan.tensors();
        let mut expanded = 0;
        let is_depthwise = |step: &&Step| depthwise_variants(step.precision).any(|(kernel, _)| kernel.name == step.kernel);
        for step in plan.steps().iter().filter(is_depthwise) {
            let input = step.bindings[0];
            let touches = |step: &&Step| step.accesses().any(|(view, _)| view.tensor == input.tensor);
            let uses = plan.steps().iter().filter(touches).count();
            // The tensor is written by the previous step and read only by this one, however many dispatches each takes.
            let by_dispatch = tensors[input.tensor.0].bytes.div_ceil(input.bytes.max(1)) as usize;
            if tensors[input.tensor.0].residence == Residence::Transient && uses <= 2 * by_dispatch {
                expanded += 2 * input.bytes;
            }
        }
        Traffic { bytes, with_fused_expansions: bytes - expanded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Backbone;
    use crate::nn::mobilenet_v2::mobilenet_v2;
    use crate::ops::Padding;
    use crate::plan::{Capabilities, Precision};
    use crate::profiles::DeviceProfile;

    #[test]
    fn fusing_expansions_would_spare_the_largest_tensors() {
        let tensor = |_: &str, shape: &[usize]| Ok(vec![0.0; shape.iter().product()]);
        let backbone = Backbone::load(&mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3), &tensor).expect("made-up weights");
        // The profile of software adapters fuses no layers without a known subgroup size.
        let profile = DeviceProfile::new(Capabilities::webgpu(true, None));
        let of_batch = |precision: Precision, batch: u32| {
            Traffic::of(&backbone.plan_alone(&profile.with_precision(precision), [batch, 224]).0)
        };
        let [one, two] = [1, 2].map(|batch| of_batch(Precision::F32, batch));
        // The cost of one more image is only its activations. The inputs and outputs of the layers, counted once, add up to 54.6
        // MB.
        let an_image = two.bytes - one.bytes;
        assert!((54.0e6..56.0e6).contains(&(an_image as f64)), "{an_image}");
        // There are 17 expanded tensors; the first is the output of the first layer.
        let fused = two.with_fused_expansions - one.with_fused_expansions;
        assert!(fused < an_image * 6 / 10 && fused > an_image / 4, "{fused} of {an_image}");
        // 16-bit floats halve everything except the features.
        let [one, two] = [1, 2].map(|batch| of_batch(Precision::F16, batch));
        assert_eq!(2 * (two.bytes - one.bytes), an_image + 4 * 1280);
    }
}
