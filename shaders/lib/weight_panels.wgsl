// Weights [inputs, outputs] in panels of params.panel_quads column quads: [outputs / panel, inputs, panel], the last panel whole.
// A matrix that lies row by row is a single panel.

// Where a column quad begins; its weights of the next input lie params.panel_quads further.
fn column_start(quad: u32) -> u32 {
    return (quad / params.panel_quads) * params.panel_quads * params.inputs + quad % params.panel_quads;
}
