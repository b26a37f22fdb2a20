// Pointwise convolution, register family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4.
//
// One workgroup of 8 × 8 threads computes $(8 * ROWS) rows × $(8 * COLUMNS) columns. A thread keeps $ROWS × $COLUMNS sums in
// registers and reads x and w directly from memory. Neighbouring threads read neighbouring column quads of w and y.
// Cost: 2 · rows · inputs · outputs flops; a thread loads $(ROWS + COLUMNS) vectors for $(4 * ROWS * COLUMNS) multiply-adds.
#import pointwise

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(2 * COLUMNS - 1)u) / $(2 * COLUMNS)u;
    let tile = workgroup;
    // The column quads of a thread lie eight apart, so that a row of threads reads consecutive memory.
    let first_quad = (tile % column_tiles) * $(2 * COLUMNS)u + thread % 8u;
    let first_row = (tile / column_tiles) * $(8 * ROWS)u + (thread / 8u) * $(ROWS)u;
    if (first_row >= params.rows || first_quad >= output_quads) {
        return;
    }

    #for r in 0..ROWS
    let x_at_$r = min(first_row + $(r)u, params.rows - 1u) * input_quads;
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end
    #for c in 0..COLUMNS / 4
    let quad_$c = min(first_quad + $(8 * c)u, output_quads - 1u);
    let w_at_$c = column_start(quad_$c);
    #end

    let row_quads = params.panel_quads;
    for (var k = 0u; k < input_quads; k++) {
        #for r in 0..ROWS
        let x_$r = x[x_at_$r + k];
        #end
        #for j in 0..4
        #for c in 0..COLUMNS / 4
        let w_$(j)_$c = w[w_at_$c + (k * 4u + $(j)u) * row_quads];
        #for r in 0..ROWS
        sum_$(r)_$c += x_$r[$j] * w_$(j)_$c;
        #end
        #end
        #end
    }

    let ending = ending_of_layer();
    #for c in 0..COLUMNS / 4
    if (first_quad + $(8 * c)u < output_quads) {
        let offset = bias[quad_$c];
        #for r in 0..ROWS
        finish(first_row + $(r)u, quad_$c, sum_$(r)_$c, offset, ending);
        #end
    }
    #end
}
