// Reading 8-bit RGB pictures of any size from the binding `pixels`: bytes R G B R G B …, four to a word, every picture
// starting at a word.
struct Image {
    first_word: u32,
    width: u32,
    height: u32,
    unused: u32,
}

// Red, green and blue of the pixel whose bytes begin at bit `shift` of a word, 24 or less; what is of no byte of it is of the next word.
fn colours(word: u32, next: u32, shift: u32) -> vec3<f32> {
    let bytes = (word >> shift) | select(next << (32u - shift), 0u, shift == 0u);
    return vec3<f32>(f32(bytes & 255u), f32((bytes >> 8u) & 255u), f32((bytes >> 16u) & 255u));
}

// By words, as each load costs as much as a byte's would. Past the last word of all pictures a load gives what is not used.
fn pixel(image: Image, row: u32, column: u32) -> vec3<f32> {
    let at = 3u * (row * image.width + column);
    let word = image.first_word + at / 4u;
    return colours(pixels[word], pixels[word + 1u], 8u * (at % 4u));
}

struct Neighbours {
    left: vec3<f32>,
    right: vec3<f32>,
}

// A pixel and the one to the right of it, at the edge the same once more.
fn neighbours(image: Image, row: u32, column: u32) -> Neighbours {
    let at = 3u * (row * image.width + column);
    let word = image.first_word + at / 4u;
    let middle = pixels[word + 1u];
    let first = pixels[word];
    let left = colours(first, middle, 8u * (at % 4u));
    // The right one begins three bytes later: in the same word, if the left one begins it.
    let last = pixels[word + 2u];
    let same = at % 4u == 0u;
    let right = colours(select(middle, first, same), select(last, middle, same), 8u * ((at + 3u) % 4u));
    return Neighbours(left, select(right, left, column + 1u >= image.width));
}

// n / d where that is below 2²²: by floats it is at most one off, and whole numbers tell. Processors divide whole numbers one lane after
// the other.
fn quotient(n: u32, d: u32) -> u32 {
    let near = u32(f32(n) / f32(d));
    let below = near - u32(near * d > n);
    return below + u32(n - below * d >= d);
}

// The source index of an output index, floor((i + ½) · length / size), as Pillow and so Keras' load_img have it: in whole
// numbers, so that no rounding moves it, and in two parts, so that none overflows.
fn nearest_index(i: u32, length: u32, size: u32) -> u32 {
    let places = 2u * i + 1u;
    let whole = quotient(length, 2u * size);
    return places * whole + quotient(places * (length - 2u * size * whole), 2u * size);
}
