// Dense 3×3 convolution, the network's first layer:
//   y[b, i, j, n] = activate(Σ_{u,v,c} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c, n] + bias[n]),  s = $STRIDE
//
// x     [batch, in_height, in_width, inputs]      zero outside the image; inputs = 4 for RGB, the fourth channel zero
// w     [3, 3, inputs, outputs]
// bias  [outputs]
// y     [batch, out_height, out_width, outputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. If $HALF is 1, x, w and y hold f16. out_width is at least
// $PIXELS. $INPUTS of four input channels are used: 3 for RGB.
//
// A workgroup computes $(8 * QUADS) output channels. It copies their weights for four inputs to workgroup memory. Two threads
// compute the same $PIXELS pixels of a row, each $QUADS of the quads (of four channels) in turn, so that their stores are
// consecutive. The last pixels of a row begin early enough to end at the edge of the image. Therefore only the first and the last
// column that a thread loads can lie outside the image.
// Cost: 18 · inputs flops per output. For each row of taps, a thread loads $((PIXELS - 1) * STRIDE + 3) vectors of x and
// $(3 * INPUTS * QUADS) of w for $(12 * PIXELS * INPUTS * QUADS) multiply-adds.
#import stored
#import activate
#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

// The weights by thread of a pair, row of taps, and then column of taps, input and quad.
var<workgroup> weights: array<array<array<vec4<f32>, $(3 * INPUTS * QUADS)>, 3>, 2>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let output_tiles = (output_quads + $(2 * QUADS - 1)u) / $(2 * QUADS)u;
    let tiles_across = (params.out_width + $(PIXELS - 1)u) / $(PIXELS)u;
    let block = workgroup / output_tiles;
    let first_quad = (workgroup - block * output_tiles) * $(2 * QUADS)u;
    let side = thread % 2u;
    let tile = block * 32u + thread / 2u;
    let row_of_all = tile / tiles_across;
    let image = row_of_all / params.out_height;
    let exists = image < params.batch;
    let out_row = row_of_all - image * params.out_height;
    // A thread computes the pixels from out_column and stores those from first_column.
    let first_column = (tile - row_of_all * tiles_across) * $(PIXELS)u;
    let out_column = min(first_column, params.out_width - $(PIXELS)u);

    // Rows and columns above and left of the image wrap round to large numbers.
    let in_row = out_row * $(STRIDE)u - params.top;
    let in_column = out_column * $(STRIDE)u - params.left;
    let first_inside = in_column < params.in_width;
    let last_inside = in_column + $((PIXELS - 1) * STRIDE + 2)u < params.in_width;
    // Columns outside the image are loaded from their neighbours, and then replaced with zeros.
    let first_at = select(1u, 0u, first_inside) * input_quads;
    let last_at = select($((PIXELS - 1) * STRIDE + 1)u, $((PIXELS - 1) * STRIDE + 2)u, last_inside) * input_quads;
    let in_at = ((image * params.in_height + in_row) * params.in_width + in_column) * input_quads;
    let in_size = params.in_width * input_quads;

    #for n in 0..QUADS
    let quad_$n = first_quad + $(2 * n)u + side;
    let offset_$n = bias[min(quad_$n, output_quads - 1u)];
    #for p in 0..PIXELS
    var sum_$(p)_$n = offset_$n;
    #end
    #end
    for (var c = 0u; c < input_quads; c++) {
        workgroupBarrier();
        for (var at = thread; at < $(9 * INPUTS * 2 * QUADS)u; at += 64u) {
            let tap = at / $(INPUTS * 2 * QUADS)u;
            let input = at / $(2 * QUADS)u % $(INPUTS)u;
            let quad = at % $(2 * QUADS)u;
            let w_at = (tap * params.inputs + c * 4u + input) * output_quads + min(first_quad + quad, output_quads - 1u);
            weights[quad % 2u][tap / 3u][(tap % 3u * $(INPUTS)u + input) * $(QUADS)u + quad / 2u] = vec4<f32>(w[w_at]);
        }
        workgroupBarrier();
        for (var u = 0u; u < 3u; u++) {
            if (exists & (in_row + u < params.in_height)) {
                let at = in_at + u * in_size + c;
                #for v in 0..(PIXELS - 1) * STRIDE + 3
                #if v == 0
                let x_$v = select(vec4<f32>(), vec4<f32>(x[at + first_at]), first_inside);
                #end
                #if (v > 0) * (v < (PIXELS - 1) * STRIDE + 2)
                let x_$v = vec4<f32>(x[at + $(v)u * input_quads]);
                #end
                #if v == (PIXELS - 1) * STRIDE + 2
                let x_$v = select(vec4<f32>(), vec4<f32>(x[at + last_at]), last_inside);
                #end
                #end
                #for v in 0..3
                #for j in 0..INPUTS
                #for n in 0..QUADS
                let w_$(v)_$(j)_$n = weights[side][u][$((v * INPUTS + j) * QUADS + n)];
                #for p in 0..PIXELS
                sum_$(p)_$n += x_$(p * STRIDE + v)[$j] * w_$(v)_$(j)_$n;
                #end
                #end
                #end
                #end
            }
        }
    }

    let out_at = ((image * params.out_height + out_row) * params.out_width + out_column) * output_quads;
    #for p in 0..PIXELS
    if (exists & (out_column + $(p)u >= first_column)) {
        #for n in 0..QUADS
        if (quad_$n < output_quads) {
            y[out_at + $(p)u * output_quads + quad_$n] = Stored(activate(sum_$(p)_$n));
        }
        #end
    }
    #end
}
