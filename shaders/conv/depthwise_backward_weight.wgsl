// Weight gradient of a depthwise 3×3 convolution:
//   dw[u, v, c] = Σ_{b,i,j} x[b, i·s + u − top, j·s + v − left, c] · gy[b, i, j, c],  s = $STRIDE
//
// x   [batch, in_height, in_width, channels]       zero outside the image; loaded by shaders/lib/layer_input.wgsl
// gy  [batch, out_height, out_width, channels]     gradient of the loss with respect to the output
// dw  [parts, 3, 3, channels]   gy has batch · out_height rows of pixels; part p sums rows p · rows_a_part to
//                               (p + 1) · rows_a_part, and sum_of_parts adds the parts
// channels is a multiple of four; all arrays are read as vec4.
//
// One thread keeps the nine sums of four channels of a part. It walks along a row of gy, keeps the window of x, and loads
// $(3 * STRIDE) new vectors of it per pixel. The 64 threads of a workgroup take consecutive channel quads first.
// Cost per output: 18 flops, one load of gy and $(3 * STRIDE) loads of x.
#import layer_input

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dw: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let rows = params.batch * params.out_height;
    let index = workgroup * 64u + thread;
    let quad = index % quads;
    let part = index / quads;
    let first_row = part * params.rows_a_part;
    if (first_row >= rows) {
        return;
    }
    let end_row = min(first_row + params.rows_a_part, rows);
    let in_width = i32(params.in_width);
    let by = input_normalisation(quad, quads);

    #for t in 0..9
    var sum_$t = vec4<f32>();
    #end
    for (var row = first_row; row < end_row; row++) {
        let in_row = i32(row % params.out_height * $(STRIDE)u) - i32(params.top);
        let image = row / params.out_height * params.in_height;
        #for u in 0..3
        let inside_$u = (in_row + $u >= 0) & (in_row + $u < i32(params.in_height));
        let row_$u = (image + u32(clamp(in_row + $u, 0, i32(params.in_height) - 1))) * params.in_width * quads + quad;
        #end
        var column = -i32(params.left);
        // The columns of the window that the first pixel needs, without those that its own iteration loads.
        #for v in 0..3 - STRIDE
        #for u in 0..3
        var x_$(u)_$v = select(vec4<f32>(), layer_input(x[row_$u + u32(clamp(column + $v, 0, in_width - 1)) * quads], by), inside_$u & (column + $v >= 0) & (column + $v < in_width));
        #end
        #end
        for (var j = 0u; j < params.out_width; j++) {
            let gradient = gy[(row * params.out_width + j) * quads + quad];
            #for v in 3 - STRIDE..3
            let column_$v = u32(clamp(column + $v, 0, in_width - 1)) * quads;
            let column_inside_$v = (column + $v >= 0) & (column + $v < in_width);
            #for u in 0..3
            let x_$(u)_$v = select(vec4<f32>(), layer_input(x[row_$u + column_$v], by), inside_$u & column_inside_$v);
            #end
            #end
            #for u in 0..3
            #for v in 0..3
            sum_$(u * 3 + v) += x_$(u)_$v * gradient;
            #end
            #for v in 0..3 - STRIDE
            x_$(u)_$v = x_$(u)_$(v + STRIDE);
            #end
            #end
            column += $STRIDE;
        }
    }
    #for t in 0..9
    dw[(part * 9u + $(t)u) * quads + quad] = sum_$t;
    #end
}
