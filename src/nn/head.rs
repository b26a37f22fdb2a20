//! The paper's head: Dense 1536, ReLU, batch norm, dropout 0.3, then a dense layer with one output per attribute and sigmoid.

use super::dense::DeclaredDense;
use super::weights::{ExpectedTensor, StoredTensor, WeightsFile};
use super::{Dense, ModelError, Upload};
use crate::ops::Activation;
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// ε that the head's batch norm adds to the variance. This is Keras' default.
pub const HEAD_EPSILON: f32 = 1e-3;

/// The head's weights, in Keras' layouts.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Number of input values per image: the backbone's features.
    pub features: u32,
    /// Width of the hidden layer, 1536 in the paper.
    pub hidden: u32,
    /// Number of outputs.
    pub attributes: u32,
    /// The values of the tensors in the order of [`Head::TENSORS`]. Dense kernels are \[inputs, outputs\]; all other tensors
    /// have one value per channel.
    pub tensors: [Vec<f32>; 8],
}

impl Head {
    /// Names of the tensors in a weights file, in the order of the field `tensors`.
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

    /// Returns the shapes of the tensors of a head with these sizes, in the order of [`Head::TENSORS`].
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

    /// Returns the number of values in all tensors. The paper's head with 37 attributes has 2,030,629; 3,072 of these (the
    /// running statistics) are not trained.
    pub fn parameters(&self) -> usize {
        self.tensors.iter().map(Vec::len).sum()
    }

    /// Returns the tensors that a file with a head must hold. Their sizes follow from the shapes of the two kernels in the file.
    pub fn expected_tensors(file: &WeightsFile) -> Vec<ExpectedTensor> {
        let shapes = Self::shapes(sizes(file));
        Self::TENSORS.into_iter().zip(shapes).map(|(name, shape)| ExpectedTensor { name: name.to_string(), shape }).collect()
    }

    /// Reads a head from a file that holds only the head or a whole model.
    ///
    /// # Errors
    /// Returns [`ModelError::Weights`] if a tensor is missing, has another shape or type, or holds NaN or infinity.
    pub fn read(file: &WeightsFile) -> Result<Head, ModelError> {
        let sizes = sizes(file);
        let mut head = Head { features: sizes[0], hidden: sizes[1], attributes: sizes[2], tensors: Default::default() };
        for ((name, shape), tensor) in Self::TENSORS.into_iter().zip(Self::shapes(sizes)).zip(&mut head.tensors) {
            *tensor = file.f32(name, &shape)?;
        }
        Ok(head)
    }

    /// Calls `store` with the tensors, their names and their shapes, and returns its result. `store` typically writes a file.
    pub fn stored<R>(&self, store: impl FnOnce(&[StoredTensor]) -> R) -> R {
        let shapes = Self::shapes([self.features, self.hidden, self.attributes]);
        let parts = Self::TENSORS.into_iter().zip(&shapes).zip(&self.tensors);
        let tensors: Vec<StoredTensor> = parts.map(|((name, shape), values)| StoredTensor { name, shape, values }).collect();
        store(&tensors)
    }

    /// Labels of the two dense layers in plans and tables.
    pub(super) const LABELS: [&'static str; 2] = ["head dense 1", "head dense 2"];

    /// Appends inference for `batch` rows of features. Returns probabilities \[batch, padded attributes\] and the data to upload
    /// before the first run.
    ///
    /// Inference runs two dense layers. Batch norm scales and shifts each hidden channel, so it is folded into the second
    /// layer; dropout is the identity.
    pub fn plan(&self, plan: &mut Plan, profile: &DeviceProfile, batch: u32, features: View) -> (View, Vec<Upload>) {
        let [first, second] = &self.folded();
        let layers = [(Self::LABELS[0], first), (Self::LABELS[1], second)];
        DeclaredDense::new(&layers, plan).plan(plan, profile, batch, features)
    }

    /// Returns two dense layers that compute the same as the head in inference. Batch norm is folded into the second layer.
    pub(crate) fn folded(&self) -> [Dense; 2] {
        let [kernel1, bias1, gamma, beta, mean, variance, kernel2, bias2] = &self.tensors;
        let dense = |[inputs, outputs]: [u32; 2], kernel: &Vec<f32>, bias: &Vec<f32>, activation| {
            let (kernel, bias) = (kernel.clone(), bias.clone());
            Dense { inputs, outputs, kernel, bias, activation }
        };
        let first = dense([self.features, self.hidden], kernel1, bias1, Activation::Relu);
        let second = dense([self.hidden, self.attributes], kernel2, bias2, Activation::Sigmoid);
        [first, second.after_norm([gamma, beta, mean, variance], HEAD_EPSILON)]
    }
}

/// Returns the numbers of features, hidden channels and attributes according to the shapes of the kernels. A size is 0 if
/// its kernel is missing or is not a matrix.
fn sizes(file: &WeightsFile) -> [u32; 3] {
    let at = |name: &str, axis: usize| {
        let shape = file.shape(name).filter(|shape| shape.len() == 2);
        shape.and_then(|shape| u32::try_from(shape[axis]).ok()).unwrap_or(0)
    };
    [at(Head::TENSORS[0], 0), at(Head::TENSORS[0], 1), at(Head::TENSORS[6], 1)]
}
