//! The input of a layer in training. It is a tensor, or the raw result of the previous layer, which is normalised while it is
//! loaded.

use super::Activation;
use super::activation::INPUT_ACTIVATION;
use crate::plan::View;

/// How a layer's input is computed from the raw result of the previous layer. The tensors have the shapes that
/// [`BatchNorm`](super::BatchNorm) describes.
#[derive(Debug, Clone, Copy)]
pub struct Normalised {
    /// \[2, channels\]: mean, then variance.
    pub statistics: View,
    /// \[2, channels\]: gamma, then beta.
    pub affine: View,
    /// The number added to the variance.
    pub epsilon: f32,
    /// The activation that follows batch norm.
    pub activation: Activation,
}

/// Name and values of the override that says whether the input is normalised while it is loaded.
pub(super) const NORMALISE: (&str, &[u32]) = ("NORMALISE", &[0, 1]);

/// The input of a layer.
#[derive(Debug, Clone, Copy)]
pub struct LayerInput {
    /// The input itself, or the raw result from which it is computed.
    pub view: View,
    /// How the input is computed from the raw result, if `view` holds one.
    pub normalised: Option<Normalised>,
}

impl From<View> for LayerInput {
    fn from(view: View) -> LayerInput {
        LayerInput { view, normalised: None }
    }
}

impl LayerInput {
    /// Returns the views of statistics and affine. A binding cannot be empty, so an input that is not normalised is bound in
    /// their place.
    pub(super) fn bindings(&self) -> [View; 2] {
        self.normalised.map_or([self.view; 2], |by| [by.statistics, by.affine])
    }

    /// Returns the overrides of `shaders/lib/layer_input.wgsl`.
    pub(super) fn overrides(&self) -> [(&'static str, f64); 2] {
        let activation = self.normalised.map_or(Activation::None, |by| by.activation);
        let normalise = f64::from(u8::from(self.normalised.is_some()));
        [(NORMALISE.0, normalise), (INPUT_ACTIVATION.0, f64::from(activation.code()))]
    }

    /// Returns the epsilon of batch norm, or 0 if the input is not normalised.
    pub(super) fn epsilon(&self) -> f32 {
        self.normalised.map_or(0.0, |by| by.epsilon)
    }
}
