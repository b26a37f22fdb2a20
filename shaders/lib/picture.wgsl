// Reading 8-bit RGB pictures of any size from the binding `pixels`: bytes R G B R G B …, four to a word, every picture
// starting at a word.
struct Image {
    first_word: u32,
    width: u32,
    height: u32,
    unused: u32,
}

fn byte(image: Image, at: u32) -> f32 {
    return f32((pixels[image.first_word + at / 4u] >> (8u * (at % 4u))) & 255u);
}

fn pixel(image: Image, row: u32, column: u32) -> vec3<f32> {
    let at = 3u * (row * image.width + column);
    return vec3<f32>(byte(image, at), byte(image, at + 1u), byte(image, at + 2u));
}

// The source index of an output index, floor((i + ½) · length / size), as Pillow and so Keras' load_img have it: in whole
// numbers, so that no rounding moves it, and in two parts, so that none overflows.
fn nearest_index(i: u32, length: u32, size: u32) -> u32 {
    let places = 2u * i + 1u;
    let whole = length / (2u * size);
    return places * whole + places * (length - 2u * size * whole) / (2u * size);
}
