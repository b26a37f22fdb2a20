// A whole inverted residual in one kernel: expansion, depthwise 3×3 convolution, projection and the addition of the input.
//     e[b, p, c] = activate(Σ_k x[b, p, k] · w_expand[k, c] + bias_expand[c])      zero outside the image
//     d[b, i, j, c] = activate(Σ_{u,v} e[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),  s = $STRIDE
//     y[b, i, j, n] = Σ_c d[b, i, j, c] · w_project[c, n] + bias_project[n]  (+ x[b, i, j, n] if params.residual is 1)
// e and d, the largest tensors of a block, exist only in workgroup memory, $(4 * HIDDEN_QUADS) channels of a tile at a time.
//
// x             [batch, in_height, in_width, inputs]
// w_expand      [inputs, channels], in panels of params.expand_panel quads
// bias_expand   [channels]
// w             [3, 3, channels]
// bias          [channels]
// w_project     [channels, outputs], in panels of params.project_panel quads
// bias_project  [outputs]
// y             [batch, out_height, out_width, outputs]
// inputs, channels and outputs are multiples of four; all arrays are read as vec4. inputs is at most $(4 * INPUT_QUADS) and outputs
// at most $(4 * OUTPUT_QUADS). If $HALF is 1, x, y and the weights hold f16, and everything is computed in f32.
//
// One workgroup of $THREADS threads computes $ROWS × $COLUMNS pixels of all outputs. $WINDOW threads keep the inputs of two
// neighbouring pixels of the window in registers, and each thread keeps the sums of four outputs for $PIXELS pixels. For each slice
// of $(4 * HIDDEN_QUADS) hidden channels, the workgroup copies their weights to workgroup memory, expands the window, convolves it,
// and adds the projection to the sums. A slice has three barriers. Each tile is written in one of the phases between them and read
// in the next, so no slice overwrites what another still reads.
// Cost: 2 · inputs flops per element of e, 18 per element of d and 2 · channels per output. A tile needs
// $(((ROWS - 1) * STRIDE + 3) * ((COLUMNS - 1) * STRIDE + 3)) expanded pixels; neighbouring tiles expand all but
// $(ROWS * COLUMNS * STRIDE * STRIDE) of them again.
#import stored
#import activate

#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w_expand: array<Stored>;
@group(0) @binding(3) var<storage, read> bias_expand: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> w: array<Stored>;
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> w_project: array<Stored>;
@group(0) @binding(7) var<storage, read> bias_project: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<Stored>;

// e_tile[column % 2][quad][window row and column pair]: lanes that read every other column read consecutive memory.
var<workgroup> e_tile: array<array<array<vec4<f32>, $WINDOW>, $HIDDEN_QUADS>, 2>;
// d_tile[quad][pixel / groups][pixel % groups]
var<workgroup> d_tile: array<array<array<vec4<f32>, $GROUPS>, $PIXELS>, $HIDDEN_QUADS>;
// The weights of a slice. tap_tile holds nine taps, the bias of the depthwise layer and the bias of the expansion.
var<workgroup> expand_tile: array<array<vec4<f32>, $HIDDEN_QUADS>, $(4 * INPUT_QUADS)>;
var<workgroup> tap_tile: array<array<vec4<f32>, $HIDDEN_QUADS>, 11>;
var<workgroup> project_tile: array<array<vec4<f32>, $OUTPUT_QUADS>, $(4 * HIDDEN_QUADS)>;
#if LOCAL_QUADS
// The last input quads of each thread's two pixels, for which there are no registers: x_tile[quad][pixel][thread].
var<workgroup> x_tile: array<array<array<vec4<f32>, $WINDOW>, 2>, $LOCAL_QUADS>;
#end

// Returns the position of the first weight of a column quad of a matrix with `rows` rows. A panel is eight quads wide, or as wide
// as the matrix if that is narrower. A division by a constant takes fewer instructions than one by a parameter.
fn start_of(quad: u32, rows: u32) -> u32 {
    return (quad / 8u) * 8u * rows + quad % 8u;
}

