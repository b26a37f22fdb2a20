//! The head of the paper: Dense 1536, ReLU, batch norm, dropout 0.3, Dense to the attributes, sigmoid.

use super::dense::DeclaredDense;
use super::weights::{ExpectedTensor, StoredTensor, WeightsFile};
use super::{Dense, ModelError, Upload};
use crate::ops::Activation;
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// What the head's batch norm adds to the variance: Keras' default.
pub const HEAD_EPSILON: f32 = 1e-3;

/// The head's weights, in Keras' layouts.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Values that it reads of an image: the backbone's features.
    pub features: u32,
    /// Width of the hidden layer, 1536 in the paper.
    pub hidden: u32,
    /// Number of outputs.
    pub attributes: u32,
    /// The tensors by [`Head::TENSORS`]: dense kernels \[in, out\], everything else one value a channel.
    pub tensors: [Vec<f32>; 8],
}

impl Head {
    /// Names of the tensors in a file, in the order of [`Head::tensors`].
    pub const TENSORS: [&'static str; 8] = [
        "head.dense1.kernel",
        "head.dense1.bias",
        "head.bn.gamma",
        "head.bn.beta",
        "head.bn.mean",
        "head.bn.var",
        "head.dense2.kernel",
        "head.dense2.bias",
    ];

    /// Shapes of the tensors for a head of these sizes.
    pub fn shapes([features, hidden, attributes]: [u32; 3]) -> [Vec<usize>; 8] {
        let [features, hidden, attributes] = [features, hidden, attributes].map(|size| size as usize);
        let channel = || vec![hidden];
        [
            vec![features, hidden],
            channel(),
            channel(),
            channel(),
            channel(),
            channel(),
            vec![hidden, attributes],
            vec![attributes],
        ]
    }

    /// Number of values in all tensors: 2,030,629 in the paper's head of 37 attributes, 3,072 of them not trained.
    pub fn parameters(&self) -> usize {
        self.tensors.iter().map(Vec::len).sum()
    }

    /// The tensors that a file with a head must hold, by the shapes of its two kernels.
    pub fn expected_tensors(file: &WeightsFile) -> Vec<ExpectedTensor> {
        let shapes = Self::shapes(sizes(file));
        Self::TENSORS.into_iter().zip(shapes).map(|(name, shape)| ExpectedTensor { name: name.to_string(), shape }).collect()
    }

    /// Reads a head, alone in its file or after a backbone.
    ///
    /// # Errors
    /// A tensor is missing, of another shape or type, or not finite.
    pub fn read(file: &WeightsFile) -> Result<Head, ModelError> {
        let sizes = sizes(file);
        let mut head = Head { features: sizes[0], hidden: sizes[1], attributes: sizes[2], tensors: Default::default() };
        for ((name, shape), tensor) in Self::TENSORS.into_iter().zip(Self::shapes(sizes)).zip(&mut head.tensors) {
            *tensor = file.f32(name, &shape)?;
        }
        Ok(head)
    }

    /// Passes the tensors to `store`, by name and shape, ready to be written.
    pub fn stored<R>(&self, store: impl FnOnce(&[StoredTensor]) -> R) -> R {
        let shapes = Self::shapes([self.features, self.hidden, self.attributes]);
        let parts = Self::TENSORS.into_iter().zip(&shapes).zip(&self.tensors);
        let tensors: Vec<StoredTensor> = parts.map(|((name, shape), values)| StoredTensor { name, shape, values }).collect();
        store(&tensors)
    }

    /// Names of the dense layers in tables.
    pub(super) const LABELS: [&'static str; 2] = ["head dense 1", "head dense 2"];

    /// Appends inference for `batch` rows of features. Returns probabilities \[batch, padded attributes\] and what to upload.
    ///
    /// Two dense layers remain: batch norm, a scale and a shift of every hidden channel, is folded into the second one, and
    /// dropout does nothing.
    pub fn plan(&self, plan: &mut Plan, profile: &DeviceProfile, batch: u32, features: View) -> (View, Vec<Upload>) {
        let [first, second] = &self.folded();
        let layers = [(Self::LABELS[0], first), (Self::LABELS[1], second)];
        DeclaredDense::new(&layers, plan).plan(plan, profile, batch, features)
    }

    /// The two dense layers that equal the head in inference mode, folded in f64.
    pub(crate) fn folded(&self) -> [Dense; 2] {
        let [kernel1, bias1, gamma, beta, mean, variance, kernel2, bias2] = &self.tensors;
        let (hidden, attributes) = (self.hidden as usize, self.attributes as usize);
        let mut kernel = Vec::with_capacity(kernel2.len());
        let mut bias: Vec<f64> = bias2.iter().map(|value| f64::from(*value)).collect();
        for channel in 0..hidden {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + f64::from(HEAD_EPSILON)).sqrt();
            let shift = f64::from(beta[channel]) - f64::from(mean[channel]) * scale;
            for (output, sum) in bias.iter_mut().enumerate() {
                let weight = f64::from(kernel2[channel * attributes + output]);
                kernel.push((weight * scale) as f32);
                *sum += weight * shift;
            }
        }
        let dense = |inputs, outputs, kernel, bias, activation| Dense { inputs, outputs, kernel, bias, activation };
        [
            dense(self.features, self.hidden, kernel1.clone(), bias1.clone(), Activation::Relu),
            dense(
                self.hidden,
                self.attributes,
                kernel,
                bias.into_iter().map(|value| value as f32).collect(),
                Activation::Sigmoid,
            ),
        ]
    }
}

/// Features, hidden channels and attributes by the shapes of the kernels; 0 where a kernel is missing or no matrix.
fn sizes(file: &WeightsFile) -> [u32; 3] {
    let at = |name: &str, axis: usize| {
        let shape = file.shape(name).filter(|shape| shape.len() == 2);
        shape.and_then(|shape| u32::try_from(shape[axis]).ok()).unwrap_or(0)
    };
    [at(Head::TENSORS[0], 0), at(Head::TENSORS[0], 1), at(Head::TENSORS[6], 1)]
}
