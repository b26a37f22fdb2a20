use std::collections::BTreeMap;

use super::*;
use crate::nn::network::{Convolution, ConvolutionKind};
use crate::nn::weights::InputScaling;
use crate::nn::{Head, backbone::expected_tensors};

const WIDTH: f32 = 0.35;

fn network() -> Network {
    mobilenet_v2(WIDTH, Padding::Symmetric, 1e-5)
}

fn made_up(name: &str, shape: &[usize]) -> SourceTensor {
    let count: usize = shape.iter().product();
    let values = (0..count).map(|at| ((at * 37 + name.len() * 11) % 101) as f32 / 101.0 + 0.1).collect();
    SourceTensor { name: name.to_owned(), shape: shape.to_vec(), values }
}

fn source(tensors: Vec<SourceTensor>) -> Source {
    let (path, sha256) = ("weights.bin".into(), String::new());
    Source { path, sha256, tensors, metadata: BTreeMap::new(), architecture: Architecture::default() }
}

/// A backbone with torchvision's names and a classifier of three classes.
fn torchvision() -> Vec<SourceTensor> {
    let mut tensors: Vec<SourceTensor> = expected_tensors(&network()).iter().map(|(name, shape)| made_up(name, shape)).collect();
    tensors.extend([made_up("classifier.1.weight", &[3, 1280]), made_up("classifier.1.bias", &[3])]);
    tensors
}

