// Pointwise convolution, subgroup family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations, NHWC seen as rows of channels
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only where params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; every array is read as vec4.
//
// One workgroup is one subgroup of $LANES lanes and computes $(LANES * ROWS) rows × $COLUMNS columns, $DEPTH inputs at a time: a lane
// keeps every $(LANES)th of the rows in registers, the lanes load the weights of four k together and broadcast them, so that no weight
// is loaded twice.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $COLUMNS times, w rows / $(LANES * ROWS) times.
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
    let column_tiles = (output_quads + $(COLUMNS / 4 - 1)u) / $(COLUMNS / 4)u;
    let tile = linear_workgroup(workgroup, grid);
    let first_quad = (tile % column_tiles) * $(COLUMNS / 4)u;
    let first_row = (tile / column_tiles) * $(LANES * ROWS)u + lane;
    if ((tile / column_tiles) * $(LANES * ROWS)u >= params.rows) {
        return;
    }

    #for r in 0..ROWS
    let x_at_$r = min(first_row + $(r * LANES)u, params.rows - 1u) * input_quads;
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end
    // Weight vector i of the $COLUMNS that four k need: row i / $(COLUMNS / 4) of w, column quad i % $(COLUMNS / 4).
    #for q in 0..(COLUMNS + LANES - 1) / LANES
    let vector_$q = min($(q * LANES)u + lane, $(COLUMNS - 1)u);
    let quad_of_$q = min(first_quad + vector_$q % $(COLUMNS / 4)u, output_quads - 1u);
    let w_at_$q = column_start(quad_of_$q) + (vector_$q / $(COLUMNS / 4)u) * params.panel_quads;
    #end

    let row_quads = params.panel_quads;
    let last = input_quads - 1u;
    for (var k = 0u; k < input_quads; k += $(DEPTH / 4)u) {
        #for d in 0..DEPTH / 4
        #for q in 0..(COLUMNS + LANES - 1) / LANES
        let w_$(d)_$q = w[w_at_$q + min(k + $(d)u, last) * 4u * row_quads];
        #end
        #for c in 0..COLUMNS / 4
        #for i in 0..4
        let weight_$(d)_$(c)_$i = subgroupBroadcast(w_$(d)_$((i * COLUMNS / 4 + c) / LANES), $((i * COLUMNS / 4 + c) % LANES)u);
        #end
        #end
        #end
        // A row is loaded where its products begin: what keeps their blocks apart where a load is a loop, as on processors, makes the
        // kernel compile in less time. A sum takes all k before the next begins, and stays in a register meanwhile.
        #for r in 0..ROWS
        let x_0_$r = x[x_at_$r + k];
        #for d in 1..DEPTH / 4
        let x_$(d)_$r = select(vec4<f32>(), x[x_at_$r + min(k + $(d)u, last)], k + $(d)u <= last);
        #end
        #for c in 0..COLUMNS / 4
        #for d in 0..DEPTH / 4
        #for i in 0..4
        sum_$(r)_$c += x_$(d)_$r[$i] * weight_$(d)_$(c)_$i;
        #end
        #end
        #end
        #end
    }

    #for v in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let bias_$v = bias[min(first_quad + $(v * LANES)u + lane, output_quads - 1u)];
    #end
    #for c in 0..COLUMNS / 4
    let quad_$c = first_quad + $(c)u;
    let offset_$c = subgroupBroadcast(bias_$(c / LANES), $(c % LANES)u);
    #end
    let ending = ending_of_layer();
    // A loop, as every store that is written out makes the kernel larger and its compilation longer.
    for (var r = 0u; r < $(ROWS)u; r++) {
        #for c in 0..COLUMNS / 4
        var end_$c = sum_0_$c;
        #for s in 1..ROWS
        end_$c = select(end_$c, sum_$(s)_$c, r == $(s)u);
        #end
        if (quad_$c < output_quads) {
            finish(first_row + r * $(LANES)u, quad_$c, end_$c, offset_$c, ending);
        }
        #end
    }
}
