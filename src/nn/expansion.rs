//! An expansion and the depthwise convolution after it in one kernel, where there is one.

use super::activations::{Activations, dispatches};
use super::convolution::Convolution;
use super::mobilenet_v2::ConvolutionKind;
use crate::ops::{Choice, ExpandDepthwise};
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// Two layers that run as one, so that what is between them is never written.
#[derive(Debug, Clone, Copy)]
pub struct Expansion<'a> {
    expand: Convolution<'a>,
    depthwise: Convolution<'a>,
    choice: Choice,
}

impl<'a> Expansion<'a> {
    /// The layers as one, if they are such a pair and the adapter has a kernel for it.
    pub fn of(
        expand: Convolution<'a>,
        depthwise: Convolution<'a>,
        profile: &DeviceProfile,
        x: Activations,
    ) -> Option<Expansion<'a>> {
        let kinds = [expand, depthwise].map(|convolution| convolution.layer.kind);
        let alike = expand.activation == depthwise.activation && !expand.layer.residual;
        if kinds != [ConvolutionKind::Pointwise, ConvolutionKind::Depthwise] || !alike {
            return None;
        }
        let choice = fused(expand, depthwise, x, x.batch).choice(profile)?;
        Some(Expansion { expand, depthwise, choice })
    }

    /// Appends both: `parameters` are weight and bias of either layer; the result.
    pub fn push(self, plan: &mut Plan, profile: &DeviceProfile, x: Activations, parameters: [[View; 2]; 2]) -> Activations {
        let Expansion { expand, depthwise, choice } = self;
        let y = depthwise.result(plan, Activations { channels: expand.layer.padded_outputs(), ..x });
        let label = format!("{} + {}", expand.layer.convolution, depthwise.layer.convolution);
        let [[w_expand, bias_expand], [w, bias]] = parameters;
        for range in dispatches(profile.capabilities.binding_bytes, &[x, y]) {
            let layer = fused(expand, depthwise, x, range.end - range.start);
            let bindings = [x.images(&range), w_expand, bias_expand, w, bias];
            plan.push(layer.step(&label, choice, profile.capabilities.subgroup_size, bindings, y.images(&range)));
        }
        y
    }
}

/// Both layers on `images` images.
fn fused(expand: Convolution, depthwise: Convolution, x: Activations, images: u32) -> ExpandDepthwise {
    let expanded = Activations { channels: expand.layer.padded_outputs(), ..x };
    ExpandDepthwise { inputs: x.channels, depthwise: depthwise.depthwise(expanded, images) }
}
