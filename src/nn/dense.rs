//! A dense layer: its weights as a kernel reads them, and its place in a plan.

use crate::ops::{Activation, Pointwise, padded_channels};
use crate::plan::{Plan, Precision, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// activation(x · kernel + bias), with kernel \[inputs, outputs\] row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Input values a row.
    pub inputs: u32,
    /// Output values a row.
    pub outputs: u32,
    /// \[inputs, outputs\], Keras' layout.
    pub kernel: Vec<f32>,
    /// \[outputs\]
    pub bias: Vec<f32>,
    /// Applied to the result.
    pub activation: Activation,
}

/// Bytes to write to a tensor before the first run.
pub type Upload = (View, Vec<u8>);

impl Dense {
    /// From PyTorch's layout: weight \[outputs, inputs\].
    pub fn from_torch([outputs, inputs]: [u32; 2], weight: &[f32], bias: Vec<f32>, activation: Activation) -> Dense {
        let (rows, columns) = (outputs as usize, inputs as usize);
        let kernel = (0..columns * rows).map(|at| weight[(at % rows) * columns + at / rows]).collect();
        Dense { inputs, outputs, kernel, bias, activation }
    }

    /// Appends the layer for `batch` rows; returns its output \[batch, padded outputs\] and what to upload.
    pub fn plan(&self, plan: &mut Plan, profile: &DeviceProfile, label: &str, batch: u32, x: View) -> (View, [Upload; 2]) {
        let (inputs, outputs) = (padded_channels(self.inputs), padded_channels(self.outputs));
        let padded = outputs as usize;
        let mut kernel = vec![0.0; inputs as usize * padded];
        for (row, values) in self.kernel.chunks_exact(self.outputs as usize).enumerate() {
            kernel[row * padded..row * padded + values.len()].copy_from_slice(values);
        }
        let layout = WeightLayout::Panels;
        let kernel = layout.arranged(kernel, outputs);
        let mut bias = self.bias.clone();
        bias.resize(padded, 0.0);
        let w = plan.persistent(&format!("{label} kernel"), 4 * kernel.len() as u64);
        let b = plan.persistent(&format!("{label} bias"), 4 * bias.len() as u64);
        let y = plan.persistent(label, 4 * u64::from(batch) * u64::from(outputs));
        let layer = Pointwise { rows: batch, inputs, outputs, layout, activation: self.activation };
        plan.push(layer.step(label, layer.choice(profile), profile.capabilities.subgroup_size, [x, w, b], None, y));
        (y, [(w, kernel), (b, bias)].map(|(view, values)| (view, Precision::F32.stored(&values))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytorchs_layout_is_transposed() {
        let dense = Dense::from_torch([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0.0; 2], Activation::None);
        assert_eq!(dense.kernel, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
