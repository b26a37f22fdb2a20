// Pointwise convolution, workgroup-memory family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, all but bias hold f16.
//
// One workgroup of $THREADS × $THREADS threads computes $(THREADS * ROWS) rows × $(THREADS * COLUMNS) columns. For every $DEPTH
// inputs it copies its part of x and of w to workgroup memory, and each thread adds the products to $ROWS × $COLUMNS sums.
// If $HALF is 1, the products and their sums over $DEPTH inputs are f16, and these sums are added in f32.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(THREADS * COLUMNS) times, w rows / $(THREADS * ROWS) times.
#import stored
#import pointwise

// x_tile[row][input quad] has one quad of padding per row, which avoids bank conflicts; w_tile[input][column quad].
var<workgroup> x_tile: array<Stored, $(THREADS * ROWS * (DEPTH / 4 + 1))>;
var<workgroup> w_tile: array<Stored, $(DEPTH * THREADS * COLUMNS / 4)>;

#entry $(THREADS * THREADS) {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(THREADS * COLUMNS / 4 - 1)u) / $(THREADS * COLUMNS / 4)u;
    let tile = workgroup;
    let tile_quad = (tile % column_tiles) * $(THREADS * COLUMNS / 4)u;
    let tile_row = (tile / column_tiles) * $(THREADS * ROWS)u;
    if (tile_row >= params.rows) {
        return;
    }
    let column = thread % $(THREADS)u;
    let row = (thread / $(THREADS)u) * $(ROWS)u;

    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end

    for (var k = 0u; k < input_quads; k += $(DEPTH / 4)u) {
        for (var i = thread; i < $(THREADS * ROWS * DEPTH / 4)u; i += $(THREADS * THREADS)u) {
            let tile_k = i % $(DEPTH / 4)u;
            let from_row = tile_row + i / $(DEPTH / 4)u;
            var value = Stored();
            if (from_row < params.rows && k + tile_k < input_quads) {
                value = x[from_row * input_quads + k + tile_k];
            }
            x_tile[(i / $(DEPTH / 4)u) * $(DEPTH / 4 + 1)u + tile_k] = value;
        }
        for (var i = thread; i < $(DEPTH * THREADS * COLUMNS / 4)u; i += $(THREADS * THREADS)u) {
            let from_k = k * 4u + i / $(THREADS * COLUMNS / 4)u;
            let from_quad = tile_quad + i % $(THREADS * COLUMNS / 4)u;
            var value = Stored();
            if (from_k < params.inputs && from_quad < output_quads) {
                value = w[column_start(from_quad) + from_k * params.panel_quads];
            }
            w_tile[i] = value;
        }
        workgroupBarrier();
        #if HALF
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        var run_$(r)_$c = Stored();
        #end
        #end
        #end
        for (var q = 0u; q < $(DEPTH / 4)u; q++) {
            #for r in 0..ROWS
            let x_$r = x_tile[(row + $(r)u) * $(DEPTH / 4 + 1)u + q];
            #end
            #for j in 0..4
            #for c in 0..COLUMNS / 4
            let w_$(j)_$c = w_tile[(q * 4u + $(j)u) * $(THREADS * COLUMNS / 4)u + column + $(c * THREADS)u];
            #for r in 0..ROWS
            #if HALF
            run_$(r)_$c += x_$r[$j] * w_$(j)_$c;
            #end
            #if HALF == 0
            sum_$(r)_$c += x_$r[$j] * w_$(j)_$c;
            #end
            #end
            #end
            #end
        }
        #if HALF
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        sum_$(r)_$c += vec4<f32>(run_$(r)_$c);
        #end
        #end
        #end
        workgroupBarrier();
    }

    let ending = ending_of_layer();
    #for c in 0..COLUMNS / 4
    let quad_$c = tile_quad + column + $(c * THREADS)u;
    if (quad_$c < output_quads) {
        let offset = bias[quad_$c];
        #for r in 0..ROWS
        finish(tile_row + row + $(r)u, quad_$c, sum_$(r)_$c, offset, ending);
        #end
    }
    #end
}
