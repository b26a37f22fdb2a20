// Pointwise convolution, workgroup-memory family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, all but bias hold f16.
//
// One workgroup computes $(THREAD_ROWS * ROWS) rows × $(THREAD_COLUMNS * COLUMNS) columns with $SLICES slices of $THREAD_ROWS × $THREAD_COLUMNS threads. In
// every step, each slice copies its part of x and of w for the next $DEPTH inputs to workgroup memory, and each thread adds the
// products to $ROWS × $COLUMNS sums. The slices share the inputs, and their sums are added at the end: a product with few rows and
// many inputs then needs fewer steps. If $PREFETCH is 1, a thread loads the numbers of the next step while it multiplies.
// If $HALF is 1, the products and their sums over $DEPTH inputs are f16, and these sums are added in f32. A thread then multiplies
// its columns in $PASSES passes, so that fewer f16 sums occupy registers at once.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(THREAD_COLUMNS * COLUMNS) times, w rows / $(THREAD_ROWS * ROWS) times.
#import stored
#import pointwise

// Both tiles have the shape [slice][load][row of the thread][column of the thread]. A thread stores at the same position of both,
// which is checked and computed once, and the positions where it reads differ only in constants. Along a row of x_tile lie the
// $(DEPTH / 4) input quads of the first row of x that the threads of the row need, then those of the second, up to $ROWS. Along a column of
// w_tile lie the $(COLUMNS / 4) column quads of the first input, then those of the second, up to $DEPTH. There is no padding: threads that
// read at once read neighbouring vectors of w_tile, and the same vector of x_tile or few different ones.
var<workgroup> x_tile: array<array<array<array<Stored, $THREAD_COLUMNS>, $THREAD_ROWS>, $(ROWS * DEPTH / 4 / THREAD_COLUMNS)>, $SLICES>;
var<workgroup> w_tile: array<array<array<array<Stored, $THREAD_COLUMNS>, $THREAD_ROWS>, $(COLUMNS / 4 * DEPTH / THREAD_ROWS)>, $SLICES>;
#if SLICES > 1
var<workgroup> slice_sums: array<array<array<vec4<f32>, $(THREAD_ROWS * THREAD_COLUMNS)>, $(ROWS * COLUMNS / 4)>, $(SLICES / 2)>;
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
    let row = of_slice / $(THREAD_COLUMNS)u;
    let column = of_slice % $(THREAD_COLUMNS)u;

    // Where the thread loads. Past the last row or column it loads the last one; the products are not stored.
    #for i in 0..ROWS * DEPTH / 4 / THREAD_COLUMNS
    let place_$i = column + $(i * THREAD_COLUMNS % (DEPTH / 4))u;
    let x_quad_$i = slice * $(DEPTH / 4)u + place_$i % $(DEPTH / 4)u;
    let x_row_$i = tile_row + row + (place_$i / $(DEPTH / 4)u + $(i * THREAD_COLUMNS / (DEPTH / 4))u) * $(THREAD_ROWS)u;
    let x_at_$i = min(x_row_$i, params.rows - 1u) * input_quads + x_quad_$i;
    let x_end_$i = max(input_quads, x_quad_$i) - x_quad_$i;
    #end
    let w_quad = min(tile_quad + column + (row % $(COLUMNS / 4)u) * $(THREAD_COLUMNS)u, output_quads - 1u);
    let w_input = slice * $(DEPTH)u + row / $(COLUMNS / 4)u;
    let row_quads = params.panel_quads;
    let w_start = column_start(w_quad);
    let w_last = w_start + (params.inputs - 1u) * row_quads;
    var w_at = w_start + w_input * row_quads;

    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end

    #if PREFETCH
    #for i in 0..ROWS * DEPTH / 4 / THREAD_COLUMNS
    var x_$i = select(Stored(), x[x_at_$i], 0u < x_end_$i);
    #end
    #for i in 0..COLUMNS / 4 * DEPTH / THREAD_ROWS
    var w_$i = w[min(w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * row_quads, w_last)];
    #end
    #end
    for (var k = 0u; k < input_quads; k += $(SLICES * DEPTH / 4)u) {
        // Past the last input, the last weight is multiplied by zeros. What lies behind w need not be finite.
        #if PREFETCH == 0
        #for i in 0..ROWS * DEPTH / 4 / THREAD_COLUMNS
        let x_$i = select(Stored(), x[x_at_$i + k], k < x_end_$i);
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / THREAD_ROWS
        let w_$i = w[min(w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * row_quads, w_last)];
        #end
        #end
        #for i in 0..ROWS * DEPTH / 4 / THREAD_COLUMNS
        x_tile[slice][$i][row][column] = x_$i;
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / THREAD_ROWS
        w_tile[slice][$i][row][column] = w_$i;
        #end
        w_at += $(SLICES * DEPTH)u * row_quads;
        workgroupBarrier();
        #if PREFETCH
        let next = k + $(SLICES * DEPTH / 4)u;
        #for i in 0..ROWS * DEPTH / 4 / THREAD_COLUMNS
        x_$i = select(Stored(), x[x_at_$i + next], next < x_end_$i);
        #end
        #for i in 0..COLUMNS / 4 * DEPTH / THREAD_ROWS
        w_$i = w[min(w_at + $(i * THREAD_ROWS / (COLUMNS / 4))u * row_quads, w_last)];
        #end
        #end
        #for p in 0..PASSES
        #if HALF
        #for r in 0..ROWS
        #for c in p * (COLUMNS / 4 / PASSES)..(p + 1) * (COLUMNS / 4 / PASSES)
        var run_$(r)_$c = Stored();
        #end
        #end
        #end
        #for q in 0..DEPTH / 4
        #for r in 0..ROWS
        let a_$(p)_$(q)_$r = x_tile[slice][$((r * (DEPTH / 4) + q) / THREAD_COLUMNS)][row][$((r * (DEPTH / 4) + q) % THREAD_COLUMNS)];
        #end
        #for j in 4 * q..4 * q + 4
        #for c in p * (COLUMNS / 4 / PASSES)..(p + 1) * (COLUMNS / 4 / PASSES)
        let b_$(j)_$c = w_tile[slice][$((j * (COLUMNS / 4) + c) / THREAD_ROWS)][$((j * (COLUMNS / 4) + c) % THREAD_ROWS)][column];
        #for r in 0..ROWS
        #if HALF
        run_$(r)_$c += a_$(p)_$(q)_$r[$(j % 4)] * b_$(j)_$c;
        #end
        #if HALF == 0
        sum_$(r)_$c += a_$(p)_$(q)_$r[$(j % 4)] * b_$(j)_$c;
        #end
        #end
        #end
        #end
        #end
        #if HALF
        #for r in 0..ROWS
        #for c in p * (COLUMNS / 4 / PASSES)..(p + 1) * (COLUMNS / 4 / PASSES)
        sum_$(r)_$c += vec4<f32>(run_$(r)_$c);
        #end
        #end
        #end
        #end
        workgroupBarrier();
    }

    // The upper half of the slices passes its sums to the lower half, until the first slice has them all.
    #for halving in 0..(SLICES >= 2) + (SLICES >= 4)
    if (slice / $(SLICES / 2 / (halving + 1))u == 1u) {
        #for r in 0..ROWS
        #for c in 0..COLUMNS / 4
        slice_sums[slice % $(SLICES / 2 / (halving + 1))u][$(r * COLUMNS / 4 + c)][of_slice] = sum_$(r)_$c;
        #end
        #end
    }
    workgroupBarrier();
    #for r in 0..ROWS
    #for c in 0..COLUMNS / 4
    sum_$(r)_$c += slice_sums[slice % $(SLICES / 2 / (halving + 1))u][$(r * COLUMNS / 4 + c)][of_slice];
    #end
    #end
    workgroupBarrier();
    #end

    let ending = ending_of_layer();
    #for c in 0..COLUMNS / 4
    let quad_$c = tile_quad + column + $(c * THREAD_COLUMNS)u;
    if ((quad_$c < output_quads) & (slice == 0u)) {
        let offset = bias[quad_$c];
        #for r in 0..ROWS
        finish(tile_row + row + $(r * THREAD_ROWS)u, quad_$c, sum_$(r)_$c, offset, ending);
        #end
    }
    #end
}
