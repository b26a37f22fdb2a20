//! The names and layouts that torchvision, timm and Keras give the tensors of MobileNetV2.

use crate::nn::mobilenet_v2::{mobilenet_v2, stage_and_repeat};
use crate::nn::network::{Convolution, ConvolutionKind};
use crate::nn::weights::{InputScaling, PartialConvention, WeightsError, WeightsFile};
use crate::ops::{Activation, Padding};

/// Whose names and layouts the tensors of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// torchvision's `mobilenet_v2`, which are also Lineament's.
    Torchvision,
    /// timm's `mobilenetv2_*`.
    Timm,
    /// Keras' `MobileNetV2` since Keras 2.2, as `layer/variable`.
    Keras,
}

/// Names of the tensors of a convolution with its batch norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LayerNames {
    /// The convolution's weight.
    pub weight: String,
    /// The batch norm's γ, β, running mean and running variance.
    pub norm: [String; 4],
}

impl LayerNames {
    /// Iterates over the five names.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.weight).chain(&self.norm)
    }
}

/// What a convolution does in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Stem,
    Expand,
    Depthwise,
    Project,
    /// The convolution after the blocks.
    Last,
}

fn role(layer: &Convolution) -> Role {
    match (layer.kind, layer.activation) {
        (ConvolutionKind::Stem, _) => Role::Stem,
        (ConvolutionKind::Depthwise, _) => Role::Depthwise,
        (ConvolutionKind::Pointwise, Activation::None) => Role::Project,
        (ConvolutionKind::Pointwise, _) if stage_and_repeat(layer.block).is_none() => Role::Last,
        (ConvolutionKind::Pointwise, _) => Role::Expand,
    }
}

impl Naming {
    /// All namings.
    pub const ALL: [Naming; 3] = [Naming::Torchvision, Naming::Timm, Naming::Keras];

