// Depthwise 3×3 convolution, strip family:  y[b, i, j, c] = activate(Σ_{u,v} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),
// s = $STRIDE
//
// x     [batch, in_height, in_width, channels]      zero outside the image; or what shaders/lib/layer_input.wgsl makes it of
// w     [3, 3, channels]
// bias  [channels]
// y     [batch, out_height, out_width, channels]
// channels is a multiple of four; every array is read as vec4.
//
// One thread computes strip_rows × $COLUMNS pixels of four channels, row by row: of every input of its window it keeps the sums alone.
// A workgroup of 64 threads takes consecutive channel quads first, so that neighbours read consecutive memory.
// Cost: 18 flops an output; $(((COLUMNS - 1) * STRIDE + 3) * STRIDE) vectors read for $COLUMNS written, and $(3 - STRIDE) rows twice a strip.
#import dispatch

struct Params {
    batch: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    channels: u32,
    top: u32,
    left: u32,
    epsilon: f32,
    strip_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

#import depthwise_strip
#import layer_input

var<private> by: Normalisation;

fn read_row(strip: Strip, row: i32) {
    let quads = params.channels / 4u;
    let row_inside = row >= 0 && row < i32(params.in_height);
    let row_at = (strip.image * params.in_height + u32(clamp(row, 0, i32(params.in_height) - 1))) * params.in_width;
    let first = i32(strip.first_column * $(STRIDE)u) - i32(params.left);
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    let column_$v = u32(clamp(first + $v, 0, i32(params.in_width) - 1));
    let inside_$v = row_inside && first + $v >= 0 && first + $v < i32(params.in_width);
    input_$v = select(vec4<f32>(), layer_input(x[(row_at + column_$v) * quads + strip.quad], by), inside_$v);
    #end
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let strips_down = (params.out_height + params.strip_rows - 1u) / params.strip_rows;
    let strips_across = (params.out_width + $(COLUMNS - 1)u) / $(COLUMNS)u;
    let index = linear_workgroup(workgroup, grid) * 64u + thread;
    let place = index / quads;
    var strip: Strip;
    strip.quad = index % quads;
    strip.image = place / (strips_down * strips_across);
    if (strip.image >= params.batch) {
        return;
    }
    strip.first_row = (place / strips_across % strips_down) * params.strip_rows;
    strip.last_row = min(strip.first_row + params.strip_rows, params.out_height);
    strip.first_column = (place % strips_across) * $(COLUMNS)u;
    #for t in 0..9
    tap_$t = w[$(t)u * quads + strip.quad];
    #end
    offset = bias[strip.quad];
    by = input_normalisation(strip.quad, quads);
    convolve(strip, vec2<u32>(params.out_height, params.out_width), quads, params.top);
}
