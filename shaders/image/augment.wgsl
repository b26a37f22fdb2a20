// Resizes, augments and normalises images in one pass:
// y[b, i, j, c] = augmented[i, j, c] · scale[c] + shift[c], and 0 in the fourth channel, where
// resized[r, k]    is the image resized to height × width by nearest neighbours, as by load_img of Keras; it is never stored
// augmented[i, j]  is resized, interpolated bilinearly at (row, column) = M (i, j′, 1). The coordinates are clamped to the
//                  image. j′ = width − 1 − j if the image is mirrored, else j. (keras_preprocessing 1.1, fill mode nearest)
//
// pixels      bytes R G B R G B …, four per word; images of any size, one after the other, each starting at a word
// images      [batch]                    first word, width and height of each image. An image of width 0 is not there: its
//                                        part of y is left as it is, so that several runs can fill y
// transforms  [batch]                    M, row by row, from output to input (row, column), and whether the image is mirrored
// y           [batch, height, width, 4]
//
// One thread computes one output pixel, and one workgroup 64 consecutive pixels. Cost: 32 flops and 12 bytes read per pixel.
#import picture

#params

struct Transform {
    row_by_row: f32,
    row_by_column: f32,
    row_offset: f32,
    column_by_row: f32,
    column_by_column: f32,
    column_offset: f32,
    mirrored: u32,
    unused: u32,
}

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> images: array<Image>;
@group(0) @binding(3) var<storage, read> transforms: array<Transform>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

// Returns the resized image at (row, column), interpolated bilinearly.
fn resized(image: Image, row: f32, column: f32) -> vec3<f32> {
    let top = u32(row);
    let left = u32(column);
    let upper_row = nearest_index(top, image.height, params.height);
    let lower_row = nearest_index(min(top + 1u, params.height - 1u), image.height, params.height);
    let left_column = nearest_index(left, image.width, params.width);
    let right_column = nearest_index(min(left + 1u, params.width - 1u), image.width, params.width);
    let across = column - f32(left);
    let upper = mix(pixel(image, upper_row, left_column), pixel(image, upper_row, right_column), across);
    let lower = mix(pixel(image, lower_row, left_column), pixel(image, lower_row, right_column), across);
    return mix(upper, lower, row - f32(top));
}

#entry 64 {
    let index = workgroup * 64u + thread;
    let batch = index / (params.height * params.width);
    if (batch >= params.batch) {
        return;
    }
    let image = images[batch];
    if (image.width == 0u) {
        return;
    }
    let m = transforms[batch];
    let i = f32(index / params.width % params.height);
    let along = index % params.width;
    let j = f32(select(along, params.width - 1u - along, m.mirrored == 1u));
    var row = m.row_by_row * i + m.row_by_column * j + m.row_offset;
    var column = m.column_by_row * i + m.column_by_column * j + m.column_offset;
    row = clamp(row, 0.0, f32(params.height - 1u));
    column = clamp(column, 0.0, f32(params.width - 1u));
    let value = resized(image, row, column);
    let scale = vec3<f32>(params.scale_red, params.scale_green, params.scale_blue);
    let shift = vec3<f32>(params.shift_red, params.shift_green, params.shift_blue);
    y[index] = vec4<f32>(value * scale + shift, 0.0);
}
