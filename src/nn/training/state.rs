//! A network's values on the host: weights, statistics and optimizer state, in the layout of the device's buffers.

use super::parameters::{NamedShape, ParameterTable, Slot};
use super::shape::NetworkShape;
use crate::nn::mobilenet_v2::{Backbone, ReadTensor};
use crate::nn::{Dense, Head, ModelError};
use crate::ops::Activation;

/// The values of a network and of its optimizer between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkState {
    /// Where everything lies.
    pub table: ParameterTable,
    /// All weights.
    pub weights: Vec<f32>,
    /// Batch norm's running means and variances.
    pub statistics: Vec<f32>,
    /// The optimizer's states, each with a value for every trained parameter. Empty before the first update, where all are 0.
    pub optimizer: Vec<Vec<f32>>,
}

impl NetworkState {
    /// Reads a network before its first step, every tensor from `tensor(name, shape)`.
    ///
    /// # Errors
    /// Whatever `tensor` reports.
    pub fn read(shape: &NetworkShape, tensor: &ReadTensor) -> Result<NetworkState, ModelError> {
        let table = ParameterTable::new(shape);
        let mut state = NetworkState {
            weights: vec![0.0; table.weights],
            statistics: vec![0.0; table.statistics],
            optimizer: Vec::new(),
            table,
        };
        let NetworkState { table, weights, statistics, .. } = &mut state;
        for slot in table.weight_slots() {
            read_slot(slot, tensor, weights)?;
        }
        for slot in table.statistics_slots() {
            read_slot(slot, tensor, statistics)?;
        }
        Ok(state)
    }

    /// Every tensor of the model as a file holds it.
    pub fn tensors(&self) -> Vec<(NamedShape, Vec<f32>)> {
        let weights = self.table.weight_slots().map(|slot| (slot, &self.weights));
        let statistics = self.table.statistics_slots().map(|slot| (slot, &self.statistics));
        weights.chain(statistics).flat_map(|(slot, buffer)| unpacked(slot, buffer)).collect()
    }

    /// Returns this state with an optimizer's `states`, all zero, if it has none yet.
    pub fn with_optimizer_states(mut self, states: usize) -> NetworkState {
        if self.optimizer.is_empty() {
            self.optimizer = vec![vec![0.0; self.table.trained]; states];
        }
        self
    }

    /// Returns state `which` of the optimizer: a tensor for each trained one, with its name and shape.
    pub fn optimizer_tensors(&self, which: usize) -> Vec<(NamedShape, Vec<f32>)> {
        self.table.trained_slots().flat_map(|slot| unpacked(slot, &self.optimizer[which])).collect()
    }

    /// Reads state `which` of the optimizer from `tensor(name, shape)`.
    ///
    /// # Errors
    /// Whatever `tensor` reports.
    pub fn read_optimizer(&mut self, which: usize, tensor: &ReadTensor) -> Result<(), ModelError> {
        for slot in self.table.trained_slots() {
            read_slot(slot, tensor, &mut self.optimizer[which])?;
        }
        Ok(())
    }

    /// The convolutions before `end` with batch norm folded, for inference.
    ///
    /// # Errors
    /// None in practice: every tensor is there.
    pub fn backbone(&self, shape: &NetworkShape, end: usize) -> Result<Backbone, ModelError> {
        let tensors = self.layer_tensors(end);
        let layers = shape.layers[..end].to_vec();
        Backbone::load(layers, shape.padding, shape.epsilon, &|name, _| Ok(tensors.get(name).cloned().unwrap_or_default()))
    }

    fn layer_tensors(&self, end: usize) -> std::collections::BTreeMap<String, Vec<f32>> {
        let layers = self.table.layers[..end].iter();
        let slots = layers.flat_map(|layer| {
            [(&layer.kernel, &self.weights), (&layer.affine, &self.weights), (&layer.running, &self.statistics)]
        });
        slots.flat_map(|(slot, buffer)| unpacked(slot, buffer)).map(|(named, values)| (named.name, values)).collect()
    }

    /// The head's layers with batch norm folded.
    pub fn dense_layers(&self, shape: &NetworkShape) -> Vec<Dense> {
        if let Some(head) = self.head(shape) {
            return head.folded().to_vec();
        }
        let [kernel, bias] = [0, 1].map(|at| self.table.output[at].load(0, &self.weights));
        let (inputs, outputs) = (shape.head.features, shape.head.attributes);
        vec![Dense { inputs, outputs, kernel, bias, activation: Activation::Sigmoid }]
    }

    /// The head, where it has a hidden layer.
    pub fn head(&self, shape: &NetworkShape) -> Option<Head> {
        let (hidden, slots) = (shape.head.hidden?, self.table.hidden.as_ref()?);
        let (weights, [kernel, bias]) = (&self.weights, &self.table.output);
        let tensors = [
            slots.kernel.load(0, weights),
            slots.bias.load(0, weights),
            slots.affine.load(0, weights),
            slots.affine.load(1, weights),
            slots.running.load(0, &self.statistics),
            slots.running.load(1, &self.statistics),
            kernel.load(0, weights),
            bias.load(0, weights),
        ];
        Some(Head { features: shape.head.features, hidden, attributes: shape.head.attributes, tensors })
    }
}

fn read_slot(slot: &Slot, tensor: &ReadTensor, buffer: &mut [f32]) -> Result<(), ModelError> {
    for (which, NamedShape { name, shape }) in slot.tensors.iter().enumerate() {
        slot.store(which, &tensor(name, shape)?, buffer);
    }
    Ok(())
}

fn unpacked(slot: &Slot, buffer: &[f32]) -> Vec<(NamedShape, Vec<f32>)> {
    slot.tensors.iter().enumerate().map(|(which, tensor)| (tensor.clone(), slot.load(which, buffer))).collect()
}