    /// Returns the name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Naming::Torchvision => "torchvision",
            Naming::Timm => "timm",
            Naming::Keras => "Keras",
        }
    }

    /// Returns what the program's MobileNetV2 says of its convention. Keras' networks are trained with one input scaling or
    /// another; the weights do not say which.
    pub fn convention(self) -> PartialConvention {
        let (padding, epsilon, input) = match self {
            Naming::Torchvision | Naming::Timm => (Padding::Symmetric, 1e-5, Some(InputScaling::ImageNetMeanStd)),
            Naming::Keras => (Padding::TensorflowSame, 1e-3, None),
        };
        PartialConvention { padding: Some(padding), epsilon: Some(epsilon), input }
    }

    /// Returns the names of the tensors of a convolution.
    pub(super) fn layer(self, layer: &Convolution) -> LayerNames {
        let torch = |weight: String, norm: String| {
            let norm = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("{norm}.{part}"));
            LayerNames { weight: format!("{weight}.weight"), norm }
        };
        let role = role(layer);
        match self {
            Naming::Torchvision => torch(layer.name.clone(), layer.norm.clone()),
            Naming::Timm => match stage_and_repeat(layer.block) {
                None if role == Role::Stem => torch("conv_stem".into(), "bn1".into()),
                None => torch("conv_head".into(), "bn2".into()),
                Some((stage, repeat)) => {
                    // The first stage does not expand. timm has a class of its own for it, which counts and names differently.
                    let (convolution, norm) = match (stage, role) {
                        (0, Role::Depthwise) => ("conv_dw", "bn1"),
                        (0, _) => ("conv_pw", "bn2"),
                        (_, Role::Expand) => ("conv_pw", "bn1"),
                        (_, Role::Depthwise) => ("conv_dw", "bn2"),
                        _ => ("conv_pwl", "bn3"),
                    };
                    let of = |part: &str| format!("blocks.{stage}.{repeat}.{part}");
                    torch(of(convolution), of(norm))
                }
            },
            Naming::Keras => {
                let block = match layer.block {
                    0 | 1 => "expanded_conv".to_owned(),
                    block => format!("block_{}", block - 1),
                };
                let (convolution, norm, kernel) = match role {
                    Role::Stem => ("Conv1".to_owned(), "bn_Conv1".to_owned(), "kernel"),
                    Role::Last => ("Conv_1".to_owned(), "Conv_1_bn".to_owned(), "kernel"),
                    Role::Expand => (format!("{block}_expand"), format!("{block}_expand_BN"), "kernel"),
                    Role::Depthwise => (format!("{block}_depthwise"), format!("{block}_depthwise_BN"), "depthwise_kernel"),
                    Role::Project => (format!("{block}_project"), format!("{block}_project_BN"), "kernel"),
                };
                let norm = ["gamma", "beta", "moving_mean", "moving_variance"].map(|part| format!("{norm}/{part}"));
                LayerNames { weight: format!("{convolution}/{kernel}"), norm }
            }
        }
    }

    /// Returns the names that the program has given the weight and bias of ImageNet's classifier.
    pub(super) fn classifiers(self) -> &'static [[&'static str; 2]] {
        match self {
            Naming::Torchvision => &[["classifier.1.weight", "classifier.1.bias"]],
            Naming::Timm => &[["classifier.weight", "classifier.bias"]],
            Naming::Keras => &[["Logits/kernel", "Logits/bias"], ["predictions/kernel", "predictions/bias"]],
        }
    }

    /// Returns the name by which this naming knows a tensor. Keras names a variable by its path and adds `:0`; its last two
    /// parts are those of the layer and the variable.
    pub(super) fn normalised(self, name: &str) -> String {
        if self != Naming::Keras {
            return name.to_owned();
        }
        let name = name.strip_suffix(":0").unwrap_or(name);
        let separator = if name.contains('/') { '/' } else { '.' };
        let mut last = name.rsplit(separator);
        match (last.next(), last.next()) {
            (Some(variable), Some(layer)) => format!("{layer}/{variable}"),
            _ => name.to_owned(),
        }
    }

    /// Returns a weight in torchvision's layout with the shape of that layout, from this program's layout. Keras stores HWIO, and
    /// HWC1 for depthwise convolutions; torchvision OIHW and C1HW. Other shapes than those of four dimensions are left alone.
    pub(super) fn to_torch(self, kind: ConvolutionKind, shape: &[usize], values: &[f32]) -> (Vec<usize>, Vec<f32>) {
        let &[height, width, inputs, outputs] = shape else { return (shape.to_vec(), values.to_vec()) };
        if self != Naming::Keras {
            return (shape.to_vec(), values.to_vec());
        }
        // A depthwise kernel holds one output for each input.
        let (outputs, inputs) = if kind == ConvolutionKind::Depthwise { (inputs, outputs) } else { (outputs, inputs) };
        let mut turned = Vec::with_capacity(values.len());
        for output in 0..outputs {
            for input in 0..inputs {
                for tap in 0..height * width {
                    turned.push(match kind {
                        ConvolutionKind::Depthwise => values[(tap * outputs + output) * inputs + input],
                        _ => values[(tap * inputs + input) * outputs + output],
                    });
                }
            }
        }
        (vec![outputs, inputs, height, width], turned)
    }
}

/// Returns whose names most of `names` are, and the prefix before these names. Nothing is returned if none belongs to a
/// convolution of MobileNetV2.
pub(super) fn recognise<'a>(names: &'a [&'a str]) -> Option<(Naming, &'a str)> {
    let network = mobilenet_v2(1.0, Padding::Symmetric, 1e-5);
    let mut best: Option<(usize, Naming, &str)> = None;
    for naming in Naming::ALL {
        let layers: Vec<LayerNames> = network.convolutions().map(|layer| naming.layer(layer)).collect();
        let is_whole = |prefix: &str| prefix.is_empty() || prefix.ends_with('.');
        // Keras' names have no prefix, because only their last two parts are used.
        let before = |name: &'a &str| name.strip_suffix(layers[0].weight.as_str()).filter(|prefix| is_whole(prefix));
        let prefixes = std::iter::once("").chain(names.iter().filter_map(before));
        for prefix in prefixes {
            let known: std::collections::HashSet<String> =
                names.iter().filter_map(|name| Some(naming.normalised(name.strip_prefix(prefix)?))).collect();
            let count = layers.iter().filter(|layer| known.contains(&layer.weight)).count();
            if count > best.map_or(0, |(most, ..)| most) {
                best = Some((count, naming, prefix));
            }
        }
    }
    best.map(|(_, naming, prefix)| (naming, prefix))
}

