// Pointwise convolution, workgroup-memory family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, all but bias hold f16.
//
// One workgroup computes a tile of $(THREAD_ROWS * ROWS) rows × $(THREAD_COLUMNS * COLUMNS) columns. For every $DEPTH inputs it
// copies its part of x and of w to workgroup memory. $(THREAD_ROWS) × $(THREAD_COLUMNS) threads then add the products, each to
// $ROWS × $COLUMNS sums. If $SLICES is more than 1, there are as many groups of such threads, each of which takes its share of the
// $DEPTH inputs, and the sums of the groups are added at the end. If $PREFETCH is 1, a thread loads its part of the next tiles while it
// multiplies. If $HALF is 1, the products and their sums over the inputs of a tile are f16, and these sums are added in f32.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(THREAD_COLUMNS * COLUMNS) times, w rows / $(THREAD_ROWS * ROWS) times.
#import stored
#import pointwise

// A thread stores at [slice][i][row][column] of both, so that its own indices are checked and added up once, and all others are constants.
// Its row of x_tile holds the input quads of its rows one after the other, TC at a time. w_tile holds the column quads of an input
// one after the other.
var<workgroup> x_tile: array<array<array<array<Stored, $THREAD_COLUMNS>, $THREAD_ROWS>, $(ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS)>, $SLICES>;
var<workgroup> w_tile: array<array<array<array<Stored, $THREAD_COLUMNS>, $THREAD_ROWS>, $(COLUMNS / 4 * DEPTH / SLICES / THREAD_ROWS)>, $SLICES>;
#if SLICES > 1
var<workgroup> slice_sums: array<array<array<vec4<f32>, $(THREAD_ROWS * THREAD_COLUMNS)>, $(ROWS * COLUMNS / 4)>, $SLICES>;
#end

#entry $(SLICES * THREAD_ROWS * THREAD_COLUMNS) {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(THREAD_COLUMNS * COLUMNS / 4 - 1)u) / $(THREAD_COLUMNS * COLUMNS / 4)u;
    let tile = workgroup;
    let tile_quad = (tile % column_tiles) * $(THREAD_COLUMNS * COLUMNS / 4)u;
    let tile_row = (tile / column_tiles) * $(THREAD_ROWS * ROWS)u;
    if (tile_row >= params.rows) {
        return;
    }
    let slice = thread / $(THREAD_ROWS * THREAD_COLUMNS)u;
    let of_slice = thread % $(THREAD_ROWS * THREAD_COLUMNS)u;
    let column = of_slice % $(THREAD_COLUMNS)u;
    let row = of_slice / $(THREAD_COLUMNS)u;

    // What the thread loads
    #for i in 0..ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS
    let x_k_$i = slice * $(DEPTH / SLICES / 4)u + ($(i * THREAD_COLUMNS)u + column) % $(DEPTH / SLICES / 4)u;
    let x_row_$i = tile_row + row + ($(i * THREAD_COLUMNS)u + column) / $(DEPTH / SLICES / 4)u * $(THREAD_ROWS)u;
    let x_at_$i = min(x_row_$i, params.rows - 1u) * input_quads + x_k_$i;
    #end
    let load_quad = min(tile_quad + row % $(COLUMNS / 4)u * $(THREAD_COLUMNS)u + column, output_quads - 1u);
    let load_input = slice * $(DEPTH / SLICES)u + row / $(COLUMNS / 4)u;
    var w_at = column_start(load_quad) + load_input * params.panel_quads;

    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end

    #if PREFETCH
    #for i in 0..ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS
    var next_x_$i = select(Stored(), x[x_at_$i], x_k_$i < input_quads);
    #end
    #for i in 0..COLUMNS / 4 * DEPTH / SLICES / THREAD_ROWS
    var next_w_$i = w[w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * params.panel_quads];
    #end
    #end
    for (var k = 0u; k < input_quads; k += $(DEPTH / 4)u) {
        // Weights past the last input are multiplied by zeros.
        #if PREFETCH == 0
        #for i in 0..ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS
        let next_x_$i = select(Stored(), x[x_at_$i + k], x_k_$i + k < input_quads);
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / SLICES / THREAD_ROWS
        let next_w_$i = w[w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * params.panel_quads];
        #end
        #end
        #for i in 0..ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS
        x_tile[slice][$i][row][column] = next_x_$i;
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / SLICES / THREAD_ROWS
        w_tile[slice][$i][row][column] = next_w_$i;
        #end
        w_at += $(DEPTH)u * params.panel_quads;
        workgroupBarrier();
        #if PREFETCH
        #for i in 0..ROWS * DEPTH / SLICES / 4 / THREAD_COLUMNS
        next_x_$i = select(Stored(), x[x_at_$i + k + $(DEPTH / 4)u], x_k_$i + k + $(DEPTH / 4)u < input_quads);
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / SLICES / THREAD_ROWS
        next_w_$i = w[w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * params.panel_quads];
        #end
        #end
        #if HALF
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        var run_$(r)_$c = Stored();
        #end
        #end
        #end
        #for q in 0..DEPTH / SLICES / 4
        #for r in 0..ROWS
        let x_$(q)_$r = x_tile[slice][$((r * (DEPTH / SLICES / 4) + q) / THREAD_COLUMNS)][row][$((r * (DEPTH / SLICES / 4) + q) % THREAD_COLUMNS)];
        #end
        #for j in 4 * q..4 * q + 4
        #for c in 0..COLUMNS / 4
        let w_$(j)_$c = w_tile[slice][$((j * (COLUMNS / 4) + c) / THREAD_ROWS)][$((j * (COLUMNS / 4) + c) % THREAD_ROWS)][column];
        #end
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        #if HALF
        run_$(r)_$c += x_$(q)_$r[$(j % 4)] * w_$(j)_$c;
        #end
        #if HALF == 0
        sum_$(r)_$c += x_$(q)_$r[$(j % 4)] * w_$(j)_$c;
        #end
        #end
        #end
        #end
        #end
        #if HALF
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        sum_$(r)_$c += vec4<f32>(run_$(r)_$c);
        #end
        #end
        #end
        workgroupBarrier();
    }

    #if SLICES > 1
    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    slice_sums[slice][$(r * COLUMNS / 4 + c)][of_slice] = sum_$(r)_$c;
    #end
    #end
    workgroupBarrier();
    #for s in 1..SLICES
    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    sum_$(r)_$c += slice_sums[(slice + $(s)u) % $(SLICES)u][$(r * COLUMNS / 4 + c)][of_slice];
    #end
    #end
    #end
    #end
    let ending = ending_of_layer();
    #for c in 0..COLUMNS / 4
    let quad_$c = tile_quad + column + $(c * THREAD_COLUMNS)u;
    if (quad_$c < output_quads) {
        let offset = bias[quad_$c];
        #for r in 0..ROWS
        finish(tile_row + row + $(r * THREAD_ROWS)u, quad_$c, sum_$(r)_$c, offset, ending);
        #end
    }
    #end
}
