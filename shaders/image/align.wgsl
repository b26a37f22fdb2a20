// Cuts aligned faces out of images:  y[b, i, j, c] = cubic(M (i′, j′, 1))[c] · scale[c] + shift[c], and 0 in the fourth channel
//   (i′, j′) is the place in a frame of frame_height × frame_width pixels that output pixel (i, j) shows: the nearest pixel
//   ⌊(i + ½) · frame_height / height⌋ if the override BETWEEN is 0, and (i + ½) · frame_height / height − ½ if it is 1.
//   cubic(r, c) = Σ_{u,v} k((u − r) / spread) · k((v − c) / spread) · x[u, v] / Σ_{u,v} k((u − r) / spread) · k((v − c) / spread)
//   with the cubic kernel k of Keys (1981, a = −½), rows and columns outside the image repeated from its edge, and the result
//   clamped to 0 … 255. With spread 1 this interpolates; a larger spread averages, so that a large face is shrunk without aliasing.
//
// pixels      bytes R G B R G B …, four per word; images of any size, one after the other, each starting at a word
// images      [batch]                    first word, width and height of each image
// alignments  [batch]                    M, row by row, from the frame to (row, column) of the image, and spread
// y           [batch, height, width, 4]   f16 if the constant HALF (here $HALF) is 1
//
// One thread computes one output pixel, and one workgroup 64 consecutive pixels. Cost per pixel: 16 · spread² source pixels, each
// 3 bytes and 8 flops.
#import stored
#import picture

#params

override BETWEEN: u32 = 0u;

struct Alignment {
    row_by_row: f32,
    row_by_column: f32,
    row_offset: f32,
    column_by_row: f32,
    column_by_column: f32,
    column_offset: f32,
    spread: f32,
    unused: u32,
}

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> images: array<Image>;
@group(0) @binding(3) var<storage, read> alignments: array<Alignment>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

// Returns the kernel at a distance: k(0) = 1, k(1) = 0, and 0 from 2 on.
fn keys(distance: f32) -> f32 {
    let t = abs(distance);
    let inner = (1.5 * t - 2.5) * t * t + 1.0;
    let outer = ((2.5 - 0.5 * t) * t - 4.0) * t + 2.0;
    return select(select(0.0, outer, t < 2.0), inner, t < 1.0);
}

// Returns the image at (row, column).
fn cubic(image: Image, row: f32, column: f32, spread: f32) -> vec3<f32> {
    let reach = 2.0 * spread;
    let last_row = i32(image.height) - 1;
    let last_column = i32(image.width) - 1;
    let first = i32(ceil(column - reach));
    let last = i32(floor(column + reach));
    var sum = vec3<f32>();
    var total = 0.0;
    for (var u = i32(ceil(row - reach)); u <= i32(floor(row + reach)); u++) {
        let down = keys((f32(u) - row) / spread);
        var line = vec3<f32>();
        var weight = 0.0;
        let inside = u32(clamp(u, 0, last_row)) * image.width;
        if ((first >= 0) & (last <= last_column)) {
            var run = run_from(4u * image.first_word + 3u * (inside + u32(first)));
            for (var v = first; v <= last; v++) {
                let across = keys((f32(v) - column) / spread);
                line += across * next_pixel(&run);
                weight += across;
            }
        } else {
            for (var v = first; v <= last; v++) {
                let across = keys((f32(v) - column) / spread);
                line += across * pixel(image, u32(clamp(u, 0, last_row)), u32(clamp(v, 0, last_column)));
                weight += across;
            }
        }
        sum += down * line;
        total += down * weight;
    }
    return clamp(sum / total, vec3<f32>(), vec3<f32>(255.0));
}

// Returns the place along an axis of the frame that output pixel i shows.
fn place(i: u32, frame: u32, size: u32) -> f32 {
    if (BETWEEN == 1u) {
        return (f32(i) + 0.5) * f32(frame) / f32(size) - 0.5;
    }
    return f32(nearest_index(i, frame, size));
}

#entry 64 {
    let index = workgroup * 64u + thread;
    let batch = index / (params.height * params.width);
    if (batch >= params.batch) {
        return;
    }
    let m = alignments[batch];
    let i = place(index / params.width % params.height, params.frame_height, params.height);
    let j = place(index % params.width, params.frame_width, params.width);
    let row = m.row_by_row * i + m.row_by_column * j + m.row_offset;
    let column = m.column_by_row * i + m.column_by_column * j + m.column_offset;
    let value = cubic(images[batch], row, column, m.spread);
    let scale = vec3<f32>(params.scale_red, params.scale_green, params.scale_blue);
    let shift = vec3<f32>(params.shift_red, params.shift_green, params.shift_blue);
    y[index] = packed(vec4<f32>(value * scale + shift, 0.0));
}
