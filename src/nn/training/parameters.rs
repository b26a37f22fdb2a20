//! Where every parameter of a network lies in the buffers that training works on, and how it gets there from a file.
//!
//! All weights are in one buffer, so that an optimizer takes one dispatch: the trained kernels first, which weight decay is
//! for, then the other trained parameters, then what is frozen. Gradients and optimizer state have the layout of the trained
//! part. Batch norm's vectors lie in pairs: gamma and beta, mean and variance.

use super::shape::NetworkShape;
use crate::nn::Head;
use crate::nn::mobilenet_v2::{ConvolutionKind, Layer};
use crate::ops::padded_channels;
use crate::plan::{ALIGNMENT, View};

/// A tensor as a file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedShape {
    /// Its name in a weights file.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
}

/// One tensor of a buffer, or a pair of vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What it holds, in order.
    pub tensors: Vec<NamedShape>,
    layout: Layout,
    offset: usize,
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// \[outputs, inputs, taps\] in a file, \[taps, padded inputs, padded outputs\] in the buffer.
    Convolution { outputs: usize, inputs: usize, taps: usize },
    /// \[rows, columns\] in a file, both padded in the buffer.
    Matrix { rows: usize, columns: usize },
    /// Vectors of that length, each padded.
    Vectors { length: usize },
}

impl Slot {
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

    /// Its part of a buffer.
    pub fn view(&self, buffer: View) -> View {
        View { tensor: buffer.tensor, offset: buffer.offset + 4 * self.offset as u64, bytes: 4 * self.length as u64 }
    }

    /// Its part of the host's copy of a buffer.
    pub fn of<'a>(&self, buffer: &'a [f32]) -> &'a [f32] {
        &buffer[self.offset..self.offset + self.length]
    }

    /// Puts the values of tensor `which`, as a file holds them, where they belong in `buffer`.
    pub fn store(&self, which: usize, values: &[f32], buffer: &mut [f32]) {
        let slot = &mut buffer[self.offset..self.offset + self.length];
        self.each(which, &mut |file, place| slot[place] = values[file]);
    }

    /// The values of tensor `which`, as a file holds them.
    pub fn load(&self, which: usize, buffer: &[f32]) -> Vec<f32> {
        let slot = self.of(buffer);
        let mut values = vec![0.0; self.tensors[which].shape.iter().product()];
        self.each(which, &mut |file, place| values[file] = slot[place]);
        values
    }

    /// Calls `pair` with the position of every element of tensor `which` in a file and in the slot.
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

/// The tensors of a convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSlots {
    /// The weight.
    pub kernel: Slot,
    /// Gamma and beta.
    pub affine: Slot,
    /// Running mean and variance, in the buffer of statistics.
    pub running: Slot,
}

/// The tensors of the hidden layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenSlots {
    /// \[features, hidden\]
    pub kernel: Slot,
    /// \[hidden\]
    pub bias: Slot,
    /// Gamma and beta.
    pub affine: Slot,
    /// Running mean and variance, in the buffer of statistics.
    pub running: Slot,
}

/// Every tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterTable {
    /// One for each convolution.
    pub layers: Vec<LayerSlots>,
    /// The head's hidden layer.
    pub hidden: Option<HiddenSlots>,
    /// Kernel and bias of the last layer.
    pub output: [Slot; 2],
    /// Elements of the buffer of weights.
    pub weights: usize,
    /// How many of them, at the front, are trained.
    pub trained: usize,
    /// How many of these, at the front, are kernels.
    pub decayed: usize,
    /// Elements of the buffer of statistics.
    pub statistics: usize,
}

