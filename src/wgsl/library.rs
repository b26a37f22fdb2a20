//! The sources of the kernels and the snippets in `shaders/lib` that kernels can import.
//!
//! They are compiled into the program. [`read_shaders_from`] replaces them by the files of a folder, so that a shader can be
//! edited and tested without building the program again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use super::ShaderError;
use crate::plan::Kernel;

const SNIPPETS: &[(&str, &str)] = &[
    ("activate", include_str!("../../shaders/lib/activate.wgsl")),
    ("activation", include_str!("../../shaders/lib/activation.wgsl")),
    ("batch_norm", include_str!("../../shaders/lib/batch_norm.wgsl")),
    ("depthwise", include_str!("../../shaders/lib/depthwise.wgsl")),
    ("depthwise_strip", include_str!("../../shaders/lib/depthwise_strip.wgsl")),
    ("kmeans_assign", include_str!("../../shaders/lib/kmeans_assign.wgsl")),
    ("kmeans_bits", include_str!("../../shaders/lib/kmeans_bits.wgsl")),
    ("kmeans_tile", include_str!("../../shaders/lib/kmeans_tile.wgsl")),
    ("lane_pairs", include_str!("../../shaders/lib/lane_pairs.wgsl")),
    ("layer_input", include_str!("../../shaders/lib/layer_input.wgsl")),
    ("picture", include_str!("../../shaders/lib/picture.wgsl")),
    ("pointwise", include_str!("../../shaders/lib/pointwise.wgsl")),
    ("random", include_str!("../../shaders/lib/random.wgsl")),
    ("restart_state", include_str!("../../shaders/lib/restart_state.wgsl")),
    ("row_distance", include_str!("../../shaders/lib/row_distance.wgsl")),
    ("row_parts", include_str!("../../shaders/lib/row_parts.wgsl")),
    ("scaled_half", include_str!("../../shaders/lib/scaled_half.wgsl")),
    ("stored", include_str!("../../shaders/lib/stored.wgsl")),
    ("tile_bits", include_str!("../../shaders/lib/tile_bits.wgsl")),
    ("tile_distances", include_str!("../../shaders/lib/tile_distances.wgsl")),
    ("tree_sum", include_str!("../../shaders/lib/tree_sum.wgsl")),
    ("weight_panels", include_str!("../../shaders/lib/weight_panels.wgsl")),
];

/// The sources of a folder, by `GROUP/NAME`, if they replace those in the program.
static REPLACEMENTS: OnceLock<HashMap<String, String>> = OnceLock::new();

/// Replaces the sources of `kernels` and of all snippets by the files of a folder that is laid out like `shaders`. This must
/// happen before a plan is made, and only once.
///
/// # Errors
/// Returns [`ShaderError::Source`] if a file is missing or cannot be read, or if the sources were replaced before.
pub fn read_shaders_from(folder: &Path, kernels: &[&Kernel]) -> Result<(), ShaderError> {
    let names = kernels.iter().map(|kernel| format!("{}/{}", kernel.group, kernel.name));
    let names = names.chain(SNIPPETS.iter().map(|(name, _)| format!("lib/{name}")));
    let read = |name: String| {
        let path = folder.join(format!("{name}.wgsl"));
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| ShaderError::Source { path, reason: error.to_string() })?;
        Ok((name, text))
    };
    let sources = names.map(read).collect::<Result<_, ShaderError>>()?;
    let again = |_| ShaderError::Source { path: folder.to_path_buf(), reason: "the shaders were replaced before".into() };
    REPLACEMENTS.set(sources).map_err(again)
}

/// Returns the source of a kernel before expansion.
pub fn kernel_source(kernel: &Kernel) -> &'static str {
    replacement(kernel.group, kernel.name).unwrap_or(kernel.source)
}

/// Returns the source of the snippet `shaders/lib/NAME.wgsl`, by the name that `#import` gives.
pub fn snippet(name: &str) -> Option<&'static str> {
    let known = SNIPPETS.iter().find(|(known, _)| *known == name).map(|(_, source)| *source);
    replacement("lib", name).or(known)
}

fn replacement(group: &str, name: &str) -> Option<&'static str> {
    REPLACEMENTS.get()?.get(&format!("{group}/{name}")).map(String::as_str)
}
