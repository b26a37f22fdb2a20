// Pointwise convolution, subgroup family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of $(4 * PARTS); x, w, residual and y are loaded and stored $(4 * PARTS) numbers at a time,
// bias four at a time.
//
// One workgroup is one subgroup of $LANES lanes and computes $(LANES * ROWS) rows × $COLUMNS columns, $(4 * PARTS) inputs at a
// time. A lane keeps every $(LANES)th row in registers. The lanes load the weights of these inputs together and broadcast them,
// so that no weight is loaded twice.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $COLUMNS times, w rows / $(LANES * ROWS) times.
#import pointwise

#entry subgroup {
    let input_groups = params.inputs / $(4 * PARTS)u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(COLUMNS / 4 - 1)u) / $(COLUMNS / 4)u;
    let tile = workgroup;
    let first_quad = (tile % column_tiles) * $(COLUMNS / 4)u;
    let first_row = (tile / column_tiles) * $(LANES * ROWS)u + lane;
    if ((tile / column_tiles) * $(LANES * ROWS)u >= params.rows) {
        return;
    }

    #for r in 0..ROWS
    let x_at_$r = min(first_row + $(r * LANES)u, params.rows - 1u) * input_groups;
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end
    // These vectors of w are loaded for a group of inputs and $COLUMNS columns. Vector i is column group
    // i % $(COLUMNS / 4 / PARTS) of row i / $(COLUMNS / 4 / PARTS).
    #for q in 0..(COLUMNS + LANES - 1) / LANES
    let vector_$q = min($(q * LANES)u + lane, $(COLUMNS - 1)u);
    let quad_of_$q = min(first_quad + vector_$q % $(COLUMNS / 4 / PARTS)u * $(PARTS)u, output_quads - $(PARTS)u);
    let w_at_$q = (column_start(quad_of_$q) + (vector_$q / $(COLUMNS / 4 / PARTS)u) * params.panel_quads) / $(PARTS)u;
    #end

    let row_quads = params.panel_quads;
    for (var k = 0u; k < input_groups; k++) {
        #for q in 0..(COLUMNS + LANES - 1) / LANES
        let w_$q = w[w_at_$q + k * 4u * row_quads];
        #for p in 0..PARTS
        let w_$(q)_$p = part_$p(w_$q);
        #end
        #end
        #for c in 0..COLUMNS / 4
        #for i in 0..4 * PARTS
        let weight_$(c)_$i = subgroupBroadcast(w_$((i * COLUMNS / 4 / PARTS + c / PARTS) / LANES)_$(c % PARTS), $((i * COLUMNS / 4 / PARTS + c / PARTS) % LANES)u);
        #end
        #end
        // Each row is loaded just before its products are computed. Software adapters compile a load to a loop, which ends a
        // block of instructions, and shorter blocks compile faster. All inputs are added to a sum before the next sum begins, so
        // that the sum stays in a register.
        #for r in 0..ROWS
        let x_$r = x[x_at_$r + k];
        #for p in 0..PARTS
        let x_$(r)_$p = part_$p(x_$r);
        #end
        #for c in 0..COLUMNS / 4
        #for i in 0..4 * PARTS
        sum_$(r)_$c += x_$(r)_$(i / 4)[$(i % 4)] * weight_$(c)_$i;
        #end
        #end
        #end
    }

    #for v in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let bias_$v = bias[min(first_quad + $(v * LANES)u + lane, output_quads - 1u)];
    #end
    #for c in 0..COLUMNS / 4
    let offset_$c = subgroupBroadcast(bias_$(c / LANES), $(c % LANES)u);
    #end
    let ending = ending_of_layer();
    // This is a loop because every store in the source makes the kernel larger and slower to compile.
    for (var r = 0u; r < $(ROWS)u; r++) {
        #for c in 0..COLUMNS / 4
        var end_$c = sum_0_$c;
        #for s in 1..ROWS
        end_$c = select(end_$c, sum_$(s)_$c, r == $(s)u);
        #end
        #end
        #for g in 0..COLUMNS / 4 / PARTS
        if (first_quad + $(g * PARTS)u < output_quads) {
            let group_$g = first_quad / $(PARTS)u + $(g)u;
            #if PARTS == 1
            finish(first_row + r * $(LANES)u, group_$g, end_$g, offset_$g, ending);
            #end
            #if PARTS == 2
            finish(first_row + r * $(LANES)u, group_$g, end_$(2 * g), end_$(2 * g + 1), offset_$(2 * g), offset_$(2 * g + 1), ending);
            #end
        }
        #end
    }
}
