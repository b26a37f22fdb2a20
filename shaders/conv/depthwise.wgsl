// Depthwise 3×3 convolution:
//   y[b, i, j, c] = activate(Σ_{u,v} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),  s = $STRIDE
//
// x     [batch, in_height, in_width, channels]      zero outside the image; loaded by shaders/lib/layer_input.wgsl
// w     [3, 3, channels]
// bias  [channels]
// y     [batch, out_height, out_width, channels]
// channels is a multiple of four; all arrays are read as vec4. If $HALF is 1, x, w and y hold f16. out_width is at least $COLUMNS.
//
// One thread moves down strip_rows rows of $COLUMNS pixels of four channels. It adds every input to the sums of all rows of the
// output that need it, so it loads each input of the strip once. The last strip of a row begins early enough to end at the edge of
// the image. Therefore only the first and the last column of a strip can lie outside the image.
// A workgroup works on one strip of rows, so that tests of rows are the same for all its threads. Its 64 threads take consecutive
// channel quads first, so that neighbouring threads read consecutive memory.
// Cost: 18 flops per output. For $COLUMNS vectors that are written, $(((COLUMNS - 1) * STRIDE + 3) * STRIDE) are read. In
// addition, $(3 - STRIDE) rows are read twice per strip.
#import stored
#import activate
#import depthwise

#entry 64 {
    let quads = params.channels / 4u;
    let strips_down = (params.out_height + params.strip_rows - 1u) / params.strip_rows;
    let strips_across = (params.out_width + $(COLUMNS - 1)u) / $(COLUMNS)u;
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
    let rows = min(params.strip_rows, params.out_height - first_row);
    // The strip computes the columns from out_column and stores those from first_column.
    let first_column = across * $(COLUMNS)u;
    let out_column = min(first_column, params.out_width - $(COLUMNS)u);

    #for t in 0..9
    let w_$t = vec4<f32>(w[$(t)u * quads + quad]);
    #end
    let offset = bias[quad];
    let by = input_normalisation(quad, quads);

    // Rows and columns above and left of the image wrap round to large numbers.
    var in_row = first_row * $(STRIDE)u - params.top;
    let end_row = min(in_row + (rows - 1u) * $(STRIDE)u + 3u, params.in_height);
    let in_column = out_column * $(STRIDE)u - params.left;
    let last_column = in_column + $((COLUMNS - 1) * STRIDE + 2)u;
    let first_inside = in_column < params.in_width;
    let last_inside = last_column < params.in_width;
    // Columns outside the image are loaded from their neighbours, and then replaced with zeros.
    let first_at = select(quads, 0u, first_inside);
    let last_at = select($((COLUMNS - 1) * STRIDE + 1)u, $((COLUMNS - 1) * STRIDE + 2)u, last_inside) * quads;
    let in_size = params.in_width * quads;
    let in_at = in_column * quads + quad;
    let out_size = params.out_width * quads;
    let out_at = out_column * quads + quad;
    var row_at = (image * params.in_height + in_row) * in_size;
    var y_at = (image * params.out_height + first_row) * out_size;

    // Sums of $(3 - STRIDE + 1) rows of the output. Each row of the input is the first, second or third row of their windows.
    #for m in 0..4 - STRIDE
    #for c in 0..COLUMNS
    var sum_$(m)_$c = offset;
    #end
    #end
    for (var row = 0u; row < rows + $(2 / STRIDE)u; row += $(4 - STRIDE)u) {
        #for k in 0..(4 - STRIDE) * STRIDE
        #for m in 0..4 - STRIDE
        #if (k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) == 0
        #for c in 0..COLUMNS
        sum_$(m)_$c = offset;
        #end
        #end
        #end
        if (in_row + $(k)u < end_row) {
            let at_$k = row_at + $(k)u * in_size + in_at;
            #for v in 0..(COLUMNS - 1) * STRIDE + 3
            #if v == 0
            let x_$(k)_$v = select(vec4<f32>(), layer_input(vec4<f32>(x[at_$k + first_at]), by), first_inside);
            #end
            #if (v > 0) * (v < (COLUMNS - 1) * STRIDE + 2)
            let x_$(k)_$v = layer_input(vec4<f32>(x[at_$k + $(v)u * quads]), by);
            #end
            #if v == (COLUMNS - 1) * STRIDE + 2
            let x_$(k)_$v = select(vec4<f32>(), layer_input(vec4<f32>(x[at_$k + last_at]), by), last_inside);
            #end
            #for c in 0..COLUMNS
            #for m in 0..4 - STRIDE
            #if ((k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) < 3) * (v >= c * STRIDE) * (v < c * STRIDE + 3)
            sum_$(m)_$c += x_$(k)_$v * w_$((k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) * 3 + v - c * STRIDE);
            #end
            #end
            #end
            #end
        }
        #for m in 0..4 - STRIDE
        #if (k + (4 - STRIDE - m) * STRIDE) % ((4 - STRIDE) * STRIDE) == 2
        if (row + $(k / STRIDE)u - $(2 / STRIDE)u < rows) {
            let y_row_$k = y_at + out_at;
            #for c in 0..COLUMNS
            #if c < COLUMNS - 1
            if (out_column + $(c)u >= first_column) {
                y[y_row_$k + $(c)u * quads] = Stored(activate(sum_$(m)_$c));
            }
            #end
            #if c == COLUMNS - 1
            y[y_row_$k + $(c)u * quads] = Stored(activate(sum_$(m)_$c));
            #end
            #end
            y_at += out_size;
        }
        #end
        #end
        #end
        in_row += $((4 - STRIDE) * STRIDE)u;
        row_at += $((4 - STRIDE) * STRIDE)u * in_size;
    }
}
