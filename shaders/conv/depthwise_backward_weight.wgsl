// Weight gradient of a depthwise 3×3 convolution:
//   dw[u, v, c] = Σ_{b,i,j} x[b, i·s + u − top, j·s + v − left, c] · gy[b, i, j, c],  s = $STRIDE
//
// x   [batch, in_height, in_width, channels]       zero outside the image; loaded by shaders/lib/layer_input.wgsl
// gy  [batch, out_height, out_width, channels]     gradient of the loss with respect to the output
// dw  [parts, 3, 3, channels]   gy has batch · out_height rows of pixels; part p sums rows p · rows_a_part to
//                               (p + 1) · rows_a_part, and sum_of_parts adds the parts
// channels is a multiple of four; all arrays are read as vec4.
//
// One thread keeps the nine sums of four channels of a part. It walks along $ROWS rows of gy at a time, loads each vector of x once
// and multiplies it with all the gradients of its windows. The last rows of an image may be walked with rows before them, whose
// gradients then count as zeros. Therefore only the first and the last row of x can lie outside the image, which has at least
// $ROWS rows of gradients. The 64 threads of a workgroup take consecutive channel quads first.
// Cost per output: 18 flops, one load of gy and $((ROWS - 1) * STRIDE + 3) × $STRIDE / $ROWS loads of x.
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
    let by = input_normalisation(quad, quads);
    let in_size = params.in_width * quads;
    let out_size = params.out_width * quads;

    #for t in 0..9
    var sum_$t = vec4<f32>();
    #end
    #for m in 0..4 - STRIDE
    #for r in 0..ROWS
    var gy_$(m)_$r = vec4<f32>();
    #end
    #end
    for (var row = first_row; row < end_row;) {
        let image = row / params.out_height;
        let out_row = row - image * params.out_height;
        // The walk covers the rows from `start` and adds those from out_row.
        let start = min(out_row, params.out_height - $(ROWS)u);
        let stop = min(out_row + end_row - row, params.out_height);
        #for r in 0..ROWS
        let added_$r = (start + $(r)u >= out_row) & (start + $(r)u < stop);
        #end
        // Rows and columns above and left of the image wrap round to large numbers.
        let in_row = start * $(STRIDE)u - params.top;
        let first_inside = in_row < params.in_height;
        let last_inside = in_row + $((ROWS - 1) * STRIDE + 2)u < params.in_height;
        // Rows outside the image are loaded from their neighbours, and then replaced with zeros.
        let first_at = select(in_size, 0u, first_inside);
        let last_at = select($((ROWS - 1) * STRIDE + 1)u, $((ROWS - 1) * STRIDE + 2)u, last_inside) * in_size;
        var in_column = 0u - params.left;
        var x_at = (image * params.in_height + in_row) * in_size + in_column * quads + quad;
        var gy_at = (image * params.out_height + start) * out_size + quad;
        for (var column = 0u; column < params.out_width + $(2 / STRIDE)u; column += $(4 - STRIDE)u) {
            #for k in 0..(4 - STRIDE) * STRIDE
            #if k % STRIDE == 0
            if (column + $(k / STRIDE)u < params.out_width) {
                #for r in 0..ROWS
                gy_$(k / STRIDE)_$r = select(vec4<f32>(), gy[gy_at + $(r)u * out_size], added_$r);
                #end
            } else {
                #for r in 0..ROWS
                gy_$(k / STRIDE)_$r = vec4<f32>();
                #end
            }
            gy_at += quads;
            #end
            if (in_column < params.in_width) {
                #for t in 0..(ROWS - 1) * STRIDE + 3
                #if t == 0
                let x_$(k)_$t = select(vec4<f32>(), layer_input(x[x_at + first_at], by), first_inside);
                #end
                #if (t > 0) * (t < (ROWS - 1) * STRIDE + 2)
                let x_$(k)_$t = layer_input(x[x_at + $(t)u * in_size], by);
                #end
                #if t == (ROWS - 1) * STRIDE + 2
                let x_$(k)_$t = select(vec4<f32>(), layer_input(x[x_at + last_at], by), last_inside);
                #end
                #for m in 0..4 - STRIDE
                #for r in 0..ROWS
                #if ((k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) < 3) * (t >= r * STRIDE) * (t < r * STRIDE + 3)
                sum_$((t - r * STRIDE) * 3 + (k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE)) += x_$(k)_$t * gy_$(m)_$r;
                #end
                #end
                #end
                #end
            }
            in_column += 1u;
            x_at += quads;
            #end
        }
        row += start + $(ROWS)u - out_row;
    }
    #for t in 0..9
    dw[(part * 9u + $(t)u) * quads + quad] = sum_$t;
    #end
}
