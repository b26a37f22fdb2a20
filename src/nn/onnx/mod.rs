//! Exports a model to ONNX, for ONNX Runtime and other programs that read it.
//!
//! The graph computes what `predict` computes from a normalised image on: convolutions with batch norm folded in, the global
//! average pool, and the layers after it. The size of the batch is left open, and padding is stated in numbers, since programs
//! differ in what they mean by SAME. What else one must know to use the graph is in the metadata.

// The fields are those of `onnx.proto`, which documents them.
#[allow(missing_docs)]
mod format;
mod graph;

use std::collections::BTreeMap;

use format::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use graph::Graph;
use prost::Message;

use super::{IMAGENET_CLASSES, Model, Top, keys};

/// The version of ONNX' operators that exported graphs use. ONNX Runtime knows it since version 1.6 (2020).
pub const OPSET: i64 = 13;

/// The version of the format that goes with [`OPSET`].
const IR_VERSION: i64 = 7;

/// Sources and licences of the shipped weights.
const MANIFEST: &str = include_str!("../../../weights/manifest.json");

/// What part of a model is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The whole model: from images to probabilities or logits.
    Whole,
    /// The convolutions and the pool: from images to features.
    Backbone,
    /// The layers after the pool: from features to probabilities or logits.
    Head,
}

/// An exported model.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The bytes of the ONNX file.
    pub bytes: Vec<u8>,
    /// Name and shape of the input. `batch` is the number of images.
    pub input: (&'static str, String),
    /// Name and shape of the output.
    pub output: (&'static str, String),
    /// Number of operations.
    pub nodes: usize,
    /// The metadata in the file.
    pub metadata: BTreeMap<String, String>,
}

/// Exports a part of a model. Returns nothing if the model has no layers after the pool and these were asked for. The same model
/// always gives the same bytes.
pub fn export(model: &Model, part: Part) -> Option<Exported> {
    if part == Part::Head && matches!(model.top, Top::None) {
        return None;
    }
    let features = i64::from(model.backbone.features());
    let size = i64::from(model.size);
    let mut graph = Graph::default();
    let (input, input_shape) = match part {
        Part::Head => ("features", vec![features]),
        Part::Whole | Part::Backbone => ("image", vec![3, size, size]),
    };
    let mut value = graph.input(input, &input_shape);
    if part != Part::Head {
        value = graph.backbone(&model.backbone, value);
    }
    let head = match &model.top {
        Top::Attributes(head) => head.folded().to_vec(),
        Top::Classifier(dense) => vec![dense.clone()],
        Top::None => Vec::new(),
    };
    let mut output = ("features", features);
    if part != Part::Backbone && !head.is_empty() {
        for (layer, dense) in head.iter().enumerate() {
            value = graph.dense(&format!("dense{}", layer + 1), dense, value);
        }
        let name = if matches!(model.top, Top::Classifier(_)) { "logits" } else { "probabilities" };
        output = (name, i64::from(model.outputs()));
    }
    graph.output(output.0, &[output.1], value);

    let metadata = metadata(model, part, output.0);
    let shape = |lengths: &[i64]| {
        let lengths: Vec<String> = lengths.iter().map(i64::to_string).collect();
        format!("[batch, {}]", lengths.join(", "))
    };
    let graph: GraphProto = graph.finish("mobilenet_v2");
    let nodes = graph.node.len();
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "lineament".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: metadata["model_card"].clone(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
            .collect(),
    };
    let bytes = file.encode_to_vec();
    Some(Exported { bytes, input: (input, shape(&input_shape)), output: (output.0, shape(&[output.1])), nodes, metadata })
}

/// Returns the metadata: how the input is made, what the outputs mean, where the weights come from, and the model card.
fn metadata(model: &Model, part: Part, output: &str) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    let mut add = |key: &str, value: String| drop(metadata.insert(key.to_owned(), value));
    let scaling = model.convention.input.text();
    if part != Part::Head {
        add("input", scaling.to_owned());
        add("input_layout", "float32 [batch, channel, row, column], channels red, green, blue".to_owned());
        add("input_resize", "nearest pixel, as Keras' load_img".to_owned());
        add(keys::SIZE, model.size.to_string());
    }
    match (&model.top, output) {
        (Top::Attributes(_), "probabilities") => add(keys::ATTRIBUTES, model.attributes.join(",")),
        (Top::Classifier(dense), "logits") if dense.outputs as usize == IMAGENET_CLASSES.lines().count() => {
            add("classes", IMAGENET_CLASSES.trim_end().to_owned());
        }
        _ => {}
    }
    let files = model.files.iter().map(|(path, sha256)| {
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        (name, sha256.as_str())
    });
    let files: Vec<(String, &str)> = files.collect();
    add("weights", files.iter().map(|(name, sha256)| format!("{name} (SHA-256 {sha256})")).collect::<Vec<_>>().join(", "));
    add("model_card", model_card(model, part, output, scaling, &files));
    metadata
}

