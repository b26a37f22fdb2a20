// Access to weights [inputs, outputs] that are stored in panels of params.panel_quads column quads. Their order in memory is
// [outputs / panel, inputs, panel], and the last panel is padded. A matrix that is stored row by row is a single panel.

// Returns the position of the first weight of a column quad. The weights of the next input follow
// params.panel_quads later.
fn column_start(quad: u32) -> u32 {
    return (quad / params.panel_quads) * params.panel_quads * params.inputs + quad % params.panel_quads;
}
