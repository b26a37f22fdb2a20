// Shrinks an image by the mean over areas:  y[i, j, c] = Σ_{u,v} w(u, v) · x[u, v, c] / Σ_{u,v} w(u, v)
//   w(u, v) is the part of source pixel (u, v) that output pixel (i, j) covers. Output pixel (i, j) covers the rows from
//   i · source_height / inner_height to (i + 1) · source_height / inner_height, and the columns likewise.
//
// source  the image [source_height, source_width] from row source_row on, in rows of `pitch` pixels: bytes R G B R G B …, four per
//         word, if the override FLOATS is 0, and vectors of four floats if it is 1
// y       [height, width, 4]   rows from `row` on; zero below inner_height and right of inner_width; the fourth channel is zero
//
// The image is not enlarged: inner_height is at most source_height and inner_width at most source_width. If they are equal, it is
// copied. The values are not scaled. `rows` rows are computed, and `source` holds all rows that they cover.
//
// One thread computes one output pixel. Cost: at least 6 flops and 3 bytes for each source pixel, and 16 bytes for each output.
#params

override FLOATS: u32 = 0u;

@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// Returns red, green and blue of a source pixel. A load past the last word returns a value that is not used.
fn value(row: u32, column: u32) -> vec3<f32> {
    let at = (row - params.source_row) * params.pitch + column;
    if (FLOATS == 1u) {
        return bitcast<vec3<f32>>(vec3<u32>(source[4u * at], source[4u * at + 1u], source[4u * at + 2u]));
    }
    let word = 3u * at / 4u;
    let shift = 8u * (3u * at % 4u);
    let next = source[word + 1u];
    let bytes = (source[word] >> shift) | select(next << (32u - shift), 0u, shift == 0u);
    return vec3<f32>(f32(bytes & 255u), f32((bytes >> 8u) & 255u), f32((bytes >> 16u) & 255u));
}

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

#entry 64 {
    let index = workgroup * 64u + thread;
    let line = index / params.width;
    if (line >= params.rows) {
        return;
    }
    let i = params.row + line;
    let j = index - line * params.width;
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
    var weight = 0.0;
    for (var u = top.whole; u <= last_row; u++) {
        let down = covered(u, top, bottom);
        if (down > 0.0) {
            for (var v = left.whole; v <= last_column; v++) {
                let part = down * covered(v, left, right);
                sum += part * value(u, v);
                weight += part;
            }
        }
    }
    y[at] = vec4<f32>(sum / weight, 0.0);
}