impl ParameterTable {
    /// Lays out the parameters of a network.
    pub fn new(shape: &NetworkShape) -> ParameterTable {
        let head = shape.head;
        let (mut at, mut statistics) = (0, 0);
        let (frozen, trained) = shape.layers.split_at(shape.first_trained.min(shape.layers.len()));
        let matrix = |name: &str, rows: u32, columns: u32, at: &mut usize| {
            let (rows, columns) = (rows as usize, columns as usize);
            Slot::new(vec![named(name, &[rows, columns])], Layout::Matrix { rows, columns }, at)
        };
        let vectors = |names: &[&str], length: u32, at: &mut usize| {
            let length = length as usize;
            Slot::new(names.iter().map(|name| named(name, &[length])).collect(), Layout::Vectors { length }, at)
        };
        let [dense1, bias1, gamma, beta, mean, variance, dense2, bias2] = Head::TENSORS;

        let kernels: Vec<Slot> = trained.iter().map(|layer| kernel(layer, &mut at)).collect();
        let hidden_kernel = head.hidden.map(|hidden| matrix(dense1, head.features, hidden, &mut at));
        let output_kernel = matrix(dense2, head.hidden.unwrap_or(head.features), head.attributes, &mut at);
        let decayed = at;
        let affines: Vec<Slot> = trained.iter().map(|layer| affine(layer, &mut at)).collect();
        let hidden_rest =
            head.hidden.map(|hidden| [vectors(&[bias1], hidden, &mut at), vectors(&[gamma, beta], hidden, &mut at)]);
        let output_bias = vectors(&[bias2], head.attributes, &mut at);
        let trained_elements = at;
        let frozen_kernels: Vec<Slot> = frozen.iter().map(|layer| kernel(layer, &mut at)).collect();
        let frozen_affines: Vec<Slot> = frozen.iter().map(|layer| affine(layer, &mut at)).collect();

        let kernels = frozen_kernels.into_iter().chain(kernels);
        let affines = frozen_affines.into_iter().chain(affines);
        let layers = shape.layers.iter().zip(kernels).zip(affines).map(|((layer, kernel), affine)| {
            let names = ["running_mean", "running_var"].map(|part| format!("{}.{part}", layer.norm));
            let running = vectors(&[&names[0], &names[1]], layer.outputs, &mut statistics);
            LayerSlots { kernel, affine, running }
        });
        let layers = layers.collect();
        let hidden = match (head.hidden, hidden_kernel, hidden_rest) {
            (Some(hidden), Some(kernel), Some([bias, affine])) => {
                let running = vectors(&[mean, variance], hidden, &mut statistics);
                Some(HiddenSlots { kernel, bias, affine, running })
            }
            _ => None,
        };
        let output = [output_kernel, output_bias];
        ParameterTable { layers, hidden, output, weights: at, trained: trained_elements, decayed, statistics }
    }

    /// The slots of the buffer of weights: the convolutions in order, then the head.
    pub fn weight_slots(&self) -> impl Iterator<Item = &Slot> {
        let layers = self.layers.iter().flat_map(|layer| [&layer.kernel, &layer.affine]);
        let hidden = self.hidden.iter().flat_map(|hidden| [&hidden.kernel, &hidden.bias, &hidden.affine]);
        layers.chain(hidden).chain(&self.output)
    }

    /// The slots of the buffer of statistics, in the same order.
    pub fn statistics_slots(&self) -> impl Iterator<Item = &Slot> {
        self.layers.iter().map(|layer| &layer.running).chain(self.hidden.iter().map(|hidden| &hidden.running))
    }

    /// The slots of what is trained, in the same order.
    pub fn trained_slots(&self) -> impl Iterator<Item = &Slot> {
        self.weight_slots().filter(|slot| slot.offset < self.trained)
    }
}

fn named(name: &str, shape: &[usize]) -> NamedShape {
    NamedShape { name: name.to_string(), shape: shape.to_vec() }
}

fn kernel(layer: &Layer, at: &mut usize) -> Slot {
    let taps = if layer.kind == ConvolutionKind::Pointwise { 1 } else { 9 };
    let inputs = if layer.kind == ConvolutionKind::Depthwise { 1 } else { layer.inputs as usize };
    let layout = Layout::Convolution { outputs: layer.outputs as usize, inputs, taps };
    Slot::new(vec![named(&format!("{}.weight", layer.convolution), &layer.weight_shape())], layout, at)
}

fn affine(layer: &Layer, at: &mut usize) -> Slot {
    let channels = layer.outputs as usize;
    let names = ["weight", "bias"].map(|part| named(&format!("{}.{part}", layer.norm), &[channels]));
    Slot::new(names.to_vec(), Layout::Vectors { length: channels }, at)
}
