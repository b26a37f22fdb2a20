// A strip of a depthwise 3×3 convolution: $COLUMNS pixels across, any number down, of four channels. The window moves down the strip:
// each row of the input is taken once, adds to every row of the output that sees it, and is forgotten. The kernel that imports this defines
//     struct Held                                            what it needs for every row
//     fn hold(quad: u32) -> Held                             …for four channels
//     fn read_row(strip: Strip, row: i32, held: Held) -> Row
// binds w, bias and y, and has in its parameters the sizes of a depthwise convolution and strip_rows.
#import activation

struct Strip {
    image: u32,
    // Rows first_row … last_row - 1 and columns from first_column of the output.
    first_row: u32,
    last_row: u32,
    first_column: u32,
    quad: u32,
}

// A row of the input as the windows of a strip see it, zeros outside the image.
struct Row {
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    of_$v: vec4<f32>,
    #end
}

// The strip of four channels at a place on the line of all strips: across an image, down it, image by image.
fn strip_at(place: u32, quad: u32) -> Strip {
    let across = (params.out_width + $(COLUMNS - 1)u) / $(COLUMNS)u;
    let down = (params.out_height + params.strip_rows - 1u) / params.strip_rows;
    let first_row = (place / across % down) * params.strip_rows;
    let last_row = min(first_row + params.strip_rows, params.out_height);
    return Strip(place / (across * down), first_row, last_row, (place % across) * $(COLUMNS)u, quad);
}

// Where a row of the input lies that the windows of a strip see.
struct WindowRow {
    inside: bool,
    // Pixels of the input before the row.
    at: u32,
    first_column: i32,
}

fn window_row(strip: Strip, row: i32) -> WindowRow {
    let nearest = u32(clamp(row, 0, i32(params.in_height) - 1));
    let at = (strip.image * params.in_height + nearest) * params.in_width;
    return WindowRow((row >= 0) & (row < i32(params.in_height)), at, i32(strip.first_column * $(STRIDE)u) - i32(params.left));
}

// The pixel in a column of the row, or one that there is.
fn pixel_at(window: WindowRow, column: i32) -> u32 {
    return window.at + u32(clamp(window.first_column + column, 0, i32(params.in_width) - 1));
}

fn is_inside(window: WindowRow, column: i32) -> bool {
    return window.inside & (window.first_column + column >= 0) & (window.first_column + column < i32(params.in_width));
}

fn convolve(strip: Strip) {
    let quads = params.channels / 4u;
    let quad = min(strip.quad, quads - 1u);
    let held = hold(quad);
    #for t in 0..9
    let tap_$t = w[$(t)u * quads + quad];
    #end
    let offset = bias[quad];
    // The rows of the output that have seen some of their rows of the input already: the next one, and at stride 1 the one after.
    #for c in 0..COLUMNS
    var next_$c = offset;
    #if STRIDE == 1
    var after_$c = offset;
    #end
    #end
    // Rows of the input, counted from the first that any window of the strip sees; at stride 2 every second one completes an output.
    let in_rows = (strip.last_row - strip.first_row) * $(STRIDE)u + $(3 - STRIDE)u;
    for (var i = 0u; i < in_rows; i++) {
        let row = read_row(strip, i32(strip.first_row * $(STRIDE)u + i) - i32(params.top), held);
        #for c in 0..COLUMNS
        // What the row adds to a pixel whose window sees it as its first, second or third.
        #for u in 0..3
        let seen_$(c)_$u = row.of_$(c * STRIDE) * tap_$(3 * u) + row.of_$(c * STRIDE + 1) * tap_$(3 * u + 1) + row.of_$(c * STRIDE + 2) * tap_$(3 * u + 2);
        #end
        let done_$c = next_$c + seen_$(c)_2;
        #if STRIDE == 1
        next_$c = after_$c + seen_$(c)_1;
        after_$c = offset + seen_$(c)_0;
        #end
        #if STRIDE == 2
        next_$c = select(next_$c + seen_$(c)_1, offset + seen_$(c)_0, i % 2u == 0u);
        #end
        #end
        #if STRIDE == 1
        let completes = i >= 2u;
        let out_row = strip.first_row + max(i, 2u) - 2u;
        #end
        #if STRIDE == 2
        let completes = (i % 2u == 0u) & (i >= 2u);
        let out_row = strip.first_row + max(i, 2u) / 2u - 1u;
        #end
        let at = ((strip.image * params.out_height + out_row) * params.out_width + strip.first_column) * quads + strip.quad;
        #for c in 0..COLUMNS
        if (completes & (strip.first_column + $(c)u < params.out_width) & (strip.quad < quads)) {
            y[at + $(c)u * quads] = activate(done_$c);
        }
        #end
    }
}
