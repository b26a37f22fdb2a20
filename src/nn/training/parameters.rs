//! The layout of a network's parameters in the buffers of training, and the conversion from and to the layout of files.
//!
//! One buffer holds all weights, so that an optimizer needs few dispatches. The trained kernels come first, because weight decay
//! applies only to them; then the other trained parameters; then the frozen ones. Gradients and optimizer states have the layout
//! of the trained part. Vectors of batch norm are stored in pairs: gamma and beta, mean and variance.

use std::ops::Range;

use super::shape::NetworkShape;
use crate::nn::network::{Convolution, Layer};
use crate::ops::padded_channels;
use crate::plan::{ALIGNMENT, View};

/// Name and shape of a tensor in a weights file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedShape {
    /// The tensor's name.
    pub name: String,
    /// The tensor's shape.
    pub shape: Vec<usize>,
}

/// The part of a buffer that holds one tensor or a pair of vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The tensors in the slot, in order.
    pub tensors: Vec<NamedShape>,
    layout: Layout,
    /// Position of the first element in the buffer.
    offset: usize,
    /// Number of elements, with padding.
    length: usize,
}

/// How the elements of a slot are arranged. Padded sizes are multiples of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A convolution's kernel: \[outputs, inputs, taps\] in a file, \[taps, padded inputs, padded outputs\] in the buffer.
    Convolution { outputs: usize, inputs: usize, taps: usize },
    /// A matrix: \[rows, columns\] in a file, \[padded rows, padded columns\] in the buffer.
    Matrix { rows: usize, columns: usize },
    /// One or more vectors of the same length, each padded in the buffer.
    Vectors { length: usize },
}

impl Slot {
    /// Creates the slot at position `at` and moves `at` to the next aligned position after it.
    fn new(tensors: Vec<NamedShape>, layout: Layout, at: &mut usize) -> Slot {
        let pad = |count: usize| padded_channels(count as u32) as usize;
        let length = match layout {
            // A depthwise weight has one input, which is not padded.
            Layout::Convolution { outputs, inputs: 1, taps } => taps * pad(outputs),
            Layout::Convolution { outputs, inputs, taps } => taps * pad(inputs) * pad(outputs),
            Layout::Matrix { rows, columns } => pad(rows) * pad(columns),
            Layout::Vectors { length } => tensors.len() * pad(length),
        };
        let offset = *at;
        *at = (offset + length).next_multiple_of(ALIGNMENT as usize / 4);
        Slot { tensors, layout, offset, length }
    }

    /// Returns the slot's part of `buffer`.
    pub fn view(&self, buffer: View) -> View {
        View { tensor: buffer.tensor, offset: buffer.offset + 4 * self.offset as u64, bytes: 4 * self.length as u64 }
    }

    /// Returns the slot's part of `buffer`, a copy on the host.
    pub fn of<'a, T>(&self, buffer: &'a [T]) -> &'a [T] {
        &buffer[self.offset..self.offset + self.length]
    }

    /// Copies `values`, tensor `which` in the layout of a file, to the slot's part of `buffer`.
    pub fn store(&self, which: usize, values: &[f32], buffer: &mut [f32]) {
        let slot = &mut buffer[self.offset..self.offset + self.length];
        self.each(which, &mut |file, place| slot[place] = values[file]);
    }

    /// Returns tensor `which` from `buffer`, in the layout of a file.
    pub fn load(&self, which: usize, buffer: &[f32]) -> Vec<f32> {
        let slot = self.of(buffer);
        let mut values = vec![0.0; self.tensors[which].shape.iter().product()];
        self.each(which, &mut |file, place| values[file] = slot[place]);
        values
    }

    /// Calls `pair` for every element of tensor `which`, with its position in a file and in the slot.
    fn each(&self, which: usize, pair: &mut dyn FnMut(usize, usize)) {
        let pad = |count: usize| padded_channels(count as u32) as usize;
        match self.layout {
            Layout::Convolution { outputs, inputs, taps } => {
                let padded_inputs = if inputs == 1 { 1 } else { pad(inputs) };
                for output in 0..outputs {
                    for input in 0..inputs {
                        for tap in 0..taps {
                            let place = (tap * padded_inputs + input) * pad(outputs) + output;
                            pair((output * inputs + input) * taps + tap, place);
                        }
                    }
                }
            }
            Layout::Matrix { rows, columns } => {
                for row in 0..rows {
                    (0..columns).for_each(|column| pair(row * columns + column, row * pad(columns) + column));
                }
            }
            Layout::Vectors { length } => (0..length).for_each(|at| pair(at, which * pad(length) + at)),
        }
    }
}

/// The slots of one layer. Slots that its kind of layer does not have are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerSlots {
    /// The layer's label in tables.
    label: String,
    /// The kernel of a convolution or a dense layer.
    kernel: Option<Slot>,
    /// The bias of a dense layer.
    bias: Option<Slot>,
    /// Gamma and beta of batch norm.
    affine: Option<Slot>,
    /// Running mean and variance of batch norm. This slot is in the buffer of statistics.
    running: Option<Slot>,
}

impl LayerSlots {
    /// Returns the slot of the kernel.
    ///
    /// # Panics
    /// Panics if this kind of layer has no kernel.
    pub fn kernel(&self) -> &Slot {
        self.slot(&self.kernel, "kernel")
    }

    /// Returns the slot of the bias.
    ///
    /// # Panics
    /// Panics if this kind of layer has no bias.
    pub fn bias(&self) -> &Slot {
        self.slot(&self.bias, "bias")
    }

    /// Returns the slot of gamma and beta.
    ///
    /// # Panics
    /// Panics if this kind of layer has no batch norm.
    pub fn affine(&self) -> &Slot {
        self.slot(&self.affine, "batch norm")
    }