/// Returns a description for people: what the model computes, from what, how its weights came to be, and under which terms.
fn model_card(model: &Model, part: Part, output: &str, scaling: &str, files: &[(String, &str)]) -> String {
    let manifest: serde_json::Value = serde_json::from_str(MANIFEST).unwrap_or_default();
    let mut card = vec![match part {
        Part::Whole => "MobileNetV2 with the layers after it.".to_owned(),
        Part::Backbone => "MobileNetV2 up to its global average pool.".to_owned(),
        Part::Head => "The layers after the global average pool of a MobileNetV2.".to_owned(),
    }];
    if part != Part::Head {
        let size = model.size;
        card.push(format!("The input is an RGB image of {size} × {size} pixels with x from 0 to 255, scaled as {scaling}."));
    }
    card.push(match output {
        "probabilities" => "Each output is the probability of one facial attribute.".to_owned(),
        "logits" => "The outputs are the logits of classes.".to_owned(),
        _ => "The outputs are features.".to_owned(),
    });
    for (name, sha256) in files {
        let entry = manifest["files"].as_array().into_iter().flatten().find(|entry| entry["sha256"] == *sha256);
        card.push(match entry.map(|entry| [&entry["source"], &entry["licence"]].map(|text| text.as_str().unwrap_or_default())) {
            Some([source, licence]) => format!("Weights {name}: {source}. Licence: {licence}."),
            None => format!("Weights {name}: source and licence are those of that file; the exporter does not know them."),
        });
    }
    if output == "probabilities" {
        card.push(
            "The labels are one annotator's view of what a picture shows, and some are matters of taste. Do not use the predictions for \
             anything that affects people."
                .to_owned(),
        );
    }
    card.join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::format::{Dimension, NodeProto};
    use super::*;

    fn model(name: &str) -> Model {
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
        Model::open(&weights.join(name), None).expect("a shipped model")
    }

    fn decoded(exported: &Exported) -> ModelProto {
        ModelProto::decode(exported.bytes.as_slice()).expect("a message")
    }

    fn ints(node: &NodeProto, name: &str) -> Vec<i64> {
        let attribute = node.attribute.iter().find(|attribute| attribute.name == name);
        attribute.expect("an attribute").ints.clone()
    }

    #[test]
    fn padding_is_explicit_the_batch_open_and_every_value_defined_once() {
        let exported = export(&model("mobilenet_v2_celeba.safetensors"), Part::Whole).expect("a graph");
        assert_eq!(exported.input, ("image", "[batch, 3, 128, 128]".to_owned()));
        assert_eq!(exported.output, ("probabilities", "[batch, 37]".to_owned()));
        let file = decoded(&exported);
        assert_eq!((file.opset_import[0].version, file.ir_version), (OPSET, IR_VERSION));
        let graph = file.graph.expect("a graph");
        let batch = |info: &super::format::ValueInfoProto| {
            let shape = info.r#type.as_ref()?.tensor_type.as_ref()?.shape.clone()?;
            shape.dim[0].value.clone()
        };
        for info in [&graph.input[0], &graph.output[0]] {
            assert_eq!(batch(info), Some(Dimension::Named("batch".to_owned())));
        }
        let mut known: std::collections::HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(known.len(), graph.initializer.len());
        known.insert("image");
        for node in &graph.node {
            assert!(node.input.iter().all(|name| known.contains(name.as_str())), "{}", node.name);
            assert!(node.output.iter().all(|name| known.insert(name)), "{}", node.name);
        }
        let convolutions: Vec<&NodeProto> = graph.node.iter().filter(|node| node.op_type == "Conv").collect();
        // The first projection and the second expansion are one layer.
        assert_eq!(convolutions.len(), 51);
        for node in convolutions {
            let right = match (ints(node, "kernel_shape")[0], ints(node, "strides")[0]) {
                (1, _) => [0, 0, 0, 0],
                (_, 1) => [1, 1, 1, 1],
                _ => [0, 0, 1, 1],
            };
            assert_eq!(ints(node, "pads"), right, "{}", node.name);
        }
        assert_eq!(graph.node.iter().filter(|node| node.op_type == "Add").count(), 10);
        assert!(export(&model("mobilenet_v2_celeba.safetensors"), Part::Whole).expect("again") == exported);
    }

    #[test]
    fn the_metadata_say_how_to_use_the_graph_and_under_which_terms() {
        let celeba = model("mobilenet_v2_celeba.safetensors");
        let whole = export(&celeba, Part::Whole).expect("a graph").metadata;
        assert_eq!(whole["attributes"].split(',').count(), 37);
        assert_eq!((whole["input"].as_str(), whole["size"].as_str()), ("RGB x/127.5-1", "128"));
        assert!(whole["model_card"].contains("non-commercial research only"), "{}", whole["model_card"]);
        assert!(whole["model_card"].contains("128 × 128 pixels"));
        let head = export(&celeba, Part::Head).expect("a graph");
        assert_eq!((head.input.0, head.output.0), ("features", "probabilities"));
        assert!(!head.metadata.contains_key("input") && head.metadata.contains_key("attributes"));
        let backbone = export(&celeba, Part::Backbone).expect("a graph");
        assert_eq!((backbone.input.0, backbone.output.0), ("image", "features"));
        assert!(!backbone.metadata.contains_key("attributes"));

        let classes = export(&model("mobilenet_v2_imagenet.safetensors"), Part::Whole).expect("a graph");
        assert_eq!((classes.output.0, classes.metadata["classes"].lines().count()), ("logits", 1000));
        assert!(classes.metadata["model_card"].contains("Apache-2.0"));
        let narrow = "../kernels-tests/golden/models/mobilenet_v2_035_imagenet.safetensors";
        assert!(export(&model(narrow), Part::Head).is_none());
        let narrow = export(&model(narrow), Part::Whole).expect("features");
        assert_eq!(narrow.output, ("features", "[batch, 1280]".to_owned()));
        assert!(narrow.metadata["model_card"].contains("does not know them"));
    }
}
