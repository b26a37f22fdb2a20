//! Choices of variants that were measured on an adapter, in the place of the shipped ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Activation, DEPTHWISE_BACKWARD_INPUT, DenseBackwardWeight, Depthwise, EXPAND_DEPTHWISE, ExpandDepthwise, Kernel, Padding, Pointwise, Precision,
    RowParts, Stem, Target, Variant, WeightLayout, dense_backward_weight_variants, depthwise_variants, pointwise_variants, stem_variants,
};

/// A kernel and one of its variants.
pub type Choice = (&'static Kernel, &'static Variant);

/// Work for which there are several variants to choose from, on 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Site {
    /// A dense 3×3 convolution of images of `size`.
    Stem {
        /// Images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Channels of the input.
        inputs: u32,
        /// Whether the fourth of four holds zeros.
        rgb: bool,
        /// Channels of the output.
        outputs: u32,
        /// 1 or 2.
        stride: u32,
    },
    /// A depthwise 3×3 convolution.
    Depthwise {
        /// Images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Channels.
        channels: u32,
        /// 1 or 2.
        stride: u32,
    },
    /// A pointwise convolution and the depthwise one after it. Where the winner is a kernel of the depthwise layer alone, the two
    /// run apart.
    Expansion {
        /// Images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Channels of the input.
        inputs: u32,
        /// Channels between the two, and of the output.
        channels: u32,
        /// 1 or 2, of the depthwise layer.
        stride: u32,
    },
    /// The gradient of one by its input.
    DepthwiseBackwardInput {
        /// Images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Channels.
        channels: u32,
        /// 1 or 2.
        stride: u32,
    },
    /// A pointwise convolution, or a dense layer.
    Pointwise {
        /// Batch × height × width.
        rows: u32,
        /// Channels of the input.
        inputs: u32,
        /// Channels of the output.
        outputs: u32,
        /// Order of the weights.
        #[serde(default)]
        layout: WeightLayout,
    },
    /// The gradient of one by its weights.
    DenseBackwardWeight {
        /// Batch × height × width.
        rows: u32,
        /// Rows that are added up in one run.
        rows_a_part: u32,
        /// Channels of the input.
        inputs: u32,
        /// Channels of the output.
        outputs: u32,
    },
}

impl Site {
    /// Every variant that computes it on such an adapter.
    pub fn candidates(self, target: Target) -> Vec<Choice> {
        let runs = |(_, variant): &Choice| variant.lacks(target.capabilities()).is_none();
        let of = |kernel: &'static Kernel| kernel.variants.iter().map(move |variant| (kernel, variant));
        let (padding, activation) = (Padding::TensorflowSame, Activation::None);
        match self {
            Site::Stem { batch, size, inputs, rgb, outputs, stride } => {
                let layer = Stem { batch, size, inputs, rgb, outputs, stride, padding, activation };
                stem_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
            }
            Site::Depthwise { batch, size, channels, stride } => {
                let layer = Depthwise { batch, size, channels, stride, padding, activation };
                depthwise_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
            }
            Site::Expansion { .. } => {
                let layer = expansion_of(self);
                let fused = of(&EXPAND_DEPTHWISE).filter(runs).filter(|(_, variant)| layer.suits(variant));
                fused.chain([target.untuned().depthwise(layer.depthwise)]).collect()
            }
            Site::DepthwiseBackwardInput { stride, .. } => {
                of(&DEPTHWISE_BACKWARD_INPUT).filter(|(_, variant)| variant.constant("STRIDE") == stride).collect()
            }
            Site::Pointwise { rows, inputs, outputs, layout } => {
                let layer = Pointwise { rows, inputs, outputs, layout, activation };
                pointwise_variants(Precision::F32).filter(runs).filter(|(_, variant)| layer.suits(variant)).collect()
            }
            Site::DenseBackwardWeight { .. } => dense_backward_weight_variants().filter(runs).collect(),
        }
    }
}

impl Site {
    /// Every variant that a measurement of it runs: the candidates, and what an expansion takes first where the two run apart.
    pub fn measured(self, target: Target) -> Vec<Choice> {
        let mut choices = self.candidates(target);
        if let Site::Expansion { .. } = self {
            choices.push(target.untuned().pointwise(expand_of(self)));
        }
        choices
    }

