// Depthwise 3×3 convolution, strip family:
//   y[b, i, j, c] = activate(Σ_{u,v} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),  s = $STRIDE
//
// x     [batch, in_height, in_width, channels]      zero outside the image; loaded by shaders/lib/layer_input.wgsl
// w     [3, 3, channels]
// bias  [channels]
// y     [batch, out_height, out_width, channels]
// channels is a multiple of $(4 * PARTS). x, w and y are loaded and stored $(4 * PARTS) numbers at a time, and bias, statistics
// and affine four at a time.
//
// One thread computes strip_rows × $COLUMNS pixels of $(4 * PARTS) channels, row by row. It adds every input to the sums as soon
// as it is loaded and does not keep it. The $THREADS threads of a workgroup take consecutive channels first, so that neighbouring
// threads read consecutive memory.
// Cost: 18 flops per output. For $COLUMNS vectors that are written, $(((COLUMNS - 1) * STRIDE + 3) * STRIDE) are read. In
// addition, $(3 - STRIDE) rows are read twice per strip.
#import depthwise
#import depthwise_strip

struct Held {
    #for p in 0..PARTS
    by_$p: Normalisation,
    #end
    groups: u32,
    // Positions of the columns within a row.
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    from_$v: u32,
    #end
}

fn hold(strip: Strip, window: Window, group: u32) -> Held {
    var held: Held;
    held.groups = params.channels / $(4 * PARTS)u;
    #for p in 0..PARTS
    held.by_$p = input_normalisation(group * $(PARTS)u + $(p)u, params.channels / 4u);
    #end
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    held.from_$v = column_at(window, $v) * held.groups + group;
    #end
    return held;
}

fn read_row(window: Window, row: WindowRow, held: Held) -> Row {
    let row_at = row.at * held.groups;
    var result: Row;
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    let value_$v = x[row_at + held.from_$v];
    #for p in 0..PARTS
    let part_of_$(v)_$p = layer_input(part_$p(value_$v), held.by_$p);
    result.of_$(v)_$p = select(vec4<f32>(), part_of_$(v)_$p, row.inside & window.inside_$v);
    #end
    #end
    return result;
}

fn taps(at: u32) -> Taps {
    let weights = w[at];
    var result: Taps;
    #for p in 0..PARTS
    result.of_$p = part_$p(weights);
    #end
    return result;
}

#entry $THREADS {
    let groups = params.channels / $(4 * PARTS)u;
    let index = workgroup * $(THREADS)u + thread;
    let strip = strip_at(index / groups, index % groups);
    if (strip.image >= params.batch) {
        return;
    }
    convolve(strip);
}
