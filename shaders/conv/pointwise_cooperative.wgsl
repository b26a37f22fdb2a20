enable f16;
enable wgpu_cooperative_matrix;
// Pointwise convolution, cooperative-matrix family:  y[m, n] = activate(Σ_k x[m, k] · w[k, n] + bias[n]) + residual[m, n]
// Native only: cooperative matrices, which GPUs multiply in their tensor cores, are an extension of wgpu.
//
// x         [rows, inputs]      activations; NHWC with a row of channels for each pixel
// w         [inputs, outputs]   weights, in panels (lib/weight_panels)
// bias      [outputs]
// residual  [rows, outputs]     read only if params.residual is 1
// y         [rows, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, all but bias hold f16. Otherwise, x is
// multiplied by params.scale, and both operands are rounded to f16 when they are copied to workgroup memory. Products of f16 are
// exact, and their sums are f32.
//
// One workgroup is a single subgroup and computes $(ROWS * SIDE) rows × $(COLUMNS * SIDE) columns. It keeps the sums of
// $ROWS × $COLUMNS matrices of $SIDE × $SIDE. In every step, it copies x and w for the next $DEPTH inputs to workgroup memory.
// If its subgroups are smaller than $LANES threads, all of them compute the same sums.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(COLUMNS * SIDE) times, w rows / $(ROWS * SIDE) times.
#import stored
#import pointwise

// Rows of both tiles are one vector longer than necessary, so that threads that load a column use different memory banks.
var<workgroup> x_tile: array<Half, $(ROWS * SIDE * (DEPTH / 4 + 1))>;
var<workgroup> w_tile: array<Half, $(DEPTH * (COLUMNS * SIDE / 4 + 1))>;
var<workgroup> results: array<vec4<f32>, $(SIDE * SIDE / 4)>;

#if HALF
alias Half = vec4<f16>;

fn half_of(numbers: Stored) -> Half {
    return numbers;
}

fn half_of_row(numbers: Stored) -> Half {
    return numbers;
}

fn inverse_scale() -> f32 {
    return 1.0;
}
#end
#if HALF == 0
#import scaled_half

fn half_of(numbers: Stored) -> Half {
    return scaled_half(numbers, 1.0);
}

fn half_of_row(numbers: Stored) -> Half {
    return scaled_half(numbers, params.scale);
}

fn inverse_scale() -> f32 {
    return params.inverse_scale;
}
#end

#entry $LANES {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(COLUMNS * SIDE / 4 - 1)u) / $(COLUMNS * SIDE / 4)u;
    let tile = workgroup;
    let tile_quad = (tile % column_tiles) * $(COLUMNS * SIDE / 4)u;
    let tile_row = (tile / column_tiles) * $(ROWS * SIDE)u;
    if (tile_row >= params.rows) {
        return;
    }

    // Where the thread copies from and to. Past the last row or column it copies the last one; the sums are not stored.
    let x_row = thread / $(DEPTH / 4)u;
    let x_quad = thread % $(DEPTH / 4)u;
    let x_at = (tile_row + x_row) * input_quads + x_quad;
    let x_step = $(LANES * 4 / DEPTH)u * input_quads;
    let x_last = (params.rows - 1u) * input_quads + x_quad;
    let x_to = x_row * $(DEPTH / 4 + 1)u + x_quad;
    let w_quad = thread % $(COLUMNS * SIDE / 4)u;
    let w_input = thread / $(COLUMNS * SIDE / 4)u;
    let row_quads = params.panel_quads;
    let w_start = column_start(min(tile_quad + w_quad, output_quads - 1u));
    let w_last = w_start + (params.inputs - 1u) * row_quads;
    let w_to = w_input * $(COLUMNS * SIDE / 4 + 1)u + w_quad;
    var w_at = w_start + w_input * row_quads;

    #for r in 0..ROWS
    #for c in 0..COLUMNS
    var sum_$(r)_$c = coop_mat$(SIDE)x$SIDE<f32, C>();
    #end
    #end
    for (var k = 0u; k < input_quads; k += $(DEPTH / 4)u) {
        // Past the last input, the last weight is multiplied by zeros. What lies behind w need not be finite.
        let is_input = k + x_quad < input_quads;
        #for i in 0..ROWS * SIDE * DEPTH / 4 / LANES
        x_tile[x_to + $(i * (LANES * 4 / DEPTH) * (DEPTH / 4 + 1))u] =
            select(Half(), half_of_row(x[min(x_at + $(i)u * x_step, x_last) + k]), is_input);
        #end
        #for i in 0..COLUMNS * SIDE / 4 * DEPTH / LANES
        w_tile[w_to + $(i * (LANES / (COLUMNS * SIDE / 4)) * (COLUMNS * SIDE / 4 + 1))u] =
            half_of(w[min(w_at + $(i * (LANES / (COLUMNS * SIDE / 4)))u * row_quads, w_last)]);
        #end
        w_at += $(DEPTH)u * row_quads;
        workgroupBarrier();
        #for d in 0..DEPTH / SIDE
        #for r in 0..ROWS
        let a_$(d)_$r = coopLoadT<coop_mat$(SIDE)x$SIDE<f16, A>>(
            &x_tile[$(r * SIDE * (DEPTH / 4 + 1) + d * SIDE / 4)u], $(DEPTH / 4 + 1)u);
        #end
        #for c in 0..COLUMNS
        let b_$(d)_$c = coopLoadT<coop_mat$(SIDE)x$SIDE<f16, B>>(
            &w_tile[$(d * SIDE * (COLUMNS * SIDE / 4 + 1) + c * SIDE / 4)u], $(COLUMNS * SIDE / 4 + 1)u);
        #for r in 0..ROWS
        sum_$(r)_$c = coopMultiplyAdd(a_$(d)_$r, b_$(d)_$c, sum_$(r)_$c);
        #end
        #end
        #end
        workgroupBarrier();
    }

    // Threads cannot read the numbers of a matrix that they keep together, so they pass them through workgroup memory.
    let ending = ending_of_layer();
    let result_at = 0u;
    let result_quads = $(SIDE / 4)u;
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    coopStoreT(sum_$(r)_$c, &results[result_at], result_quads);
    workgroupBarrier();
    #for i in 0..(SIDE * SIDE / 4 + LANES - 1) / LANES
    {
        let at = thread + $(i * LANES)u;
        let row = tile_row + $(r * SIDE)u + at / $(SIDE / 4)u;
        let quad = tile_quad + $(c * SIDE / 4)u + at % $(SIDE / 4)u;
        if ((at < $(SIDE * SIDE / 4)u) & (quad < output_quads)) {
            finish(row, quad, results[at] * inverse_scale(), bias[quad], ending);
        }
    }
    #end
    workgroupBarrier();
    #end
    #end
}
