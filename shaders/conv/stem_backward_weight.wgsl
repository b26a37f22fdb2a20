// Weight gradient of a dense 3×3 convolution:
//   dw[u, v, c, n] = Σ_{b,i,j} x[b, i·s + u − top, j·s + v − left, c] · gy[b, i, j, n],  s = $STRIDE
//
// x   [batch, in_height, in_width, inputs]        zero outside the image; inputs = 4 for RGB, the fourth channel zero
// gy  [batch, out_height, out_width, outputs]     gradient of the loss with respect to the output
// dw  [parts, 3, 3, inputs, outputs]   gy has batch · out_height rows of pixels; part p sums rows p · rows_a_part to
//                                      (p + 1) · rows_a_part, and sum_of_parts adds the parts
// inputs and outputs are multiples of four; all arrays are read as vec4. $INPUTS of four input channels are used: 3 for RGB, where
// the gradients of the fourth are zero.
//
// One thread keeps the sums of one row of taps, $INPUTS inputs and $(4 * QUADS) outputs of a part: $(3 * INPUTS * QUADS) vectors. It
// walks along a row of gy, loads each vector of x once and multiplies it with the gradients of all its windows. All threads are at
// the same column, so tests of columns are the same for all. The 64 threads of a workgroup take consecutive outputs first.
// Cost: 18 · inputs flops per output; gy is read 3 · inputs / 4 times, x outputs / $(4 * QUADS) · 3 / s times.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let output_tiles = (output_quads + $(QUADS - 1)u) / $(QUADS)u;
    let rows = params.batch * params.out_height;
    let index = workgroup * 64u + thread;
    let output_tile = index % output_tiles;
    let input_quad = index / output_tiles % input_quads;
    let u = index / (output_tiles * input_quads) % 3u;
    let part = index / (output_tiles * input_quads * 3u);
    let first_row = part * params.rows_a_part;
    if (first_row >= rows) {
        return;
    }
    let end_row = min(first_row + params.rows_a_part, rows);
    #for n in 0..QUADS
    let quad_$n = min(output_tile * $(QUADS)u + $(n)u, output_quads - 1u);
    #end

    #for v in 0..3
    #for k in 0..INPUTS
    #for n in 0..QUADS
    var sum_$(v)_$(k)_$n = vec4<f32>();
    #end
    #end
    #end
    #for m in 0..4 - STRIDE
    #for n in 0..QUADS
    var gy_$(m)_$n = vec4<f32>();
    #end
    #end
    for (var step = 0u; step < params.rows_a_part; step++) {
        // All threads take the same number of steps. A row that does not exist is replaced with one that does, and counts as zeros.
        let row = min(first_row + step, rows - 1u);
        let image = row / params.out_height;
        // Rows and columns above and left of the image wrap round to large numbers.
        let in_row = (row - image * params.out_height) * $(STRIDE)u + u - params.top;
        let inside = (first_row + step < end_row) & (in_row < params.in_height);
        let x_row = image * params.in_height + select(0u, in_row, inside);
        var in_column = 0u - params.left;
        var x_at = (x_row * params.in_width + in_column) * input_quads + input_quad;
        var gy_at = row * params.out_width * output_quads;
        for (var column = 0u; column < params.out_width + $(2 / STRIDE)u; column += $(4 - STRIDE)u) {
            #for k in 0..(4 - STRIDE) * STRIDE
            #if k % STRIDE == 0
            let counts_$k = column + $(k / STRIDE)u < params.out_width;
            #for n in 0..QUADS
            gy_$(k / STRIDE)_$n = select(vec4<f32>(), gy[gy_at + quad_$n], counts_$k);
            #end
            gy_at += output_quads;
            #end
            let x_$k = select(vec4<f32>(), x[x_at], inside & (in_column < params.in_width));
            #for m in 0..4 - STRIDE
            #if (k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) < 3
            #for i in 0..INPUTS
            #for n in 0..QUADS
            sum_$((k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE))_$(i)_$n += x_$k[$i] * gy_$(m)_$n;
            #end
            #end
            #end
            #end
            in_column += 1u;
            x_at += input_quads;
            #end
        }
    }
    let dw_at = (part * 3u + u) * 3u * params.inputs + input_quad * 4u;
    #for n in 0..QUADS
    if (output_tile * $(QUADS)u + $(n)u < output_quads) {
        #for v in 0..3
        #for k in 0..INPUTS
        dw[(dw_at + $(v)u * params.inputs + $(k)u) * output_quads + quad_$n] = sum_$(v)_$(k)_$n;
        #end
        #if INPUTS == 3
        dw[(dw_at + $(v)u * params.inputs + 3u) * output_quads + quad_$n] = vec4<f32>();
        #end
        #end
    }
    #end
}
