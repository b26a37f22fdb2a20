enable f16;
enable wgpu_cooperative_matrix;
// Weight gradient of a dense layer, cooperative-matrix family:  dw[k, n] = Σ_m x[m, k] · gy[m, n]
// Native only: cooperative matrices, which GPUs multiply in their tensor cores, are an extension of wgpu.
//
// x   [rows, inputs]      the layer's input, loaded by shaders/lib/layer_input.wgsl
// gy  [rows, outputs]     gradient of the loss with respect to the output, before the activation
// dw  [parts, inputs, outputs]   part p sums rows p · rows_a_part to (p + 1) · rows_a_part
// inputs and outputs are multiples of four; all arrays are read as vec4. The operands are rounded to f16 when they are copied to
// workgroup memory, gy after it is multiplied by params.scale. Products of f16 are exact, and their sums are f32.
//
// One workgroup is a single subgroup and computes $(ROWS * SIDE) inputs × $(COLUMNS * SIDE) outputs of a part. It keeps the sums
// of $ROWS × $COLUMNS matrices of $SIDE × $SIDE. In every step, it copies $DEPTH rows of x and gy to workgroup memory. If its
// subgroups are smaller than $LANES threads, all of them compute the same sums.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $(COLUMNS * SIDE) times, gy inputs / $(ROWS * SIDE) times.
#import layer_input
#import scaled_half

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dw: array<vec4<f32>>;

// Rows of both tiles are one vector longer than necessary, so that threads that load a column use different memory banks.
var<workgroup> x_tile: array<Half, $(DEPTH * (ROWS * SIDE / 4 + 1))>;
var<workgroup> gy_tile: array<Half, $(DEPTH * (COLUMNS * SIDE / 4 + 1))>;
var<workgroup> results: array<vec4<f32>, $(SIDE * SIDE / 4)>;

#entry $LANES {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(COLUMNS * SIDE / 4 - 1)u) / $(COLUMNS * SIDE / 4)u;
    let input_tiles = (input_quads + $(ROWS * SIDE / 4 - 1)u) / $(ROWS * SIDE / 4)u;
    let tile = workgroup % (input_tiles * column_tiles);
    let part = workgroup / (input_tiles * column_tiles);
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    let tile_quad = (tile % column_tiles) * $(COLUMNS * SIDE / 4)u;
    let tile_input_quad = (tile / column_tiles) * $(ROWS * SIDE / 4)u;
    if (first_row >= params.rows) {
        return;
    }

    // Where the thread copies from and to. Past the last input or output it copies the last one; the sums are not stored.
    let x_row = thread / $(ROWS * SIDE / 4)u;
    let x_quad = thread % $(ROWS * SIDE / 4)u;
    let input_quad = min(tile_input_quad + x_quad, input_quads - 1u);
    let by = input_normalisation(input_quad, input_quads);
    let gy_row = thread / $(COLUMNS * SIDE / 4)u;
    let gy_quad = thread % $(COLUMNS * SIDE / 4)u;
    let output_quad = min(tile_quad + gy_quad, output_quads - 1u);

    #for r in 0..ROWS
    #for c in 0..COLUMNS
    var sum_$(r)_$c = coop_mat$(SIDE)x$SIDE<f32, C>();
    #end
    #end
    for (var m = first_row; m < end_row; m += $(DEPTH)u) {
        // Past the last row of the part, its last row is multiplied by zeros.
        #for i in 0..ROWS * SIDE / 4 * DEPTH / LANES
        let m_$i = m + x_row + $(i * (LANES / (ROWS * SIDE / 4)))u;
        let x_$i = layer_input(x[min(m_$i, end_row - 1u) * input_quads + input_quad], by);
        x_tile[(x_row + $(i * (LANES / (ROWS * SIDE / 4)))u) * $(ROWS * SIDE / 4 + 1)u + x_quad] =
            select(Half(), scaled_half(x_$i, 1.0), m_$i < end_row);
        #end
        #for i in 0..COLUMNS * SIDE / 4 * DEPTH / LANES
        let gy_$i = gy[min(m + gy_row + $(i * (LANES / (COLUMNS * SIDE / 4)))u, end_row - 1u) * output_quads + output_quad];
        gy_tile[(gy_row + $(i * (LANES / (COLUMNS * SIDE / 4)))u) * $(COLUMNS * SIDE / 4 + 1)u + gy_quad] =
            scaled_half(gy_$i, params.scale);
        #end
        workgroupBarrier();
        #for d in 0..DEPTH / SIDE
        // The rows of the tile of x are the columns of the first operand, because x is transposed.
        #for r in 0..ROWS
        let a_$(d)_$r = coopLoad<coop_mat$(SIDE)x$SIDE<f16, A>>(
            &x_tile[$(d * SIDE * (ROWS * SIDE / 4 + 1) + r * SIDE / 4)u], $(ROWS * SIDE / 4 + 1)u);
        #end
        #for c in 0..COLUMNS
        let b_$(d)_$c = coopLoadT<coop_mat$(SIDE)x$SIDE<f16, B>>(
            &gy_tile[$(d * SIDE * (COLUMNS * SIDE / 4 + 1) + c * SIDE / 4)u], $(COLUMNS * SIDE / 4 + 1)u);
        #for r in 0..ROWS
        sum_$(r)_$c = coopMultiplyAdd(a_$(d)_$r, b_$(d)_$c, sum_$(r)_$c);
        #end
        #end
        #end
        workgroupBarrier();
    }

    // Threads cannot read the numbers of a matrix that they keep together, so they pass them through workgroup memory.
    let result_at = 0u;
    let result_quads = $(SIDE / 4)u;
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    coopStoreT(sum_$(r)_$c, &results[result_at], result_quads);
    workgroupBarrier();
    #for i in 0..(SIDE * SIDE / 4 + LANES - 1) / LANES
    {
        let at = thread + $(i * LANES)u;
        let input = tile_input_quad * 4u + $(r * SIDE)u + at / $(SIDE / 4)u;
        let quad = tile_quad + $(c * SIDE / 4)u + at % $(SIDE / 4)u;
        if ((at < $(SIDE * SIDE / 4)u) & (input < params.inputs) & (quad < output_quads)) {
            dw[(part * params.inputs + input) * output_quads + quad] = results[at] * params.inverse_scale;
        }
    }
    #end
    workgroupBarrier();
    #end
    #end
}
