// Pointwise convolution, column family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations, NHWC seen as rows of channels
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only where params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of $(4 * PARTS); all but bias are moved by as many.
//
// One workgroup is one subgroup and computes $ROWS rows × $(4 * PARTS * LANES) columns: a lane keeps $(4 * PARTS) columns; the lanes load
// $(4 * PARTS * LANES) inputs of a row together and hand them round. For as few rows as a dense layer has: no lane multiplies for a row that is not there.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(4 * PARTS * LANES) times, w rows / $ROWS times.
#import pointwise

#entry subgroup {
    let input_groups = params.inputs / $(4 * PARTS)u;
    let output_groups = params.outputs / $(4 * PARTS)u;
    let column_tiles = (output_groups + $(LANES - 1)u) / $(LANES)u;
    let tile = workgroup;
    let group = (tile % column_tiles) * $(LANES)u + lane;
    let first_row = (tile / column_tiles) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }

    let w_at = column_start(min(group, output_groups - 1u) * $(PARTS)u) / $(PARTS)u;
    let row_groups = params.panel_quads / $(PARTS)u;
    #for r in 0..ROWS
    let x_at_$r = min(first_row + $(r)u, params.rows - 1u) * input_groups;
    #for p in 0..PARTS
    var sum_$(r)_$p = vec4<f32>();
    #end
    #end
    for (var first = 0u; first < input_groups; first += $(LANES)u) {
        #for r in 0..ROWS
        let held_$r = x[x_at_$r + min(first + lane, input_groups - 1u)];
        #for p in 0..PARTS
        let held_$(r)_$p = part_$p(held_$r);
        #end
        #end
        for (var k = first; k < min(first + $(LANES)u, input_groups); k++) {
            #for r in 0..ROWS
            #for p in 0..PARTS
            let x_$(r)_$p = subgroupShuffle(held_$(r)_$p, k - first);
            #end
            #end
            #for i in 0..4 * PARTS
            let w_$i = w[w_at + (k * $(4 * PARTS)u + $(i)u) * row_groups];
            #for r in 0..ROWS
            #for p in 0..PARTS
            sum_$(r)_$p += x_$(r)_$(i / 4)[$(i % 4)] * part_$p(w_$i);
            #end
            #end
            #end
        }
    }

    let ending = ending_of_layer();
    if (group < output_groups) {
        #for p in 0..PARTS
        let offset_$p = bias[group * $(PARTS)u + $(p)u];
        #end
        #for r in 0..ROWS
        #if PARTS == 1
        finish(first_row + $(r)u, group, sum_$(r)_0, offset_0, ending);
        #end
        #if PARTS == 2
        finish(first_row + $(r)u, group, sum_$(r)_0, sum_$(r)_1, offset_0, offset_1, ending);
        #end
        #end
    }
}
