// Weights [inputs, outputs], stored in panels of params.panel_quads column quads: [outputs / panel, inputs, panel], with the last panel padded.
// A matrix that is stored row by row is a single panel.

// Returns the position of the first weight of a column quad. The weights of the next input lie params.panel_quads further.
fn column_start(quad: u32) -> u32 {
    return (quad / params.panel_quads) * params.panel_quads * params.inputs + quad % params.panel_quads;
}
