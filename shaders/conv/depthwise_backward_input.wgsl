// Input gradient of a depthwise 3×3 convolution:
//   dx[b, r, q, c] = Σ_{u,v} gy[b, (r + top − u) / s, (q + left − v) / s, c] · w[u, v, c],  s = $STRIDE
// The sum runs over the taps (u, v) for which s divides both r + top − u and q + left − v.
//
// gy  [batch, out_height, out_width, channels]   gradient of the loss with respect to the output; zero outside the image
// w   [3, 3, channels]
// dx  [batch, in_height, in_width, channels]
// channels is a multiple of four; all arrays are read as vec4. `in` and `out` are the sizes of the forward pass.
//
// The pixels form blocks of s × s. At stride 2, a block starts where the window of an output starts, so that the same taps meet
// the same pixels in every block. The first blocks may therefore begin outside the image. A row has at least $COLUMNS blocks.
// One thread moves down strip_rows rows of $COLUMNS blocks of four channels. It adds every gradient to the sums of all blocks
// that it reaches, so it loads each gradient once. The last strip of a row begins early enough to end with the last block.
// Therefore only the first and the last column of gradients of a strip can lie outside the image.
// A workgroup works on one strip of rows, so that tests of rows are the same for all its threads. Its 64 threads take consecutive
// channel quads first.
// Cost: 18 / s² flops per pixel. A thread reads $(COLUMNS + 2 / STRIDE) vectors for $(COLUMNS * STRIDE * STRIDE) that it writes.
// In addition, $(2 / STRIDE) rows are read twice per strip.

