// Dense 3×3 convolution, the network's first layer:
//   y[b, i, j, n] = activate(Σ_{u,v,c} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c, n] + bias[n]),  s = stride
//
// x     [batch, in_height, in_width, inputs]      zero outside the image; inputs = 4 for RGB, the fourth channel zero
// w     [3, 3, inputs, outputs]
// bias  [outputs]
// y     [batch, out_height, out_width, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, x, w and y hold f16.
//
// One thread computes $OUTPUTS output channels of $PIXELS neighbouring pixels of a row. The 64 threads of a workgroup take the
// output channels of the same pixels first, so that their stores are consecutive.
// Cost: 18 · inputs flops per output; a thread loads $(OUTPUTS) vectors of w for every $(4 * PIXELS * OUTPUTS) multiply-adds.
#import stored
#import activate
#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let output_tiles = (output_quads + $(OUTPUTS / 4 - 1)u) / $(OUTPUTS / 4)u;
    let tiles_across = (params.out_width + $(PIXELS - 1)u) / $(PIXELS)u;
    let index = workgroup * 64u + thread;
    let first_quad = (index % output_tiles) * $(OUTPUTS / 4)u;
    let tile = index / output_tiles;
    let batch = tile / (params.out_height * tiles_across);
    if (batch >= params.batch) {
        return;
    }
    let out_row = tile / tiles_across % params.out_height;
    let out_column = (tile % tiles_across) * $(PIXELS)u;

    #for n in 0..OUTPUTS / 4
    let quad_$n = min(first_quad + $(n)u, output_quads - 1u);
    #for p in 0..PIXELS
    var sum_$(p)_$n = bias[quad_$n];
    #end
    #end

    for (var u = 0u; u < 3u; u++) {
        let in_row = i32(out_row * params.stride + u) - i32(params.top);
        if (in_row < 0 || in_row >= i32(params.in_height)) {
            continue;
        }
        let row = (batch * params.in_height + u32(in_row)) * params.in_width;
        for (var v = 0u; v < 3u; v++) {
            #for p in 0..PIXELS
            let column_$p = i32((out_column + $(p)u) * params.stride + v) - i32(params.left);
            let inside_$p = (column_$p >= 0) & (column_$p < i32(params.in_width));
            let at_$p = (row + u32(clamp(column_$p, 0, i32(params.in_width) - 1))) * input_quads;
            #end
            for (var c = 0u; c < input_quads; c++) {
                let w_at = ((u * 3u + v) * params.inputs + c * 4u) * output_quads;
                #for p in 0..PIXELS
                let x_$p = select(vec4<f32>(), vec4<f32>(x[at_$p + c]), inside_$p);
                #end
                #for j in 0..4
                #for n in 0..OUTPUTS / 4
                let w_$(j)_$n = vec4<f32>(w[w_at + $(j)u * output_quads + quad_$n]);
                #for p in 0..PIXELS
                sum_$(p)_$n += x_$p[$j] * w_$(j)_$n;
                #end
                #end
                #end
            }
        }
    }

    #for p in 0..PIXELS
    if (out_column + $(p)u < params.out_width) {
        #for n in 0..OUTPUTS / 4
        if (first_quad + $(n)u < output_quads) {
            y[((batch * params.out_height + out_row) * params.out_width + out_column + $(p)u) * output_quads + first_quad + $(n)u] = Stored(activate(sum_$(p)_$n));
        }
        #end
    }
    #end
}