    /// Returns the slot of running mean and variance.
    ///
    /// # Panics
    /// Panics if this kind of layer has no batch norm.
    pub fn running(&self) -> &Slot {
        self.slot(&self.running, "running statistics")
    }

    fn slot<'a>(&self, slot: &'a Option<Slot>, what: &str) -> &'a Slot {
        slot.as_ref().unwrap_or_else(|| panic!("layer {} has no {what}", self.label))
    }
}

/// The slots of all tensors of a network, and the sizes of the buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterTable {
    /// The slots of each layer of the network, in order.
    pub layers: Vec<LayerSlots>,
    /// Number of elements of the buffer of weights.
    pub weights: usize,
    /// Number of elements at the front of the buffer of weights that are trained.
    pub trained: usize,
    /// Number of elements at the front of the trained part that are kernels, to which weight decay applies.
    pub decayed: usize,
    /// Number of elements of the buffer of statistics.
    pub statistics: usize,
}

impl ParameterTable {
    /// Lays out the parameters of a network.
    pub fn new(shape: &NetworkShape) -> ParameterTable {
        let layers = &shape.network.layers;
        let mut table = ParameterTable {
            layers: layers.iter().map(|layer| LayerSlots { label: label(layer), ..LayerSlots::default() }).collect(),
            weights: 0,
            trained: 0,
            decayed: 0,
            statistics: 0,
        };
        let frozen = shape.first_trained.min(shape.convolutions());
        table.place_kernels(layers, frozen..layers.len());
        table.decayed = table.weights;
        table.place_vectors(layers, frozen..layers.len());
        table.trained = table.weights;
        table.place_kernels(layers, 0..frozen);
        table.place_vectors(layers, 0..frozen);
        for (layer, slots) in layers.iter().zip(&mut table.layers) {
            let names = match layer {
                Layer::Convolution(layer) => {
                    Some((["running_mean", "running_var"].map(|part| format!("{}.{part}", layer.norm)), layer.outputs))
                }
                Layer::BatchNorm(layer) => Some(([2, 3].map(|at| layer.names[at].clone()), layer.channels)),
                _ => None,
            };
            slots.running = names.map(|(names, length)| vectors(&names, length, &mut table.statistics));
        }
        table
    }

    /// Adds slots for the kernels of a range of layers.
    fn place_kernels(&mut self, layers: &[Layer], range: Range<usize>) {
        for at in range {
            self.layers[at].kernel = match &layers[at] {
                Layer::Convolution(layer) => Some(convolution_kernel(layer, &mut self.weights)),
                Layer::Dense(layer) => {
                    let [rows, columns] = [layer.inputs, layer.outputs].map(|size| size as usize);
                    let tensor = named(&layer.names[0], &[rows, columns]);
                    Some(Slot::new(vec![tensor], Layout::Matrix { rows, columns }, &mut self.weights))
                }
                _ => None,
            };
        }
    }

    /// Adds slots for biases, gamma and beta of a range of layers. Weight decay does not apply to these.
    fn place_vectors(&mut self, layers: &[Layer], range: Range<usize>) {
        for at in range {
            let slots = &mut self.layers[at];
            match &layers[at] {
                Layer::Convolution(layer) => {
                    let names = ["weight", "bias"].map(|part| format!("{}.{part}", layer.norm));
                    slots.affine = Some(vectors(&names, layer.outputs, &mut self.weights));
                }
                Layer::Dense(layer) => {
                    slots.bias = Some(vectors(&layer.names[1..], layer.outputs, &mut self.weights));
                }
                Layer::BatchNorm(layer) => {
                    slots.affine = Some(vectors(&layer.names[..2], layer.channels, &mut self.weights));
                }
                _ => {}
            }
        }
    }

    /// Returns the slots of the buffer of weights, layer by layer.
    pub fn weight_slots(&self) -> impl Iterator<Item = &Slot> {
        self.layers.iter().flat_map(|layer| [&layer.kernel, &layer.bias, &layer.affine]).flatten()
    }

    /// Returns the slots of the buffer of statistics, layer by layer.
    pub fn statistics_slots(&self) -> impl Iterator<Item = &Slot> {
        self.layers.iter().filter_map(|layer| layer.running.as_ref())
    }

    /// Returns the slots of the trained part of the weights, layer by layer.
    pub fn trained_slots(&self) -> impl Iterator<Item = &Slot> {
        self.weight_slots().filter(|slot| slot.offset < self.trained)
    }
}

/// Returns a layer's label in tables.
fn label(layer: &Layer) -> String {
    match layer {
        Layer::Convolution(layer) => layer.name.clone(),
        Layer::Dense(layer) => layer.label.clone(),
        Layer::BatchNorm(layer) => layer.label.clone(),
        Layer::GlobalAveragePool => "global average pool".to_string(),
        Layer::Dropout { .. } => "dropout".to_string(),
    }
}

fn named(name: &str, shape: &[usize]) -> NamedShape {
    NamedShape { name: name.to_string(), shape: shape.to_vec() }
}

fn vectors(names: &[String], length: u32, at: &mut usize) -> Slot {
    let length = length as usize;
    Slot::new(names.iter().map(|name| named(name, &[length])).collect(), Layout::Vectors { length }, at)
}

fn convolution_kernel(layer: &Convolution, at: &mut usize) -> Slot {
    let [outputs, inputs, taps] = [layer.outputs, layer.inputs_per_output(), layer.taps()].map(|size| size as usize);
    let tensor = named(&format!("{}.weight", layer.name), &layer.weight_shape());
    Slot::new(vec![tensor], Layout::Convolution { outputs, inputs, taps }, at)
}