/// Checks that the tensors of a file do not have names that [`convert`](super::convert) would change.
///
/// # Errors
/// Returns [`WeightsError::ForeignNames`], which says whose names they are, or which prefix they have.
pub(in crate::nn) fn check_names(file: &WeightsFile) -> Result<(), WeightsError> {
    let names = file.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let described = match recognise(&names) {
        None | Some((Naming::Torchvision, "")) => return Ok(()),
        Some((Naming::Torchvision, prefix)) => format!("the prefix '{prefix}' before their names"),
        Some((naming, _)) => format!("{}'s names", naming.name()),
    };
    Err(WeightsError::ForeignNames { path: file.path().to_path_buf(), names: described })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(naming: Naming) -> Vec<String> {
        let network = mobilenet_v2(1.0, Padding::Symmetric, 1e-5);
        network.convolutions().flat_map(|layer| naming.layer(layer).all().cloned().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn each_program_is_recognised_with_and_without_a_prefix() {
        for naming in Naming::ALL {
            let names = names(naming);
            let plain: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(recognise(&plain), Some((naming, "")));
            let unique: std::collections::HashSet<&str> = plain.iter().copied().collect();
            assert_eq!(unique.len(), 260, "{naming:?}");
            let prefixed: Vec<String> = names.iter().map(|name| format!("module.model.{name}")).collect();
            let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
            if naming != Naming::Keras {
                assert_eq!(recognise(&prefixed), Some((naming, "module.model.")));
            }
        }
        assert_eq!(recognise(&["layer1.0.conv1.weight", "fc.weight"]), None);
        // A name that only ends like the first tensor's has no prefix.
        assert_eq!(recognise(&["other_features.0.0.weight"]), None);
    }

    #[test]
    fn names_are_those_that_the_programs_give() {
        let cases = [
            (Naming::Timm, ["conv_stem.weight", "blocks.0.0.conv_pw.weight", "blocks.6.0.bn3.running_var", "bn2.bias"]),
            (
                Naming::Keras,
                ["Conv1/kernel", "expanded_conv_project/kernel", "block_16_project_BN/moving_variance", "Conv_1_bn/beta"],
            ),
            (
                Naming::Torchvision,
                ["features.0.0.weight", "features.1.conv.1.weight", "features.17.conv.3.running_var", "features.18.1.bias"],
            ),
        ];
        for (naming, expected) in cases {
            let names = names(naming);
            // The stem's weight, the first projection, the last block's last variance, and the last β.
            assert_eq!([0, 10, 254, 257].map(|at| names[at].as_str()), expected);
        }
        for path in ["Conv1/kernel:0", "mobilenetv2_1.00_224/Conv1/kernel:0", "Conv1.kernel", "Conv1/Conv1/kernel:0"] {
            assert_eq!(Naming::Keras.normalised(path), "Conv1/kernel");
        }
    }

    #[test]
    fn keras_layouts_are_turned() {
        // HWIO [1, 1, 2, 3]: input i, output o holds 10 i + o.
        let (shape, values) = Naming::Keras.to_torch(ConvolutionKind::Pointwise, &[1, 1, 2, 3], &[0., 1., 2., 10., 11., 12.]);
        assert_eq!((shape, values), (vec![3, 2, 1, 1], vec![0., 10., 1., 11., 2., 12.]));
        // HWC1 [1, 2, 3, 1]: tap t, channel c holds 10 t + c.
        let (shape, values) = Naming::Keras.to_torch(ConvolutionKind::Depthwise, &[1, 2, 3, 1], &[0., 1., 2., 10., 11., 12.]);
        assert_eq!((shape, values), (vec![3, 1, 1, 2], vec![0., 10., 1., 11., 2., 12.]));
    }
}
