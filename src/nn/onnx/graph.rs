//! Builds an ONNX graph from layers.

use super::format::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, Dimension, DimensionProto, FLOAT, GraphProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::nn::Dense;
use crate::nn::backbone::{Backbone, ExportedConvolution};
use crate::nn::network::{Convolution, ConvolutionKind};
use crate::ops::{Activation, Padding};

/// The name of the open dimension.
const BATCH: &str = "batch";

/// A graph that is being built. Values are known by name; layouts are ONNX' (NCHW, OIHW).
#[derive(Debug, Default)]
pub(super) struct Graph {
    graph: GraphProto,
}

impl Graph {
    /// Declares the input \[batch, lengths…\] and returns its name.
    pub fn input(&mut self, name: &str, lengths: &[i64]) -> String {
        self.graph.input.push(value_info(name, lengths));
        name.to_owned()
    }

    /// Makes a value the output \[batch, lengths…\] of the graph.
    pub fn output(&mut self, name: &str, lengths: &[i64], value: String) {
        self.node("Identity", name, vec![value], Vec::new());
        self.graph.output.push(value_info(name, lengths));
    }

    /// Returns the graph.
    pub fn finish(self, name: &str) -> GraphProto {
        GraphProto { name: name.to_owned(), ..self.graph }
    }

    /// Appends the convolutions that run and the global average pool. Returns the features \[batch, channels\].
    pub fn backbone(&mut self, backbone: &Backbone, image: String) -> String {
        let (mut value, mut block, mut block_input) = (image, None, String::new());
        for layer in backbone.exported() {
            if block != Some(layer.convolution.block) {
                (block, block_input) = (Some(layer.convolution.block), value.clone());
            }
            let name = layer.convolution.name.replace(" × ", "_");
            value = self.convolution(&name, &layer, backbone.padding(), value);
            if layer.convolution.residual {
                value = self.node("Add", &format!("{name}.sum"), vec![value, block_input.clone()], Vec::new());
            }
            value = self.activation(&name, layer.convolution.activation, value);
        }
        let pooled = self.node("GlobalAveragePool", "pool", vec![value], Vec::new());
        self.node("Flatten", "pool.flat", vec![pooled], vec![integer("axis", 1)])
    }

    fn convolution(&mut self, name: &str, layer: &ExportedConvolution, padding: Padding, value: String) -> String {
        let Convolution { kind, inputs, stride, .. } = *layer.convolution;
        let shape: Vec<i64> = layer.convolution.weight_shape().iter().map(|&length| length as i64).collect();
        // The input's height and width are multiples of 32, so every convolution with stride 2 sees even sizes.
        let pads = match (kind, padding, stride) {
            (ConvolutionKind::Pointwise, ..) => [0, 0, 0, 0],
            (_, Padding::TensorflowSame, 2) => [0, 0, 1, 1],
            _ => [1, 1, 1, 1],
        };
        let group = if kind == ConvolutionKind::Depthwise { inputs } else { 1 };
        let attributes = vec![
            integers("kernel_shape", &shape[2..]),
            integers("strides", &[i64::from(stride); 2]),
            integers("pads", &pads),
            integer("group", i64::from(group)),
        ];
        let weight = self.tensor(&format!("{name}.weight"), &shape, &layer.weight);
        let bias = self.tensor(&format!("{name}.bias"), &shape[..1], &layer.bias);
        self.node("Conv", name, vec![value, weight, bias], attributes)
    }

    /// Appends a dense layer with its activation.
    pub fn dense(&mut self, name: &str, dense: &Dense, value: String) -> String {
        let shape = [i64::from(dense.inputs), i64::from(dense.outputs)];
        let kernel = self.tensor(&format!("{name}.kernel"), &shape, &dense.kernel);
        let bias = self.tensor(&format!("{name}.bias"), &shape[1..], &dense.bias);
        let value = self.node("Gemm", name, vec![value, kernel, bias], Vec::new());
        self.activation(name, dense.activation, value)
    }

    fn activation(&mut self, name: &str, activation: Activation, value: String) -> String {
        let (operation, limits) = match activation {
            Activation::None => return value,
            Activation::Sigmoid => ("Sigmoid", &[][..]),
            Activation::Relu => ("Relu", &[][..]),
            Activation::Relu6 => ("Clip", &LIMITS[..]),
        };
        let mut inputs = vec![value];
        for (limit, number) in limits {
            if self.graph.initializer.iter().all(|tensor| tensor.name != *limit) {
                self.tensor(limit, &[], &[*number]);
            }
            inputs.push((*limit).to_owned());
        }
        self.node(operation, &format!("{name}.{}", activation.name()), inputs, Vec::new())
    }

    /// Appends a tensor of constants and returns its name.
    fn tensor(&mut self, name: &str, shape: &[i64], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = TensorProto { dims: shape.to_vec(), data_type: FLOAT, name: name.to_owned(), raw_data };
        self.graph.initializer.push(tensor);
        name.to_owned()
    }

    /// Appends an operation and returns the name of its result, which is also its own.
    fn node(&mut self, operation: &str, name: &str, input: Vec<String>, attribute: Vec<AttributeProto>) -> String {
        let (name, op_type) = (name.to_owned(), operation.to_owned());
        self.graph.node.push(NodeProto { input, output: vec![name.clone()], name: name.clone(), op_type, attribute });
        name
    }
}

/// The names and values of the limits of ReLU6.
const LIMITS: [(&str, f32); 2] = [("relu6.least", 0.0), ("relu6.most", 6.0)];

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: value, r#type: ATTRIBUTE_INT, ..AttributeProto::default() }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: ATTRIBUTE_INTS, ..AttributeProto::default() }
}

/// Describes 32-bit floats of the shape \[batch, lengths…\].
fn value_info(name: &str, lengths: &[i64]) -> ValueInfoProto {
    let fixed = lengths.iter().map(|&length| Dimension::Fixed(length));
    let dimensions = std::iter::once(Dimension::Named(BATCH.to_owned())).chain(fixed);
    let dim = dimensions.map(|value| DimensionProto { value: Some(value) }).collect();
    let tensor_type = Some(TensorTypeProto { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }), doc_string: String::new() }
}
