//! Dense layers: their values, the layout in which kernels read them, and how they are added to a plan.

use super::lowering::{Activations, Lowering, RunLayer};
use super::network::DenseLayer;
use crate::ops::{Activation, Padding, padded_channels};
use crate::plan::{Plan, Precision, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// A dense layer with its values: y = activation(x · kernel + bias).
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Number of input values per row.
    pub inputs: u32,
    /// Number of output values per row.
    pub outputs: u32,
    /// The kernel \[inputs, outputs\], row-major. This is Keras' layout.
    pub kernel: Vec<f32>,
    /// The bias \[outputs\].
    pub bias: Vec<f32>,
    /// The activation of the result.
    pub activation: Activation,
}

/// A tensor and the bytes to write to it before the first run.
pub type Upload = (View, Vec<u8>);

impl Dense {
    /// Creates a layer from PyTorch's layout, where `weight` is \[outputs, inputs\].
    pub fn from_torch([outputs, inputs]: [u32; 2], weight: &[f32], bias: Vec<f32>, activation: Activation) -> Dense {
        let (rows, columns) = (outputs as usize, inputs as usize);
        let kernel = (0..columns * rows).map(|at| weight[(at % rows) * columns + at / rows]).collect();
        Dense { inputs, outputs, kernel, bias, activation }
    }

    /// Returns this layer with the batch norm before it folded in: it reads the input of the batch norm instead of its result.
    /// `norm` holds γ, β, the mean μ and the variance σ² of each channel. With s = γ/√(σ² + ε), the kernel W becomes s·W and the
    /// bias b becomes b + (β − μ·s)·W, computed in f64.
    pub(super) fn after_norm(&self, norm: [&[f32]; 4], epsilon: f32) -> Dense {
        let [gamma, beta, mean, variance] = norm;
        let Dense { inputs, outputs, activation, .. } = *self;
        let mut kernel = Vec::with_capacity(self.kernel.len());
        let mut bias: Vec<f64> = self.bias.iter().map(|value| f64::from(*value)).collect();
        for channel in 0..inputs as usize {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + f64::from(epsilon)).sqrt();
            let shift = f64::from(beta[channel]) - f64::from(mean[channel]) * scale;
            for (output, sum) in bias.iter_mut().enumerate() {
                let weight = f64::from(self.kernel[channel * outputs as usize + output]);
                kernel.push((weight * scale) as f32);
                *sum += weight * shift;
            }
        }
        Dense { inputs, outputs, kernel, bias: bias.into_iter().map(|value| value as f32).collect(), activation }
    }

    /// Declares the layer's kernel and bias as persistent tensors. Returns their views, and the data to upload to each. The
    /// kernel is stored in [`WeightLayout::Panels`], with inputs and outputs padded to multiples of four.
    pub fn declare(&self, plan: &mut Plan, label: &str) -> ([View; 2], [Upload; 2]) {
        let (inputs, outputs) = (padded_channels(self.inputs), padded_channels(self.outputs));
        let padded = outputs as usize;
        let mut kernel = vec![0.0; inputs as usize * padded];
        for (row, values) in self.kernel.chunks_exact(self.outputs as usize).enumerate() {
            kernel[row * padded..row * padded + values.len()].copy_from_slice(values);
        }
        let kernel = WeightLayout::Panels.arranged(kernel, outputs);
        let mut bias = self.bias.clone();
        bias.resize(padded, 0.0);
        let w = plan.persistent(&format!("{label} kernel"), 4 * kernel.len() as u64);
        let b = plan.persistent(&format!("{label} bias"), 4 * bias.len() as u64);
        ([w, b], [(w, kernel), (b, bias)].map(|(view, values)| (view, Precision::F32.stored(&values))))
    }

    /// Appends the layer for `batch` rows of `x`. Returns its result \[batch, padded outputs\], a persistent tensor, and the data
    /// to upload.
    pub fn plan(&self, plan: &mut Plan, profile: &DeviceProfile, label: &str, batch: u32, x: View) -> (View, Vec<Upload>) {
        DeclaredDense::new(&[(label, self)], plan).plan(plan, profile, batch, x)
    }

    /// Returns the layer's description. Its tensor names are empty, because the values are given and not read from a file.
    pub fn layer(&self, label: &str) -> DenseLayer {
        let Dense { inputs, outputs, activation, .. } = *self;
        DenseLayer { label: label.to_string(), names: Default::default(), inputs, outputs, activation }
    }
}

/// A chain of dense layers whose parameters are declared in a plan.
pub(super) struct DeclaredDense {
    layers: Vec<(DenseLayer, [View; 2])>,
    /// The parameters to upload before the first run.
    pub uploads: Vec<Upload>,
}

impl DeclaredDense {
    /// Declares the parameters of labelled layers, in the order in which they run.
    pub fn new(layers: &[(&str, &Dense)], plan: &mut Plan) -> DeclaredDense {
        let mut declared = DeclaredDense { layers: Vec::new(), uploads: Vec::new() };
        for (label, dense) in layers {
            let (views, uploads) = dense.declare(plan, label);
            declared.layers.push((dense.layer(label), views));
            declared.uploads.extend(uploads);
        }
        declared
    }

    /// Returns the layers in the form that lowering takes.
    pub fn run_layers(&self) -> Vec<RunLayer<'_>> {
        let layout = WeightLayout::Panels;
        let layers = self.layers.iter().map(|(layer, parameters)| (layer, *parameters));
        layers.map(|(layer, parameters)| RunLayer::Dense { layer, parameters, layout, slots: None }).collect()
    }

    /// Appends the layers for `batch` rows of `x`. Returns the last result \[batch, padded outputs\], a persistent tensor, and
    /// the data to upload.
    pub fn plan(self, plan: &mut Plan, profile: &DeviceProfile, batch: u32, x: View) -> (View, Vec<Upload>) {
        let [inputs, outputs] =
            [self.layers.first().map(|layer| layer.0.inputs), self.layers.last().map(|layer| layer.0.outputs)];
        let [inputs, outputs] = [inputs, outputs].map(|channels| padded_channels(channels.unwrap_or(0)));
        let result = plan.persistent("result", 4 * u64::from(batch) * u64::from(outputs));
        let x = Activations { view: x, batch, extent: [1, 1], channels: inputs, precision: Precision::F32 };
        let run = self.run_layers();
        Lowering::new(plan, profile, Padding::Symmetric).forward(&run, x, Some(result), &mut |_, _, _| ());
        drop(run);
        (result, self.uploads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_torch_transposes_the_weight() {
        let dense = Dense::from_torch([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0.0; 2], Activation::None);
        assert_eq!(dense.kernel, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn a_layer_after_batch_norm_computes_the_same_from_the_norms_input() {
        let dense = Dense { inputs: 2, outputs: 1, kernel: vec![3.0, 5.0], bias: vec![1.0], activation: Activation::None };
        let folded = dense.after_norm([&[2.0, 1.0], &[0.5, 0.0], &[1.0, -2.0], &[3.0, 0.0]], 1.0);
        // s is 2/√4 = 1 and 1/√1 = 1, so the input moves by 0.5 − 1 and by 0 + 2.
        assert_eq!((folded.kernel, folded.bias), (vec![3.0, 5.0], vec![1.0 - 1.5 + 10.0]));
    }
}
