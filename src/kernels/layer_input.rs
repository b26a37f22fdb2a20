//! What a layer read, as the gradients by its weights find it: as it was, or to be normalised anew while it is loaded.

use super::Activation;
use crate::scheduler::View;

/// What turns the raw result of the layer before into this layer's input; shapes as [`BatchNorm`](super::BatchNorm) has them.
#[derive(Debug, Clone, Copy)]
pub struct Normalised {
    /// \[2, channels\]: mean, then variance.
    pub statistics: View,
    /// \[2, channels\]: gamma, then beta.
    pub affine: View,
    /// Added to the variance.
    pub epsilon: f32,
    /// Applied to the result.
    pub activation: Activation,
}

/// A layer's input.
#[derive(Debug, Clone, Copy)]
pub struct LayerInput {
    /// The input itself, or the raw result that it is computed from.
    pub view: View,
    /// How, where it is.
    pub normalised: Option<Normalised>,
}

impl From<View> for LayerInput {
    fn from(view: View) -> LayerInput {
        LayerInput { view, normalised: None }
    }
}

impl LayerInput {
    /// The bindings of statistics and affine. A binding cannot be empty: where they are not read the input stands for them.
    pub(super) fn bindings(&self) -> [View; 2] {
        self.normalised.map_or([self.view; 2], |by| [by.statistics, by.affine])
    }

    /// The overrides of `shaders/lib/layer_input.wgsl`.
    pub(super) fn overrides(&self) -> Vec<(&'static str, f64)> {
        let activation = self.normalised.map_or(Activation::None, |by| by.activation);
        let is_normalised = f64::from(u8::from(self.normalised.is_some()));
        vec![("NORMALISE", is_normalised), ("ACTIVATION", f64::from(activation as u32))]
    }

    pub(super) fn epsilon(&self) -> f32 {
        self.normalised.map_or(0.0, |by| by.epsilon)
    }
}