#params

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let hidden_rows = $(STRIDE - 1)u * params.top;
    let hidden_columns = $(STRIDE - 1)u * params.left;
    let blocks_down = (params.in_height + hidden_rows + $(STRIDE - 1)u) / $(STRIDE)u;
    let blocks_across = (params.in_width + hidden_columns + $(STRIDE - 1)u) / $(STRIDE)u;
    let strips_down = (blocks_down + params.strip_rows - 1u) / params.strip_rows;
    let strips_across = (blocks_across + $(COLUMNS - 1)u) / $(COLUMNS)u;
    let workgroups_across = (strips_across * quads + 63u) / 64u;
    let strip = workgroup / workgroups_across;
    let image = strip / strips_down;
    if (image >= params.batch) {
        return;
    }
    let index = (workgroup - strip * workgroups_across) * 64u + thread;
    if (index >= strips_across * quads) {
        return;
    }
    let across = index / quads;
    let quad = index - across * quads;
    let first_row = (strip - image * strips_down) * params.strip_rows;
    let rows = min(params.strip_rows, blocks_down - first_row);
    // The strip computes the blocks from `column` and stores those from first_column.
    let first_column = across * $(COLUMNS)u;
    let column = min(first_column, blocks_across - $(COLUMNS)u);

    #for t in 0..9
    let w_$t = w[$(t)u * quads + quad];
    #end

    // The first gradients that reach the strip. Rows and columns above and left of the image wrap round to large numbers.
    var out_row = first_row + $(2 - STRIDE)u * params.top - $(2 / STRIDE)u;
    let end_row = min(out_row + rows + $(2 / STRIDE)u, params.out_height);
    let out_column = column + $(2 - STRIDE)u * params.left - $(2 / STRIDE)u;
    let last_column = out_column + $(COLUMNS + 2 / STRIDE - 1)u;
    let first_inside = out_column < params.out_width;
    let last_inside = last_column < params.out_width;
    // Columns outside the image are loaded from their neighbours, and then replaced with zeros.
    let first_at = select(quads, 0u, first_inside);
    let last_at = select($(COLUMNS + 2 / STRIDE - 2)u, $(COLUMNS + 2 / STRIDE - 1)u, last_inside) * quads;
    let out_size = params.out_width * quads;
    let out_at = out_column * quads + quad;
    var gy_at = (image * params.out_height + out_row) * out_size;

    let in_size = params.in_width * quads;
    let in_column = column * $(STRIDE)u - hidden_columns;
    let in_at = in_column * quads + quad;
    var in_row = first_row * $(STRIDE)u - hidden_rows;
    var dx_at = (image * params.in_height + in_row) * in_size;

    // Sums of $(1 + 2 / STRIDE) rows of blocks. Row p of a block needs the taps of row p, p + s, … of the window.
    #for m in 0..1 + 2 / STRIDE
    #for p in 0..STRIDE
    #for c in 0..COLUMNS
    #for q in 0..STRIDE
    var sum_$(m)_$(p)_$(c)_$q = vec4<f32>();
    #end
    #end
    #end
    #end
    for (var row = 0u; row < rows + $(2 / STRIDE)u; row += $(1 + 2 / STRIDE)u) {
        #for k in 0..1 + 2 / STRIDE
        #for p in 0..STRIDE
        #for c in 0..COLUMNS
        #for q in 0..STRIDE
        sum_$((k + (2 - p) / STRIDE) % (1 + 2 / STRIDE))_$(p)_$(c)_$q = vec4<f32>();
        #end
        #end
        #end
        if (out_row + $(k)u < end_row) {
            let at_$k = gy_at + $(k)u * out_size + out_at;
            #for j in 0..COLUMNS + 2 / STRIDE
            #if j == 0
            let gy_$(k)_$j = select(vec4<f32>(), gy[at_$k + first_at], first_inside);
            #end
            #if (j > 0) * (j < COLUMNS + 2 / STRIDE - 1)
            let gy_$(k)_$j = gy[at_$k + $(j)u * quads];
            #end
            #if j == COLUMNS + 2 / STRIDE - 1
            let gy_$(k)_$j = select(vec4<f32>(), gy[at_$k + last_at], last_inside);
            #end
            #for c in 0..COLUMNS
            #for q in 0..STRIDE
            #for d in 0..1 + 2 / STRIDE
            #for p in 0..STRIDE
            #if (d * STRIDE + p < 3) * (c + 2 / STRIDE >= j) * ((c + 2 / STRIDE - j) * STRIDE + q < 3)
            sum_$((k + d) % (1 + 2 / STRIDE))_$(p)_$(c)_$q += gy_$(k)_$j * w_$((d * STRIDE + p) * 3 + (c + 2 / STRIDE - j) * STRIDE + q);
            #end
            #end
            #end
            #end
            #end
            #end
        }
        if (row + $(k)u - $(2 / STRIDE)u < rows) {
            #for p in 0..STRIDE
            if (in_row + $(p)u < params.in_height) {
                let dx_row_$(k)_$p = dx_at + $(p)u * in_size + in_at;
                #for c in 0..COLUMNS
                #if c < COLUMNS - 1
                if (column + $(c)u >= first_column) {
                #end
                #if c == COLUMNS - 1
                {
                #end
                    #for q in 0..STRIDE
                    #if (STRIDE == 2) * ((c == 0) * (q == 0) + (c == COLUMNS - 1) * (q == 1))
                    if (in_column + $(c * STRIDE + q)u < params.in_width) {
                        dx[dx_row_$(k)_$p + $(c * STRIDE + q)u * quads] = sum_$(k)_$(p)_$(c)_$q;
                    }
                    #end
                    #if (STRIDE == 1) + (c > 0) * (q == 0) + (c < COLUMNS - 1) * (q == 1)
                    dx[dx_row_$(k)_$p + $(c * STRIDE + q)u * quads] = sum_$(k)_$(p)_$(c)_$q;
                    #end
                    #end
                }
                #end
            }
            #end
            in_row += $(STRIDE)u;
            dx_at += $(STRIDE)u * in_size;
        }
        #end
        out_row += $(1 + 2 / STRIDE)u;
        gy_at += $(1 + 2 / STRIDE)u * out_size;
    }
}
