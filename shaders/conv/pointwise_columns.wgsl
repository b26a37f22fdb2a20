// Pointwise convolution, column family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of 8. All arrays except bias are loaded and stored 8 numbers at a time. The kernel needs
// 64-bit integers and subgroups, so it does not run in browsers. pointwise_registers and pointwise_workgroup compute the same in
// standard WGSL.
//
// One workgroup is one subgroup and computes $(8 * LANES) columns of one row. A lane keeps 8 columns. The lanes load $(8 * LANES)
// inputs of the row together and pass them to each other. This family is meant for dense layers with a single row, for which most
// lanes of the subgroup family would have no row.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(8 * LANES) times, and w once for every row.
#import pointwise

#entry subgroup {
    let input_groups = params.inputs / 8u;
    let output_groups = params.outputs / 8u;
    let column_tiles = (output_groups + $(LANES - 1)u) / $(LANES)u;
    let tile = workgroup;
    let group = (tile % column_tiles) * $(LANES)u + lane;
    let row = tile / column_tiles;
    if (row >= params.rows) {
        return;
    }

    let w_at = column_start(min(group, output_groups - 1u) * 2u) / 2u;
    let row_groups = params.panel_quads / 2u;
    let x_at = row * input_groups;
    var sum_0 = vec4<f32>();
    var sum_1 = vec4<f32>();
    for (var first = 0u; first < input_groups; first += $(LANES)u) {
        let held = x[x_at + min(first + lane, input_groups - 1u)];
        let held_0 = part_0(held);
        let held_1 = part_1(held);
        for (var k = first; k < min(first + $(LANES)u, input_groups); k++) {
            let x_0 = subgroupShuffle(held_0, k - first);
            let x_1 = subgroupShuffle(held_1, k - first);
            #for i in 0..8
            let w_$i = w[w_at + (k * 8u + $(i)u) * row_groups];
            sum_0 += x_$(i / 4)[$(i % 4)] * part_0(w_$i);
            sum_1 += x_$(i / 4)[$(i % 4)] * part_1(w_$i);
            #end
        }
    }

    let ending = ending_of_layer();
    if (group < output_groups) {
        finish(row, group, sum_0, sum_1, bias[group * 2u], bias[group * 2u + 1u], ending);
    }
}
