//! Converts the layers after the backbone: ImageNet's classifier or the paper's head.

use super::{ConvertedTensor, Naming, Tensors};
use crate::nn::Head;

/// The layers after the backbone in converted weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvertedTop {
    /// None: the network returns features.
    None,
    /// A dense layer that returns the logits of classes.
    Classifier {
        /// Number of classes.
        classes: usize,
    },
    /// The paper's head.
    Head {
        /// Width of the hidden layer.
        hidden: usize,
        /// Number of attributes.
        outputs: usize,
    },
}

/// Names of the tensors of the paper's head, in the order of [`Head::TENSORS`].
type HeadNames = [String; 8];

/// Converts the layers after a backbone with `features` features, and appends their tensors.
pub(super) fn convert(tensors: &mut Tensors, features: usize, converted: &mut Vec<ConvertedTensor>) -> ConvertedTop {
    for [weight, bias] in tensors.naming.classifiers() {
        if tensors.get(weight).is_some() {
            return classifier(tensors, [weight, bias], features, converted);
        }
    }
    let names = match tensors.naming {
        Naming::Keras => keras_head(tensors, features),
        // Nobody else defines the paper's head, so its tensors have Lineament's names.
        _ => tensors.get(Head::TENSORS[0]).is_some().then(|| Head::TENSORS.map(String::from)),
    };
    let Some(names) = names else { return ConvertedTop::None };
    let length = |name: &str, axis: usize| tensors.get(name).and_then(|tensor| tensor.shape.get(axis)).copied().unwrap_or(0);
    let (hidden, outputs) = (length(&names[0], 1), length(&names[6], 1));
    let shapes = Head::shapes([features, hidden, outputs].map(|size| u32::try_from(size).unwrap_or(u32::MAX)));
    for ((from, to), shape) in names.iter().zip(Head::TENSORS).zip(shapes) {
        if let Some(values) = tensors.take_shaped(from, &shape) {
            converted.push(ConvertedTensor { name: to.to_owned(), shape, values });
        }
    }
    ConvertedTop::Head { hidden, outputs }
}

/// Converts a classifier. Keras stores the matrix as \[features, classes\], torchvision as \[classes, features\].
fn classifier(
    tensors: &mut Tensors,
    [weight, bias]: [&str; 2],
    features: usize,
    converted: &mut Vec<ConvertedTensor>,
) -> ConvertedTop {
    let is_keras = tensors.naming == Naming::Keras;
    let class_axis = usize::from(is_keras);
    let shape = tensors.get(weight).map_or(Vec::new(), |tensor| tensor.shape.clone());
    let classes = shape.get(class_axis).copied().unwrap_or(0);
    let wanted = if is_keras { [features, classes] } else { [classes, features] };
    let [to_weight, to_bias] = Naming::Torchvision.classifiers()[0];
    if let Some(mut values) = tensors.take_shaped(weight, &wanted) {
        if is_keras {
            values = (0..values.len()).map(|at| values[at % features * classes + at / features]).collect();
        }
        converted.push(ConvertedTensor { name: to_weight.to_owned(), shape: vec![classes, features], values });
    }
    if let Some(values) = tensors.take_shaped(bias, &[classes]) {
        converted.push(ConvertedTensor { name: to_bias.to_owned(), shape: vec![classes], values });
    }
    ConvertedTop::Classifier { classes }
}

/// Finds the paper's head among the layers that are left: a dense layer, a batch norm and a dense layer, whatever they are
/// called, since Keras numbers such layers as they are made.
fn keras_head(tensors: &Tensors, features: usize) -> Option<HeadNames> {
    let left: Vec<(&str, &str)> = tensors.unused().filter_map(|name| name.split_once('/')).collect();
    let with = |wanted: &str| {
        let layers = left.iter().filter(|(_, variable)| *variable == wanted).map(|(layer, _)| *layer);
        layers.collect::<Vec<_>>()
    };
    let (mut dense, norms) = (with("kernel"), with("gamma"));
    let ([_, _], [norm]) = (dense.as_slice(), norms.as_slice()) else { return None };
    let shape = |layer: &str| tensors.get(&format!("{layer}/kernel")).map_or(&[][..], |tensor| tensor.shape.as_slice());
    let follows = |first: &str, second: &str| matches!((shape(first), shape(second)), ([inputs, hidden], [between, _]) if *inputs == features && hidden == between);
    if !follows(dense[0], dense[1]) && follows(dense[1], dense[0]) {
        dense.reverse();
    }
    let of = |layer: &str, variable: &str| format!("{layer}/{variable}");
    let norm = ["gamma", "beta", "moving_mean", "moving_variance"].map(|variable| of(norm, variable));
    let [gamma, beta, mean, variance] = norm;
    Some([
        of(dense[0], "kernel"),
        of(dense[0], "bias"),
        gamma,
        beta,
        mean,
        variance,
        of(dense[1], "kernel"),
        of(dense[1], "bias"),
    ])
}
