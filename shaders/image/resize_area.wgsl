// Shrinks an image by the mean over areas:  y[i, j, c] = Σ_{u,v} w(u, v) · x[u, v, c] / Σ_{u,v} w(u, v)
//   w(u, v) is the part of source pixel (u, v) that output pixel (i, j) covers. Output pixel (i, j) covers the rows from
//   i · source_height / inner_height to (i + 1) · source_height / inner_height, and the columns likewise.
//
// pixels  the image [source_height, source_width] from row source_row on, in rows of `pitch` pixels: bytes R G B R G B …, four per
//         word, if the override FLOATS is 0, and vectors of four floats if it is 1
// y       [height, width, 4]   rows from `row` on; zero below inner_height and right of inner_width; the fourth channel is zero
//
// The image is not enlarged: inner_height is at most source_height and inner_width at most source_width. If they are equal, it is
// copied. The values are not scaled. `rows` rows are computed, and `pixels` holds all rows that they cover.
//
// One thread computes one output pixel. Cost: at least 6 flops and 3 bytes for each source pixel, and 16 bytes for each output.
#import picture

#params

override FLOATS: u32 = 0u;

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// Returns ⌊n · length / parts⌋ and the remainder divided by `parts`: where part n of a source axis starts. n is below 2¹⁶.
struct Edge {
    whole: u32,
    fraction: f32,
}

fn edge(n: u32, length: u32, parts: u32) -> Edge {
    let each = length / parts;
    let rest = n * (length - each * parts);
    let more = rest / parts;
    return Edge(n * each + more, f32(rest - more * parts) / f32(parts));
}

// Returns the part of source pixel `at` that lies between two edges.
fn covered(at: u32, start: Edge, end: Edge) -> f32 {
    let before = select(0.0, start.fraction, at == start.whole);
    let after = select(0.0, 1.0 - end.fraction, at == end.whole);
    return 1.0 - before - after;
}

// Returns the sum over a row of the source, from the first to the last column, of each pixel times the part that is covered.
fn line(row: u32, left: Edge, right: Edge, last: u32) -> vec3<f32> {
    let first = (row - params.source_row) * params.pitch + left.whole;
    var sum = vec3<f32>();
    if (FLOATS == 1u) {
        for (var v = left.whole; v <= last; v++) {
            let at = 4u * (first + v - left.whole);
            let value = bitcast<vec3<f32>>(vec3<u32>(pixels[at], pixels[at + 1u], pixels[at + 2u]));
            sum += covered(v, left, right) * value;
        }
        return sum;
    }
    var run = run_from(3u * first);
    for (var v = left.whole; v <= last; v++) {
        sum += covered(v, left, right) * next_pixel(&run);
    }
    return sum;
}

#entry 64 {
    let index = workgroup * 64u + thread;
    let down = index / params.width;
    if (down >= params.rows) {
        return;
    }
    let i = params.row + down;
    let j = index - down * params.width;
    let at = i * params.width + j;
    if ((i >= params.inner_height) | (j >= params.inner_width)) {
        y[at] = vec4<f32>();
        return;
    }
    let top = edge(i, params.source_height, params.inner_height);
    let bottom = edge(i + 1u, params.source_height, params.inner_height);
    let left = edge(j, params.source_width, params.inner_width);
    let right = edge(j + 1u, params.source_width, params.inner_width);
    let last_row = min(bottom.whole, params.source_height - 1u);
    let last_column = min(right.whole, params.source_width - 1u);
    var sum = vec3<f32>();
    for (var u = top.whole; u <= last_row; u++) {
        let part = covered(u, top, bottom);
        if (part > 0.0) {
            sum += part * line(u, left, right, last_column);
        }
    }
    let height = f32(params.source_height) / f32(params.inner_height);
    let width = f32(params.source_width) / f32(params.inner_width);
    y[at] = vec4<f32>(sum / (height * width), 0.0);
}
