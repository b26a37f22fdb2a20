//! The state of a network in training, on the host: weights, statistics and optimizer states, in the layout of the device's
//! buffers.

use std::collections::BTreeMap;

use super::parameters::{NamedShape, ParameterTable, Slot};
use super::shape::{HeadShape, NetworkShape};
use crate::nn::network::{DenseLayer, Layer};
use crate::nn::{Backbone, Dense, Head, ModelError, ReadTensor};

/// The state of a network and of its optimizer between two updates.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkState {
    /// The layout of the buffers.
    pub table: ParameterTable,
    /// All weights, laid out by the table.
    pub weights: Vec<f32>,
    /// Running means and variances of batch norm, laid out by the table.
    pub statistics: Vec<f32>,
    /// The optimizer's states. Each has one value per trained parameter. Before the first update, when all values are 0, the list
    /// may be empty.
    pub optimizer: Vec<Vec<f32>>,
}

impl NetworkState {
    /// Reads the state of a network before its first update. `tensor(name, shape)` returns the values of a tensor.
    ///
    /// # Errors
    /// Returns the errors of `tensor`.
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

    /// Returns all tensors of the model, in the layout of a file.
    pub fn tensors(&self) -> Vec<(NamedShape, Vec<f32>)> {
        let weights = self.table.weight_slots().map(|slot| (slot, &self.weights));
        let statistics = self.table.statistics_slots().map(|slot| (slot, &self.statistics));
        weights.chain(statistics).flat_map(|(slot, buffer)| unpacked(slot, buffer)).collect()
    }

    /// Returns this state with `states` optimizer states, which are zero if it has none yet.
    pub fn with_optimizer_states(mut self, states: usize) -> NetworkState {
        if self.optimizer.is_empty() {
            self.optimizer = vec![vec![0.0; self.table.trained]; states];
        }
        self
    }

    /// Returns state `which` of the optimizer: one tensor per trained tensor, with the same name and shape.
    pub fn optimizer_tensors(&self, which: usize) -> Vec<(NamedShape, Vec<f32>)> {
        self.table.trained_slots().flat_map(|slot| unpacked(slot, &self.optimizer[which])).collect()
    }

    /// Reads state `which` of the optimizer from `tensor(name, shape)`.
    ///
    /// # Errors
    /// Returns the errors of `tensor`.
    pub fn read_optimizer(&mut self, which: usize, tensor: &ReadTensor) -> Result<(), ModelError> {
        for slot in self.table.trained_slots() {
            read_slot(slot, tensor, &mut self.optimizer[which])?;
        }
        Ok(())
    }

    /// Returns the first `count` convolutions with batch norm folded, for inference.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchTensor`] if the state belongs to another network.
    pub fn backbone(&self, shape: &NetworkShape, count: usize) -> Result<Backbone, ModelError> {
        let tensors: BTreeMap<String, Vec<f32>> =
            self.tensors().into_iter().map(|(tensor, values)| (tensor.name, values)).collect();
        let tensor = |name: &str, _: &[usize]| {
            tensors.get(name).cloned().ok_or_else(|| ModelError::NoSuchTensor { tensor: name.to_string() })
        };
        Backbone::load_first(&shape.network, count, &tensor)
    }

    /// Returns the dense layers for inference. Each batch norm of features is folded into the dense layer after it.
    ///
    /// # Panics
    /// Panics if a batch norm of features has no dense layer after it.
    pub fn dense_layers(&self, shape: &NetworkShape) -> Vec<Dense> {
        let mut dense = Vec::new();
        let mut norm: Option<([Vec<f32>; 4], f32)> = None;
        for (layer, slots) in shape.network.layers.iter().zip(&self.table.layers) {
            match layer {
                Layer::Dense(DenseLayer { inputs, outputs, activation, .. }) => {
                    let [kernel, bias] = [slots.kernel(), slots.bias()].map(|slot| slot.load(0, &self.weights));
                    let layer = Dense { inputs: *inputs, outputs: *outputs, kernel, bias, activation: *activation };
                    dense.push(match norm.take() {
                        Some((norm, epsilon)) => layer.after_norm(norm.each_ref().map(Vec::as_slice), epsilon),
                        None => layer,
                    });
                }
                Layer::BatchNorm(layer) => {
                    let [gamma, beta] = [0, 1].map(|which| slots.affine().load(which, &self.weights));
                    let [mean, variance] = [0, 1].map(|which| slots.running().load(which, &self.statistics));
                    norm = Some(([gamma, beta, mean, variance], layer.epsilon));
                }
                _ => {}
            }
        }
        assert!(norm.is_none(), "the last batch norm of features has no dense layer after it");
        dense
    }

    /// Returns the paper's head, if the network has one with a hidden layer.
    pub fn head(&self, shape: &NetworkShape) -> Option<Head> {
        let HeadShape { features, hidden, attributes, .. } = shape.head();
        let hidden = hidden?;
        let tensors: BTreeMap<String, Vec<f32>> =
            self.tensors().into_iter().map(|(tensor, values)| (tensor.name, values)).collect();
        let mut head = Head { features, hidden, attributes, tensors: Default::default() };
        for (name, values) in Head::TENSORS.into_iter().zip(&mut head.tensors) {
            *values = tensors.get(name)?.clone();
        }
        Some(head)
    }
}

/// Reads the tensors of a slot into `buffer`.
fn read_slot(slot: &Slot, tensor: &ReadTensor, buffer: &mut [f32]) -> Result<(), ModelError> {
    for (which, NamedShape { name, shape }) in slot.tensors.iter().enumerate() {
        slot.store(which, &tensor(name, shape)?, buffer);
    }
    Ok(())
}

/// Returns the tensors of a slot, in the layout of a file.
fn unpacked(slot: &Slot, buffer: &[f32]) -> Vec<(NamedShape, Vec<f32>)> {
    slot.tensors.iter().enumerate().map(|(which, tensor)| (tensor.clone(), slot.load(which, buffer))).collect()
}
