//! The snippets in `shaders/lib` that kernels can import.

const SNIPPETS: &[(&str, &str)] = &[
    ("activate", include_str!("../../shaders/lib/activate.wgsl")),
    ("activation", include_str!("../../shaders/lib/activation.wgsl")),
    ("batch_norm", include_str!("../../shaders/lib/batch_norm.wgsl")),
    ("depthwise", include_str!("../../shaders/lib/depthwise.wgsl")),
    ("depthwise_strip", include_str!("../../shaders/lib/depthwise_strip.wgsl")),
    ("kmeans_assign", include_str!("../../shaders/lib/kmeans_assign.wgsl")),
    ("kmeans_bits", include_str!("../../shaders/lib/kmeans_bits.wgsl")),
    ("lane_pairs", include_str!("../../shaders/lib/lane_pairs.wgsl")),
    ("layer_input", include_str!("../../shaders/lib/layer_input.wgsl")),
    ("picture", include_str!("../../shaders/lib/picture.wgsl")),
    ("pointwise", include_str!("../../shaders/lib/pointwise.wgsl")),
    ("random", include_str!("../../shaders/lib/random.wgsl")),
    ("restart_state", include_str!("../../shaders/lib/restart_state.wgsl")),
    ("row_distance", include_str!("../../shaders/lib/row_distance.wgsl")),
    ("row_parts", include_str!("../../shaders/lib/row_parts.wgsl")),
    ("stored", include_str!("../../shaders/lib/stored.wgsl")),
    ("tile_bits", include_str!("../../shaders/lib/tile_bits.wgsl")),
    ("tile_distances", include_str!("../../shaders/lib/tile_distances.wgsl")),
    ("tree_sum", include_str!("../../shaders/lib/tree_sum.wgsl")),
    ("weight_panels", include_str!("../../shaders/lib/weight_panels.wgsl")),
];

/// Returns the source of the snippet `shaders/lib/NAME.wgsl`, by the name that `#import` gives.
pub fn snippet(name: &str) -> Option<&'static str> {
    SNIPPETS.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}
