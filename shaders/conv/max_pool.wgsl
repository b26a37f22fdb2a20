// Maximum over windows of 2×2 pixels with stride 2:
//   y[b, i, j, c] = max(x[b, 2i, 2j, c], x[b, 2i, 2j + 1, c], x[b, 2i + 1, 2j, c], x[b, 2i + 1, 2j + 1, c])
//
// x  [batch, in_height, in_width, channels]
// y  [batch, out_height, out_width, channels]   out_height = ⌊in_height / 2⌋, out_width = ⌊in_width / 2⌋
// channels is a multiple of four; both arrays are read as vec4. The last row or column of an odd size is not used.
//
// One thread computes four channels of one output pixel. Neighbouring threads read neighbouring channels.
// Cost: three comparisons and four loads per output.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let position = index / quads;
    let row_of_all = position / params.out_width;
    let batch = row_of_all / params.out_height;
    if (batch >= params.batch) {
        return;
    }
    let row = row_of_all - batch * params.out_height;
    let column = position - row_of_all * params.out_width;
    let line = params.in_width * quads;
    let at = (batch * params.in_height + 2u * row) * line + 2u * column * quads + (index - position * quads);
    let upper = max(x[at], x[at + quads]);
    let lower = max(x[at + line], x[at + line + quads]);
    y[index] = max(upper, lower);
}
