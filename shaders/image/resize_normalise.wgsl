// Resizes and normalises images:  y[b, i, j, c] = resized[i, j, c] · scale[c] + shift[c], and 0 in the fourth channel
//
// pixels  bytes R G B R G B …, four per word; images of any size, one after the other, each starting at a word
// images  [batch]                  first word, width and height of each image, and whether only the rows that are read are stored
// y       [batch, size, size, 4]   f16 if the constant HALF (here $HALF) is 1
//
// If BILINEAR is 0, the output takes the nearest source pixel, floor((i + ½) · in / out), as Pillow and load_img of Keras do.
// If it is 1, the output is interpolated between the four pixels around (i + ½) · in / out − ½, clamped to the image, as
// cv2.resize and PyTorch (without antialiasing) do.
//
// One workgroup computes one row of the output. Each thread computes every $(THREADS)th group of $PARTS pixels, and size is a
// multiple of $PARTS. Cost per pixel: 6 flops and 3 bytes read (bilinear: 24 flops and 12 bytes).
#import stored
#import picture

#params

override BILINEAR: u32 = 0u;

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> images: array<Image>;
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;

fn bilinear(image: Image, nearest: u32, i: u32, j: u32, size: u32) -> vec3<f32> {
    let row = clamp((f32(i) + 0.5) * f32(image.height) / f32(size) - 0.5, 0.0, f32(image.height - 1u));
    let column = clamp((f32(j) + 0.5) * f32(image.width) / f32(size) - 0.5, 0.0, f32(image.width - 1u));
    let top = u32(row);
    let left = u32(column);
    let bottom = min(top + 1u, image.height - 1u);
    let across = column - f32(left);
    let upper = neighbours(image, stored_row(image, top, nearest, i), left);
    let lower = neighbours(image, stored_row(image, bottom, nearest, i), left);
    return mix(mix(upper.left, upper.right, across), mix(lower.left, lower.right, across), row - f32(top));
}

// Returns the output pixel (i, j). `row` is the row of the nearest source pixel.
fn numbers(image: Image, row: u32, i: u32, j: u32) -> vec4<f32> {
    let scale = vec3<f32>(params.scale_red, params.scale_green, params.scale_blue);
    let shift = vec3<f32>(params.shift_red, params.shift_green, params.shift_blue);
    var value: vec3<f32>;
    if (BILINEAR == 1u) {
        value = bilinear(image, row, i, j, params.size);
    } else {
        value = pixel(image, stored_row(image, row, row, i), nearest_index(j, image.width, params.size));
    }
    return vec4<f32>(value * scale + shift, 0.0);
}

#entry $THREADS {
    let line = workgroup;
    let size = params.size;
    let batch = line / size;
    if (batch >= params.batch) {
        return;
    }
    let i = line % size;
    let image = images[batch];
    let row = nearest_index(i, image.height, size);
    for (var j = thread * $(PARTS)u; j < size; j += $(THREADS * PARTS)u) {
        #for p in 0..PARTS
        let number_$p = numbers(image, row, i, j + $(p)u);
        #end
        #if PARTS == 1
        y[line * size + j] = packed(number_0);
        #end
        #if PARTS == 2
        y[(line * size + j) / 2u] = packed(number_0, number_1);
        #end
    }
}
