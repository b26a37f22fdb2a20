// Reads 8-bit RGB pictures of any size from the binding `pixels`: bytes R G B R G B …, four per word. Each picture starts at a
// word. If `windows` is 1, only three rows are stored for each row of the output: the nearest one and its neighbours.
struct Image {
    first_word: u32,
    width: u32,
    height: u32,
    windows: u32,
}

// Returns the place of a row among the stored rows. `nearest` is the row nearest to row i of the output, and the row is the nearest
// one or a neighbour of it if `windows` is 1.
fn stored_row(image: Image, row: u32, nearest: u32, i: u32) -> u32 {
    return select(row, 3u * i + row + 1u - nearest, image.windows == 1u);
}

// Returns red, green and blue of the pixel that starts at bit `shift` of `word`. `shift` is 0, 8, 16 or 24. The bytes that do not
// fit in `word` are in `next`.
fn colours(word: u32, next: u32, shift: u32) -> vec3<f32> {
    let bytes = (word >> shift) | select(next << (32u - shift), 0u, shift == 0u);
    return vec3<f32>(f32(bytes & 255u), f32((bytes >> 8u) & 255u), f32((bytes >> 16u) & 255u));
}

// Returns one pixel. Two words are loaded instead of three bytes, because each load costs about the same. A load past the last
// word of the last picture returns a value that is not used.
fn pixel(image: Image, row: u32, column: u32) -> vec3<f32> {
    let at = 3u * (row * image.width + column);
    let word = image.first_word + at / 4u;
    return colours(pixels[word], pixels[word + 1u], 8u * (at % 4u));
}

struct Neighbours {
    left: vec3<f32>,
    right: vec3<f32>,
}

// Returns a pixel and its right neighbour. At the right edge of the picture the neighbour is the pixel itself.
fn neighbours(image: Image, row: u32, column: u32) -> Neighbours {
    let at = 3u * (row * image.width + column);
    let word = image.first_word + at / 4u;
    let middle = pixels[word + 1u];
    let first = pixels[word];
    let left = colours(first, middle, 8u * (at % 4u));
    // The right pixel starts three bytes later. This is in the same word only if the left pixel starts at the first byte.
    let last = pixels[word + 2u];
    let same = at % 4u == 0u;
    let right = colours(select(middle, first, same), select(last, middle, same), 8u * ((at + 3u) % 4u));
    return Neighbours(left, select(right, left, column + 1u >= image.width));
}

// The place of the next pixel of a run along a row: its word, the bit of the word at which it starts, and the word itself.
struct Run {
    word: u32,
    shift: u32,
    current: u32,
}

// Starts a run at a byte of `pixels`.
fn run_from(byte: u32) -> Run {
    return Run(byte / 4u, 8u * (byte % 4u), pixels[byte / 4u]);
}

// Returns the next pixel of a run. This loads one word, where `pixel` loads two. A load past the last word of the last picture
// returns a value that is not used.
fn next_pixel(run: ptr<function, Run>) -> vec3<f32> {
    let next = pixels[(*run).word + 1u];
    let value = colours((*run).current, next, (*run).shift);
    // The next pixel starts three bytes later, which is in the next word unless this one started at the first byte.
    let moves = (*run).shift > 0u;
    (*run).word += u32(moves);
    (*run).current = select((*run).current, next, moves);
    (*run).shift = select(24u, (*run).shift - 8u, moves);
    return value;
}

// Returns n / d, rounded down, for quotients below 2²². A division of floats gives the quotient with an error of at most one,
// and integer products correct it. Many processors divide vectors of integers one lane at a time, which is slower.
fn quotient(n: u32, d: u32) -> u32 {
    let near = u32(f32(n) / f32(d));
    let below = near - u32(near * d > n);
    return below + u32(n - below * d >= d);
}

// Returns the source index of output index i, floor((i + ½) · length / size), as in Pillow and load_img of Keras. The integer
// arithmetic is exact. `length` is split in two parts so that no product overflows.
fn nearest_index(i: u32, length: u32, size: u32) -> u32 {
    let places = 2u * i + 1u;
    let whole = quotient(length, 2u * size);
    return places * whole + quotient(places * (length - 2u * size * whole), 2u * size);
}
