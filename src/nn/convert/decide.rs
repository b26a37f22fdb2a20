//! Decides what the tensors do not say: the convention, the names of the outputs, and the input size.

use std::collections::{BTreeMap, HashSet};

use super::{ConvertError, ConvertOptions, ConvertedTop, Naming, Source};
use crate::nn::network::Network;
use crate::nn::weights::{Convention, PartialConvention};
use crate::nn::{HEAD_EPSILON, keys};

/// What the tensors do not say.
pub(super) struct Decided {
    /// Padding, the ε of batch norm, and the scaling of the input.
    pub convention: Convention,
    /// Names of the outputs of a head.
    pub attributes: Vec<String>,
    /// Height and width of the input in pixels.
    pub size: u32,
    /// What was concluded from the names of the tensors alone, with the option that overrides each.
    pub assumed: Vec<&'static str>,
}

/// Decides what the tensors do not say.
pub(super) fn decide(
    source: &Source,
    options: &ConvertOptions,
    naming: Naming,
    network: &Network,
    top: ConvertedTop,
) -> Result<Decided, ConvertError> {
    let contradiction = |problem: String| ConvertError::Contradiction { path: source.path.clone(), problem };
    let metadata: BTreeMap<&str, &str> = source.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let epsilon = epsilon(source, network, top).map_err(contradiction)?;
    let stated = stated(&metadata, options).map_err(contradiction)?;
    let of_architecture = PartialConvention { epsilon, ..PartialConvention::default() };
    let known = options.convention.or(stated).or(of_architecture);
    let convention = known.or(naming.convention());
    let parts = [
        ("padding (--padding)", known.padding.is_none()),
        ("the ε of batch norm (--epsilon)", known.epsilon.is_none()),
        ("the scaling of the input (--input)", known.input.is_none()),
    ];
    let assumed = parts.into_iter().filter_map(|(part, is_assumed)| is_assumed.then_some(part)).collect();

    let mut attributes = options.attributes.clone();
    if attributes.is_empty() {
        attributes = metadata.get(keys::ATTRIBUTES).map_or(Vec::new(), |names| names.split(',').map(String::from).collect());
    }
    let outputs = match top {
        ConvertedTop::Head { outputs, .. } => outputs,
        _ => 0,
    };
    let mut missing = Vec::new();
    if convention.input.is_none() {
        missing.push("how the input was scaled in training (state it with --input; the paper's script uses x/255)".to_owned());
    }
    if outputs > 0 && attributes.is_empty() {
        missing.push(format!("what its {outputs} outputs are called (state it with --attributes; the paper's are paper-37)"));
    }
    let PartialConvention { padding: Some(padding), epsilon: Some(epsilon), input: Some(input) } = convention else {
        return Err(ConvertError::Undecided { path: source.path.clone(), missing });
    };
    if !missing.is_empty() {
        return Err(ConvertError::Undecided { path: source.path.clone(), missing });
    }
    if attributes.len() != outputs {
        let problem =
            format!("has {outputs} outputs with names, and {} names were given; correct --attributes", attributes.len());
        return Err(contradiction(problem));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = attributes.iter().find(|name| !seen.insert(name.as_str()) || name.trim().is_empty()) {
        return Err(contradiction(format!("the name '{twice}' is empty or given twice; correct --attributes")));
    }
    let size = size(source, options).map_err(contradiction)?;
    Ok(Decided { convention: Convention { padding, epsilon, input }, attributes, size, assumed })
}

/// Returns the ε that the source states for the batch norms of the convolutions, if it states any. The error says which layer has
/// another one than is supported.
fn epsilon(source: &Source, network: &Network, top: ConvertedTop) -> Result<Option<f32>, String> {
    let epsilons = &source.architecture.epsilons;
    let mut found: Option<(&str, f32)> = None;
    let mut of_backbone = HashSet::new();
    for layer in network.convolutions() {
        let names = Naming::Keras.layer(layer);
        let Some((name, epsilon)) = names.norm[0].split_once('/').and_then(|(norm, _)| epsilons.get_key_value(norm)) else {
            continue;
        };
        of_backbone.insert(name);
        match found {
            Some((first, other)) if other != *epsilon => {
                return Err(format!("'{first}' has the epsilon {other} and '{name}' {epsilon}; one value for all is supported"));
            }
            _ => found = Some((name, *epsilon)),
        }
    }
    let of_head = epsilons.iter().find(|(name, epsilon)| !of_backbone.contains(name) && **epsilon != HEAD_EPSILON);
    match of_head {
        Some((name, epsilon)) if matches!(top, ConvertedTop::Head { .. }) => {
            Err(format!("'{name}' of the head has the epsilon {epsilon}; only {} is supported there", HEAD_EPSILON))
        }
        _ => Ok(found.map(|(_, epsilon)| epsilon)),
    }
}

/// Returns what the header says of the convention. The error names keys whose values are not known and are not overridden by
/// options: what was said must not be replaced by what is usual.
fn stated(metadata: &BTreeMap<&str, &str>, options: &ConvertOptions) -> Result<PartialConvention, String> {
    let (stated, faults) = PartialConvention::parse(metadata);
    let PartialConvention { padding, epsilon, input } = options.convention.or(stated);
    let undecided = [("padding", padding.is_none()), ("bn_eps", epsilon.is_none()), ("input", input.is_none())];
    let unknown = undecided.into_iter().filter(|(key, is_undecided)| *is_undecided && metadata.contains_key(key));
    let named: Vec<&String> =
        unknown.filter_map(|(key, _)| faults.iter().find(|fault| fault.starts_with(&format!("'{key}'")))).collect();
    match named.as_slice() {
        [] => Ok(stated),
        [first, ..] => Err(format!("the header's {first}; state it with --padding, --epsilon or --input")),
    }
}

/// Returns height and width of the input in pixels.
fn size(source: &Source, options: &ConvertOptions) -> Result<u32, String> {
    let of_header = source.metadata.get(keys::SIZE);
    let stated = options.size.map(|size| size.to_string()).or(of_header.cloned());
    let stated = stated.or(source.architecture.size.map(|size| size.to_string())).unwrap_or_else(|| "224".to_owned());
    let valid = stated.parse().ok().filter(|size: &u32| (32..=1024).contains(size) && size.is_multiple_of(32));
    valid.ok_or_else(|| format!("its input is {stated} pixels; choose a multiple of 32 from 32 to 1024 with --size"))
}
