// Weight gradient of a dense 3×3 convolution:
//   dw[u, v, c, n] = Σ_{b,i,j} x[b, i·s + u − top, j·s + v − left, c] · gy[b, i, j, n],  s = $STRIDE
//
// x   [batch, in_height, in_width, inputs]        zero outside the image; inputs = 4 for RGB, the fourth channel zero
// gy  [batch, out_height, out_width, outputs]     gradient of the loss with respect to the output
// dw  [parts, 3, 3, inputs, outputs]   gy has batch · out_height rows of pixels; part p sums rows p · rows_a_part to
//                                      (p + 1) · rows_a_part, and sum_of_parts adds the parts
// inputs and outputs are multiples of four; all arrays are read as vec4.
//
// One thread keeps the sums of one row of taps, four inputs and four outputs of a part: twelve vectors. It walks along a row of
// gy, keeps the window of x, and loads $STRIDE new vectors of it per pixel. The 64 threads of a workgroup take consecutive output
// quads first. Cost: 18 · inputs flops per output; gy is read 3 · inputs / 4 times, x outputs / 4 · 3 / s times.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let rows = params.batch * params.out_height;
    let index = workgroup * 64u + thread;
    let output_quad = index % output_quads;
    let input_quad = index / output_quads % input_quads;
    let u = index / (output_quads * input_quads) % 3u;
    let part = index / (output_quads * input_quads * 3u);
    let first_row = part * params.rows_a_part;
    if (first_row >= rows) {
        return;
    }
    let end_row = min(first_row + params.rows_a_part, rows);
    let in_width = i32(params.in_width);

    #for v in 0..3
    #for k in 0..4
    var sum_$(v)_$k = vec4<f32>();
    #end
    #end
    for (var row = first_row; row < end_row; row++) {
        let in_row = i32(row % params.out_height * $(STRIDE)u + u) - i32(params.top);
        if (in_row < 0 || in_row >= i32(params.in_height)) {
            continue;
        }
        let row_at = (row / params.out_height * params.in_height + u32(in_row)) * params.in_width * input_quads + input_quad;
        var column = -i32(params.left);
        // The columns of the window that the first pixel needs, without those that its own iteration loads.
        #for v in 0..3 - STRIDE
        var x_$v = select(vec4<f32>(), x[row_at + u32(clamp(column + $v, 0, in_width - 1)) * input_quads], (column + $v >= 0) & (column + $v < in_width));
        #end
        for (var j = 0u; j < params.out_width; j++) {
            let gradient = gy[(row * params.out_width + j) * output_quads + output_quad];
            #for v in 3 - STRIDE..3
            let inside_$v = (column + $v >= 0) & (column + $v < in_width);
            let x_$v = select(vec4<f32>(), x[row_at + u32(clamp(column + $v, 0, in_width - 1)) * input_quads], inside_$v);
            #end
            #for v in 0..3
            #for k in 0..4
            sum_$(v)_$k += x_$v[$k] * gradient;
            #end
            #end
            #for v in 0..3 - STRIDE
            x_$v = x_$(v + STRIDE);
            #end
            column += $STRIDE;
        }
    }
    #for v in 0..3
    #for k in 0..4
    dw[(((part * 3u + u) * 3u + $(v)u) * params.inputs + input_quad * 4u + $(k)u) * output_quads + output_quad] = sum_$(v)_$k;
    #end
    #end
}
