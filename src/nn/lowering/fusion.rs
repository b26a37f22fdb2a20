//! Fusion: runs a pointwise convolution and the depthwise one after it in one kernel if the device profile has a kernel for both.
//! The activations between them are then never written to memory.

use super::{Activations, FoldedConvolution, Lowering, RunLayer};
use crate::nn::network::ConvolutionKind;
use crate::ops::{Depthwise, ExpandDepthwise};

impl Lowering<'_> {
    /// Replaces pairs of folded convolutions by fused ones. `input` is the input of the first layer.
    pub fn fuse<'a>(&self, run: Vec<RunLayer<'a>>, input: Activations) -> Vec<RunLayer<'a>> {
        let mut fused = Vec::with_capacity(run.len());
        let mut x = input;
        let mut layers = run.into_iter().peekable();
        while let Some(layer) = layers.next() {
            let pair = match (&layer, layers.peek()) {
                (RunLayer::Folded(expand), Some(RunLayer::Folded(depthwise))) => self.pair(*expand, *depthwise, x),
                _ => None,
            };
            if pair.is_some() {
                layers.next();
            }
            let layer = pair.unwrap_or(layer);
            if let Some(layer) = layer.convolution() {
                x = Activations {
                    extent: x.extent.map(|size| size.div_ceil(layer.stride)),
                    channels: layer.padded_outputs(),
                    ..x
                };
            }
            fused.push(layer);
        }
        fused
    }

    /// Returns the fused layer, if the two layers can be fused and the profile has a kernel for them.
    fn pair<'a>(&self, expand: FoldedConvolution<'a>, depthwise: FoldedConvolution<'a>, x: Activations) -> Option<RunLayer<'a>> {
        let kinds = [expand, depthwise].map(|folded| folded.layer.kind);
        let alike = expand.layer.activation == depthwise.layer.activation;
        let residual = expand.layer.residual || depthwise.layer.residual;
        if kinds != [ConvolutionKind::Pointwise, ConvolutionKind::Depthwise] || !alike || residual {
            return None;
        }
        let choice = self.expansion(expand, depthwise, x).choice(self.profile)?;
        Some(RunLayer::Fused { expand, depthwise, choice })
    }

    /// Returns the operation that computes both layers on the whole batch.
    fn expansion(&self, expand: FoldedConvolution, depthwise: FoldedConvolution, x: Activations) -> ExpandDepthwise {
        let expanded = Activations { channels: expand.layer.padded_outputs(), ..x };
        let layer = depthwise.layer;
        ExpandDepthwise { inputs: x.channels, depthwise: self.depthwise(layer, layer.activation, expanded, x.batch) }
    }

    /// Appends a fused layer and returns its result.
    pub(super) fn fused(
        &mut self,
        expand: FoldedConvolution,
        depthwise: FoldedConvolution,
        choice: crate::ops::Choice,
        x: Activations,
    ) -> Activations {
        let y = self.result(depthwise.layer, Activations { channels: expand.layer.padded_outputs(), ..x });
        let label = format!("{} + {}", expand.layer.name, depthwise.layer.name);
        let [[w_expand, bias_expand], [w, bias]] = [expand, depthwise].map(|folded| folded.parameters);
        let whole = self.expansion(expand, depthwise, x);
        self.each(&[x, y], |profile, range| {
            let layer = ExpandDepthwise { depthwise: Depthwise { batch: range.end - range.start, ..whole.depthwise }, ..whole };
            let bindings = [x.images(range), w_expand, bias_expand, w, bias];
            layer.step(&label, choice, profile, bindings, y.images(range))
        });
        y
    }
}
