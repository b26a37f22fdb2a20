// Expansion and depthwise 3×3 convolution of an inverted residual in one kernel:
//     e[b, p, c] = activate(Σ_k x[b, p, k] · w_expand[k, c] + bias_expand[c])      zero outside the image
//     y[b, i, j, c] = activate(Σ_{u,v} e[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),  s = $STRIDE
// The expansion e is the largest tensor of a block. It is never stored, but computed when the window needs it.
//
// x            [batch, in_height, in_width, inputs]
// w_expand     [inputs, channels], in panels (lib/weight_panels)
// bias_expand  [channels]
// w            [3, 3, channels]
// bias         [channels]
// y            [batch, out_height, out_width, channels]
// inputs and channels are multiples of 8, and inputs is at most $(4 * INPUT_QUADS). x, w_expand and y are loaded and stored 8
// numbers at a time, and the others 4 at a time. The kernel needs 64-bit integers and subgroups, so it does not run in browsers.
// There, a pointwise and a depthwise convolution compute the same in standard WGSL.
//
// One workgroup is one subgroup and computes strip_rows × $COLUMNS pixels of $(4 * LANES) channels, row by row. A lane keeps four
// channels and all their weights. The lanes load the pixels of a row together and broadcast them.
// Cost: 2 · inputs flops per element of e and 18 per output. A strip advances by $(COLUMNS * STRIDE) columns of e and computes
// $((COLUMNS - 1) * STRIDE + 3). In addition, $(3 - STRIDE) rows of e are computed twice per strip.
#import stored
#import depthwise_strip
#import weight_panels

#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w_expand: array<Stored>;
@group(0) @binding(3) var<storage, read> bias_expand: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<Stored>;

// The expansion's weights for the channels of a lane.
struct Held {
    #for k in 0..4 * INPUT_QUADS
    w_$k: vec4<f32>,
    #end
    offset: vec4<f32>,
    input_groups: u32,
    // Positions of the vectors that the lane loads of a row. Vector i is group i % $(INPUT_QUADS / 2) of pixel
    // i / $(INPUT_QUADS / 2). A group or a pixel that does not exist is replaced by the nearest one that does.
    #for i in 0..(((COLUMNS - 1) * STRIDE + 3) * (INPUT_QUADS / 2) + LANES - 1) / LANES
    from_$i: u32,
    #end
}

fn hold(strip: Strip, window: Window, quad: u32) -> Held {
    let lane = strip.group % $(LANES)u;
    var held: Held;
    held.offset = bias_expand[quad];
    held.input_groups = params.inputs / 8u;
    #for i in 0..(((COLUMNS - 1) * STRIDE + 3) * (INPUT_QUADS / 2) + LANES - 1) / LANES
    let pixel_$i = column_at(window, i32(($(i * LANES)u + lane) / $(INPUT_QUADS / 2)u));
    held.from_$i = pixel_$i * held.input_groups + min(($(i * LANES)u + lane) % $(INPUT_QUADS / 2)u, held.input_groups - 1u);
    #end
    // A pair of lanes loads the weights of two inputs, each for the channels of both lanes.
    let start = column_start(quad / 2u * 2u);
    #for k in 0..2 * INPUT_QUADS
    let input_$k = min($(2 * k)u + lane % 2u, params.inputs - 1u);
    let weights_$k = w_expand[(start + input_$k * params.panel_quads) / 2u];
    let pair_$k = turned(part_0(weights_$k), part_1(weights_$k), lane);
    held.w_$(2 * k) = select(vec4<f32>(), pair_$k.first, $(2 * k)u < params.inputs);
    held.w_$(2 * k + 1) = select(vec4<f32>(), pair_$k.second, $(2 * k)u < params.inputs);
    #end
    return held;
}

fn read_row(window: Window, row: WindowRow, held: Held) -> Row {
    let row_at = row.at * held.input_groups;
    // Weights past the last input are zero, so it does not matter what is loaded there.
    #for i in 0..(((COLUMNS - 1) * STRIDE + 3) * (INPUT_QUADS / 2) + LANES - 1) / LANES
    let x_$i = x[row_at + held.from_$i];
    #for p in 0..2
    let x_$(i)_part_$p = part_$p(x_$i);
    #end
    #end
    var result: Row;
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    var sum_$v = vec4<f32>();
    #for q in 0..INPUT_QUADS
    let x_$(v)_$q = subgroupBroadcast(x_$((v * INPUT_QUADS + q) / 2 / LANES)_part_$(q % 2), $((v * INPUT_QUADS + q) / 2 % LANES)u);
    #for i in 0..4
    sum_$v += x_$(v)_$q[$i] * held.w_$(4 * q + i);
    #end
    #end
    result.of_$(v)_0 = select(vec4<f32>(), activate(sum_$v + held.offset), row.inside & window.inside_$v);
    #end
    return result;
}

fn taps(at: u32) -> Taps {
    return Taps(w[at]);
}

#entry subgroup {
    let quads = params.channels / 4u;
    let blocks = (quads + $(LANES - 1)u) / $(LANES)u;
    let index = workgroup;
    let strip = strip_at(index / blocks, (index % blocks) * $(LANES)u + lane);
    if (strip.image >= params.batch) {
        return;
    }
    convolve(strip);
}
