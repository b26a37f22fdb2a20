// Pointwise convolution, column family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations, NHWC seen as rows of channels
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only where params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; every array is read as vec4.
//
// One workgroup is one subgroup and computes $ROWS rows × $(4 * LANES) columns: a lane keeps four columns; the lanes load $LANES vectors of a row
// together and hand them round. For as few rows as a dense layer has: no lane multiplies for a row that is not there.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(4 * LANES) times, w rows / $ROWS times.
#import dispatch
#import pointwise

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(LANES - 1)u) / $(LANES)u;
    let tile = linear_workgroup(workgroup, grid);
    let quad = (tile % column_tiles) * $(LANES)u + lane;
    let first_row = (tile / column_tiles) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }

    let w_at = column_start(min(quad, output_quads - 1u));
    let row_quads = params.panel_quads;
    #for r in 0..ROWS
    let x_at_$r = min(first_row + $(r)u, params.rows - 1u) * input_quads;
    var sum_$r = vec4<f32>();
    #end
    for (var first = 0u; first < input_quads; first += $(LANES)u) {
        #for r in 0..ROWS
        let held_$r = x[x_at_$r + min(first + lane, input_quads - 1u)];
        #end
        for (var k = first; k < min(first + $(LANES)u, input_quads); k++) {
            #for i in 0..4
            let w_$i = w[w_at + (k * 4u + $(i)u) * row_quads];
            #end
            #for r in 0..ROWS
            let x_$r = subgroupShuffle(held_$r, k - first);
            #for i in 0..4
            sum_$r += x_$r[$i] * w_$i;
            #end
            #end
        }
    }

    let ending = ending_of_layer();
    if (quad < output_quads) {
        let offset = bias[quad];
        #for r in 0..ROWS
        finish(first_row + $(r)u, quad, sum_$r, offset, ending);
        #end
    }
}