#entry $THREADS {
    let across = (params.out_width + $(COLUMNS - 1)u) / $(COLUMNS)u;
    let down = (params.out_height + $(ROWS - 1)u) / $(ROWS)u;
    let image = workgroup / (across * down);
    if (image >= params.batch) {
        return;
    }
    let out_row = (workgroup / across % down) * $(ROWS)u;
    let out_column = (workgroup % across) * $(COLUMNS)u;
    let input_quads = params.inputs / 4u;
    let hidden_quads = params.channels / 4u;
    let output_quads = params.outputs / 4u;

    // The two pixels of the window that the thread expands.
    let row = i32(out_row * $(STRIDE)u + thread / $(PAIRS)u) - i32(params.top);
    let column = i32(out_column * $(STRIDE)u + 2u * (thread % $(PAIRS)u)) - i32(params.left);
    let row_inside = (row >= 0) & (row < i32(params.in_height));
    let row_at = (image * params.in_height + u32(clamp(row, 0, i32(params.in_height) - 1))) * params.in_width;
    #for p in 0..2
    let inside_$p = row_inside & (column + $p >= 0) & (column + $p < i32(params.in_width));
    let at_$p = (row_at + u32(clamp(column + $p, 0, i32(params.in_width) - 1))) * input_quads;
    // Weights past the last input are zero, so it does not matter what is loaded there.
    #for k in 0..INPUT_QUADS - LOCAL_QUADS
    let x_$(p)_$k = vec4<f32>(x[at_$p + min($(k)u, input_quads - 1u)]);
    #end
    #end
    #if LOCAL_QUADS
    if (thread < $(WINDOW)u) {
        #for k in INPUT_QUADS - LOCAL_QUADS..INPUT_QUADS
        #for p in 0..2
        x_tile[$(k - INPUT_QUADS + LOCAL_QUADS)][$p][thread] = vec4<f32>(x[at_$p + min($(k)u, input_quads - 1u)]);
        #end
        #end
    }
    #end

    // The weights that the thread copies.
    let expand_row = min(thread / $(HIDDEN_QUADS)u, params.inputs - 1u);
    let tap = (thread - $(THREADS - 11 * HIDDEN_QUADS)u) / $(HIDDEN_QUADS)u;
    let slice_quad = thread % $(HIDDEN_QUADS)u;
    let tap_quad = (thread - $(THREADS - 11 * HIDDEN_QUADS)u) % $(HIDDEN_QUADS)u;

    // The pixels that the thread convolves: one, or two neighbours, whose window starts at an even column.
    let d_quad = thread / $(PATCHES)u;
    let patch_at = thread % $(PATCHES)u;
    let window_at = patch_at / $(COLUMNS * STRIDE / 2)u * $(STRIDE * PAIRS)u + patch_at % $(COLUMNS * STRIDE / 2)u;

    // The outputs that the thread sums.
    let group = thread % $(GROUPS)u;
    let output_quad = thread / $(GROUPS)u;
    let project_at = start_of(output_quad, params.channels);
    #for p in 0..PIXELS
    var sum_$p = vec4<f32>();
    #end

    for (var h = 0u; h < hidden_quads; h += $(HIDDEN_QUADS)u) {
        let quad = min(h + slice_quad, hidden_quads - 1u);
        if (thread < $(4 * INPUT_QUADS * HIDDEN_QUADS)u) {
            let at = start_of(quad, params.inputs) + expand_row * params.expand_panel;
            let weight = vec4<f32>(w_expand[at]);
            let exists = thread < params.inputs * $(HIDDEN_QUADS)u;
            expand_tile[thread / $(HIDDEN_QUADS)u][slice_quad] = select(vec4<f32>(), weight, exists);
        }
        let taps_at = min(h + tap_quad, hidden_quads - 1u);
        if (tap < 9u) {
            tap_tile[tap][tap_quad] = vec4<f32>(w[tap * hidden_quads + taps_at]);
        }
        if (tap == 9u) {
            tap_tile[9][tap_quad] = bias[taps_at];
        }
        if (tap == 10u) {
            tap_tile[10][tap_quad] = bias_expand[taps_at];
        }
        workgroupBarrier();

        if (thread < $(WINDOW)u) {
            #for q in 0..HIDDEN_QUADS
            var e_$(q)_0 = tap_tile[10][$q];
            var e_$(q)_1 = e_$(q)_0;
            #for k in 0..INPUT_QUADS
            #if k >= INPUT_QUADS - LOCAL_QUADS
            let x_0_$(q)_$k = x_tile[$(k - INPUT_QUADS + LOCAL_QUADS)][0][thread];
            let x_1_$(q)_$k = x_tile[$(k - INPUT_QUADS + LOCAL_QUADS)][1][thread];
            #end
            #if k < INPUT_QUADS - LOCAL_QUADS
            let x_0_$(q)_$k = x_0_$k;
            let x_1_$(q)_$k = x_1_$k;
            #end
            #for i in 0..4
            let w_$(q)_$(k)_$i = expand_tile[$(4 * k + i)][$q];
            e_$(q)_0 += x_0_$(q)_$k[$i] * w_$(q)_$(k)_$i;
            e_$(q)_1 += x_1_$(q)_$k[$i] * w_$(q)_$(k)_$i;
            #end
            #end
            e_tile[0][$q][thread] = select(vec4<f32>(), activate(e_$(q)_0), inside_0);
            e_tile[1][$q][thread] = select(vec4<f32>(), activate(e_$(q)_1), inside_1);
            #end
        }
        #for i in 0..(4 * HIDDEN_QUADS + GROUPS - 1) / GROUPS
        if ((group < $(4 * HIDDEN_QUADS - i * GROUPS)u) & (output_quad < output_quads)) {
            let channel = 4u * h + group + $(i * GROUPS)u;
            let weight = vec4<f32>(w_project[project_at + min(channel, params.channels - 1u) * params.project_panel]);
            // Channels past the last have no part in the sums.
            project_tile[group + $(i * GROUPS)u][output_quad] = select(vec4<f32>(), weight, channel < params.channels);
        }
        #end
        workgroupBarrier();

        if (thread < $(HIDDEN_QUADS * PATCHES)u) {
            #for p in 0..2 / STRIDE
            var d_$p = tap_tile[9][d_quad];
            #end
            #for u in 0..3
            #for v in 0..5 - STRIDE
            let e_$(u)_$v = e_tile[$(v % 2)][d_quad][window_at + $(u * PAIRS + v / 2)u];
            #end
            #for v in 0..3
            let tap_$(u)_$v = tap_tile[$(3 * u + v)][d_quad];
            #for p in 0..2 / STRIDE
            d_$p += e_$(u)_$(v + p) * tap_$(u)_$v;
            #end
            #end
            #end
            #for p in 0..2 / STRIDE
            let pixel_$p = patch_at + $(p * PATCHES)u;
            d_tile[d_quad][pixel_$p / $(GROUPS)u][pixel_$p % $(GROUPS)u] = activate(d_$p);
            #end
        }
        workgroupBarrier();

        if (output_quad < output_quads) {
            #for q in 0..HIDDEN_QUADS
            #for i in 0..4
            let w_$(q)_$i = project_tile[$(4 * q + i)][output_quad];
            #end
            #for p in 0..PIXELS
            let d_$(q)_$p = d_tile[$q][$p][group];
            #for i in 0..4
            sum_$p += d_$(q)_$p[$i] * w_$(q)_$i;
            #end
            #end
            #end
        }
    }

    if (output_quad < output_quads) {
        let offset = bias_project[output_quad];
        #for p in 0..PIXELS
        {
            let pixel = group + $(p * GROUPS)u;
            let patch_of = pixel % $(PATCHES)u;
            let y_row = out_row + patch_of / $(COLUMNS * STRIDE / 2)u;
            let y_column = out_column + patch_of % $(COLUMNS * STRIDE / 2)u * $(2 / STRIDE)u + pixel / $(PATCHES)u;
            if ((pixel < $(ROWS * COLUMNS)u) & (y_row < params.out_height) & (y_column < params.out_width)) {
                let at = ((image * params.out_height + y_row) * params.out_width + y_column) * output_quads + output_quad;
                var value = sum_$p + offset;
                if (params.residual == 1u) {
                    value += vec4<f32>(x[at]);
                }
                y[at] = Stored(value);
            }
        }
        #end
    }
}
