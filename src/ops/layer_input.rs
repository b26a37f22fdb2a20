//! What a layer reads in training: its input as it is, or the raw result of the layer before, normalised while it is loaded.

use crate::plan::View;

/// What turns the raw result of the layer before into this layer's input; shapes as [`BatchNorm`](super::BatchNorm) has them.
#[derive(Debug, Clone, Copy)]
pub struct Normalised {
    /// \[2, channels\]: mean, then variance.
    pub statistics: View,
    /// \[2, channels\]: gamma, then beta.
    pub affine: View,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether ReLU6 follows.
    pub relu6: bool,
}

/// Name and values of the override of `shaders/lib/layer_input.wgsl`.
pub(super) const NORMALISE: (&str, &[u32]) = ("NORMALISE", &[0, 1, 2]);

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

    /// The override of `shaders/lib/layer_input.wgsl`.
    pub(super) fn normalise(&self) -> (&'static str, f64) {
        (NORMALISE.0, self.normalised.map_or(0.0, |by| if by.relu6 { 2.0 } else { 1.0 }))
    }

    pub(super) fn epsilon(&self) -> f32 {
        self.normalised.map_or(0.0, |by| by.epsilon)
    }
}