/// Returns values of the shape `[a, b, c, d]` in the order of the axes `order`: axis k of the result is axis `order[k]`.
fn transposed(values: &[f32], shape: [usize; 4], order: [usize; 4]) -> (Vec<usize>, Vec<f32>) {
    let result = order.map(|axis| shape[axis]);
    let mut turned = Vec::new();
    for i in 0..result[0] {
        for j in 0..result[1] {
            for k in 0..result[2] {
                for l in 0..result[3] {
                    let mut at = [0; 4];
                    for (axis, place) in order.into_iter().zip([i, j, k, l]) {
                        at[axis] = place;
                    }
                    turned.push(values[((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]]);
                }
            }
        }
    }
    (result.to_vec(), turned)
}

/// Returns the tensors of [`torchvision`] with the names and layouts of another program.
fn renamed(naming: Naming) -> Vec<SourceTensor> {
    let network = network();
    let convolutions: Vec<Convolution> = network.convolutions().cloned().collect();
    let mut names = BTreeMap::new();
    for layer in &convolutions {
        let (from, to) = (Naming::Torchvision.layer(layer), naming.layer(layer));
        names.insert(from.weight, (to.weight, Some(layer.kind)));
        names.extend(from.norm.into_iter().zip(to.norm.map(|name| (name, None))));
    }
    let [weight, bias] = naming.classifiers()[0];
    names.insert("classifier.1.weight".into(), (weight.into(), None));
    names.insert("classifier.1.bias".into(), (bias.into(), None));
    let rename = |tensor: SourceTensor| {
        let (name, kind) = names[&tensor.name].clone();
        let SourceTensor { mut shape, mut values, .. } = tensor;
        if naming == Naming::Keras {
            if let Some(kind) = kind {
                // OIHW to HWIO, and C1HW to HWC1.
                let order = if kind == ConvolutionKind::Depthwise { [2, 3, 0, 1] } else { [2, 3, 1, 0] };
                let four = [shape[0], shape[1], shape[2], shape[3]];
                (shape, values) = transposed(&values, four, order);
            } else if shape.len() == 2 {
                let (turned, moved) = transposed(&values, [1, 1, shape[0], shape[1]], [0, 1, 3, 2]);
                (shape, values) = (turned[2..].to_vec(), moved);
            }
            return SourceTensor { name: format!("a model/{name}:0"), shape, values };
        }
        SourceTensor { name: format!("module.{name}"), shape, values }
    };
    torchvision().into_iter().map(rename).collect()
}

fn with_input() -> ConvertOptions {
    let convention = PartialConvention { input: Some(InputScaling::ZeroToOne), ..PartialConvention::default() };
    ConvertOptions { convention, ..ConvertOptions::default() }
}

#[test]
fn every_programs_names_and_layouts_give_the_same_tensors() {
    for (naming, padding, epsilon) in [
        (Naming::Torchvision, Padding::Symmetric, 1e-5),
        (Naming::Timm, Padding::Symmetric, 1e-5),
        (Naming::Keras, Padding::TensorflowSame, 1e-3),
    ] {
        let converted = convert(&source(renamed(naming)), &with_input()).expect("a whole network");
        assert_eq!((converted.naming, converted.width, converted.size), (naming, WIDTH, 224));
        assert_eq!(converted.top, ConvertedTop::Classifier { classes: 3 });
        let convention = Convention { padding, epsilon, input: InputScaling::ZeroToOne };
        assert_eq!(converted.convention, convention);
        assert_eq!(converted.assumed, ["padding (--padding)", "the ε of batch norm (--epsilon)"]);
        let right = torchvision();
        assert_eq!(converted.tensors.len(), right.len());
        for (found, right) in converted.tensors.iter().zip(&right) {
            assert_eq!((&found.name, &found.shape), (&right.name, &right.shape), "{naming:?}");
            assert!(found.values == right.values, "{naming:?}: {}", found.name);
        }
    }
}

#[test]
fn what_is_known_comes_from_the_options_then_the_header_then_the_file_then_the_names() {
    let mut read = source(renamed(Naming::Keras));
    let network = network();
    let epsilons = network.convolutions().map(|layer| {
        let norm = Naming::Keras.layer(layer).norm[0].replace("/gamma", "");
        (norm, 1e-4)
    });
    read.architecture = Architecture { size: Some(96), epsilons: epsilons.collect() };
    let found = |read: &Source, options: &ConvertOptions| convert(read, options).expect("a network");
    let converted = found(&read, &with_input());
    assert_eq!((converted.convention.epsilon, converted.size), (1e-4, 96));
    read.metadata.insert("bn_eps".into(), "0.01".into());
    read.metadata.insert("size".into(), "160".into());
    let converted = found(&read, &with_input());
    assert_eq!((converted.convention.epsilon, converted.size), (0.01, 160));
    let mut options = with_input();
    (options.convention.epsilon, options.size) = (Some(0.02), Some(64));
    let converted = found(&read, &options);
    assert_eq!((converted.convention.epsilon, converted.size), (0.02, 64));
    assert_eq!(converted.assumed, ["padding (--padding)"]);

    // What the header says and is not understood is not replaced by what is usual.
    for (key, value) in [("padding", "same"), ("bn_eps", "small"), ("size", "100")] {
        let mut spoilt = read.clone();
        spoilt.metadata.insert(key.into(), value.into());
        let message = convert(&spoilt, &with_input()).expect_err(key).to_string();
        assert!(message.contains(value), "{message}");
    }
    read.metadata.clear();
    read.architecture.epsilons.insert("Conv_1_bn".into(), 1e-5);
    let message = convert(&read, &with_input()).expect_err("two epsilons").to_string();
    assert!(message.contains("'Conv_1_bn' 0.00001; one value"), "{message}");
}

#[test]
fn a_keras_head_is_found_by_its_shapes_and_its_outputs_must_be_named() {
    let mut tensors = renamed(Naming::Keras);
    tensors.truncate(260);
    // Sorted by name, the last dense layer comes before the first.
    let names = ["dense_9", "dense_9", "norm_4", "norm_4", "norm_4", "norm_4", "dense_10", "dense_10"];
    let variables = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"];
    let shapes = Head::shapes([1280, 4, 2]);
    let mut head: Vec<SourceTensor> = names
        .into_iter()
        .zip(variables)
        .zip(&shapes)
        .map(|((layer, variable), shape)| made_up(&format!("{layer}/{variable}:0"), shape))
        .collect();
    head.sort_by(|a, b| a.name.cmp(&b.name));
    tensors.extend(head);
    let mut read = source(tensors);
    let message = convert(&read, &ConvertOptions::default()).expect_err("too little is known").to_string();
    assert!(
        message.contains("--input") && message.contains("2 outputs are called") && message.contains("--attributes"),
        "{message}"
    );

    let options = ConvertOptions { attributes: vec!["Male".into(), "Young".into()], ..with_input() };
    let converted = convert(&read, &options).expect("a network");
    assert_eq!(converted.top, ConvertedTop::Head { hidden: 4, outputs: 2 });
    assert_eq!(converted.attributes, ["Male", "Young"]);
    for (tensor, (name, shape)) in converted.tensors[260..].iter().zip(Head::TENSORS.into_iter().zip(&shapes)) {
        assert_eq!((tensor.name.as_str(), &tensor.shape), (name, shape));
    }
    assert_eq!(converted.metadata()["attributes"], "Male,Young");

    for (attributes, reason) in
        [(vec!["Male"], "2 outputs with names, and 1 names"), (vec!["Male", "Male"], "'Male' is empty or given twice")]
    {
        let options = ConvertOptions { attributes: attributes.into_iter().map(String::from).collect(), ..with_input() };
        let message = convert(&read, &options).expect_err("wrong names").to_string();
        assert!(message.contains(reason), "{message}");
    }
    read.architecture.epsilons.insert("norm_4".into(), 1e-5);
    let message = convert(&read, &options).expect_err("another epsilon").to_string();
    assert!(message.contains("'norm_4' of the head has the epsilon 0.00001"), "{message}");
}

#[test]
fn an_error_names_the_tensors_that_do_not_fit() {
    type Spoil<'a> = &'a dyn Fn(&mut Vec<SourceTensor>);
    let cases: [(&str, Spoil, &[&str]); 6] = [
        (
            "missing",
            &|tensors| tensors.retain(|tensor| !tensor.name.contains("features.3.")),
            &["15 tensors", "'features.3.conv.0.0.weight' is missing", "and 11 more"],
        ),
        ("left over", &|tensors| tensors.push(made_up("extra", &[1])), &["1 tensor does not fit", "'extra' belongs to no layer"]),
        ("shape", &|tensors| tensors[1].shape = vec![4, 4], &["'features.0.1.weight' is [4, 4] where [16] is wanted"]),
        (
            "twice",
            &|tensors| tensors.push(made_up("features.0.0.weight", &[1])),
            &["two tensors are called 'features.0.0.weight'"],
        ),
        (
            "others",
            &|tensors| tensors.iter_mut().for_each(|tensor| tensor.name.insert_str(0, "net_")),
            &["none of its 262 tensors", "'net_features.0.0.weight'", "and 258 more"],
        ),
        ("not finite", &|tensors| tensors[7].values[0] = f32::NAN, &["'features.1.conv.0.1.bias' holds NaN"]),
    ];
    for (name, spoil, parts) in cases {
        let mut tensors = torchvision();
        spoil(&mut tensors);
        let message = convert(&source(tensors), &ConvertOptions::default()).expect_err(name).to_string();
        for part in parts {
            assert!(message.contains(part) && message.contains("weights.bin"), "{name}: {message:?} lacks {part:?}");
        }
    }
}