    /// The choice where nothing was measured.
    pub fn shipped(self, target: Target) -> Choice {
        let target = target.untuned();
        let (padding, activation) = (Padding::TensorflowSame, Activation::None);
        match self {
            Site::Stem { batch, size, inputs, rgb, outputs, stride } => {
                target.stem(Stem { batch, size, inputs, rgb, outputs, stride, padding, activation })
            }
            Site::Depthwise { batch, size, channels, stride } => {
                target.depthwise(Depthwise { batch, size, channels, stride, padding, activation })
            }
            Site::Expansion { .. } => {
                let layer = expansion_of(self);
                target.expand_depthwise(layer).unwrap_or_else(|| target.depthwise(layer.depthwise))
            }
            Site::DepthwiseBackwardInput { batch, size, channels, stride } => {
                (&DEPTHWISE_BACKWARD_INPUT, target.depthwise_backward_input(Depthwise { batch, size, channels, stride, padding, activation }))
            }
            Site::Pointwise { rows, inputs, outputs, layout } => {
                target.pointwise(Pointwise { rows, inputs, outputs, layout, activation })
            }
            Site::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
                target.dense_backward_weight(DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs })
            }
        }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match *self {
            Site::Stem { batch, size: [height, width], inputs, outputs, stride, .. } => {
                write!(formatter, "stem {batch}x{height}x{width}, {inputs} to {outputs}, stride {stride}")
            }
            Site::Depthwise { batch, size: [height, width], channels, stride } => {
                write!(formatter, "depthwise {batch}x{height}x{width}x{channels}, stride {stride}")
            }
            Site::Expansion { batch, size: [height, width], inputs, channels, stride } => {
                write!(formatter, "expansion {batch}x{height}x{width}x{inputs} to {channels}, stride {stride}")
            }
            Site::DepthwiseBackwardInput { batch, size: [height, width], channels, stride } => {
                write!(formatter, "depthwise dx {batch}x{height}x{width}x{channels}, stride {stride}")
            }
            Site::Pointwise { rows, inputs, outputs, layout } => {
                write!(formatter, "pointwise {rows}x{inputs} to {outputs}, weights in {layout}")
            }
            Site::DenseBackwardWeight { rows, inputs, outputs, .. } => write!(formatter, "dense dw {rows}x{inputs} to {outputs}"),
        }
    }
}

/// The first layer of a site of an expansion, where it runs apart.
pub(crate) fn expand_of(site: Site) -> Pointwise {
    let ExpandDepthwise { inputs, depthwise: Depthwise { batch, size: [height, width], channels: outputs, .. } } =
        expansion_of(site);
    let rows = batch * height * width;
    Pointwise { rows, inputs, outputs, layout: WeightLayout::Panels, activation: Activation::None }
}

/// The layers of a site of an expansion.
pub(crate) fn expansion_of(site: Site) -> ExpandDepthwise {
    let (padding, activation) = (Padding::TensorflowSame, Activation::None);
    let (inputs, batch, size, channels, stride) = match site {
        Site::Expansion { batch, size, inputs, channels, stride } => (inputs, batch, size, channels, stride),
        _ => (0, 0, [0; 2], 0, 1),
    };
    ExpandDepthwise { inputs, depthwise: Depthwise { batch, size, channels, stride, padding, activation } }
}

/// Winners by site; whoever plans asks it through [`Target`].
#[derive(Debug, Default)]
pub struct Tuning {
    winners: HashMap<Site, Choice>,
    /// What was asked for, where that is kept.
    asked: Option<Mutex<BTreeMap<Site, usize>>>,
}

impl Tuning {
    /// Measured winners.
    pub fn new(winners: HashMap<Site, Choice>) -> Tuning {
        Tuning { winners, asked: None }
    }

    /// No winners, but a memory of what plans ask for.
    pub fn listening() -> Tuning {
        Tuning { winners: HashMap::new(), asked: Some(Mutex::default()) }
    }

    /// The winner for a site, if there is one.
    pub fn winner(&self, site: Site) -> Option<Choice> {
        if let Some(asked) = &self.asked {
            *asked.lock().unwrap_or_else(PoisonError::into_inner).entry(site).or_default() += 1;
        }
        self.winners.get(&site).copied()
    }

    /// How many winners there are.
    pub fn len(&self) -> usize {
        self.winners.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.winners.is_empty()
    }

    /// The sites that were asked for since [`Tuning::listening`], in order, and how often each.
    pub fn asked(&self) -> Vec<(Site, usize)> {
        let asked = self.asked.as_ref().map(|asked| asked.lock().unwrap_or_else(PoisonError::into_inner).clone());
        asked.into_iter().flatten().collect()
    }

    /// A hash of the winners: where they change, sums may be added in another order, and so may the last bits of a result.
    pub fn digest(&self) -> String {
        let mut lines: Vec<String> =
            self.winners.iter().map(|(site, (kernel, variant))| format!("{site}: {} {}\n", kernel.name, variant.name)).collect();
        lines.sort();
        Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
