// A strip of a depthwise 3×3 convolution: $COLUMNS pixels across, any number down, of four channels. The window moves down the strip:
// each row of the input is taken once, adds to every row of the output that sees it, and is forgotten. The kernel that imports this defines
//     struct Held                                                     what it needs for every row
//     fn hold(strip: Strip, window: Window, quad: u32) -> Held        …for four channels that there are
//     fn read_row(window: Window, row: WindowRow, held: Held) -> Row
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

// Where the windows of a strip lie in the input, the same for every row of it. Read once, before anything is stored: what is read of the
// parameters after a store is read again.
struct Window {
    // Rows of the input before the image.
    image_at: u32,
    height: i32,
    width: u32,
    first_row: i32,
    first_column: i32,
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    inside_$v: bool,
    #end
}

fn window_of(strip: Strip) -> Window {
    var window: Window;
    window.image_at = strip.image * params.in_height;
    window.height = i32(params.in_height);
    window.width = params.in_width;
    window.first_row = i32(strip.first_row * $(STRIDE)u) - i32(params.top);
    window.first_column = i32(strip.first_column * $(STRIDE)u) - i32(params.left);
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    window.inside_$v = (window.first_column + $v >= 0) & (window.first_column + $v < i32(window.width));
    #end
    return window;
}

// The column of the input that a window's column is, or one that there is.
fn column_at(window: Window, column: i32) -> u32 {
    return u32(clamp(window.first_column + column, 0, i32(window.width) - 1));
}

struct WindowRow {
    inside: bool,
    // Pixels of the input before the row.
    at: u32,
}

// A row of the input, counted from the first that any window of the strip sees.
fn window_row(window: Window, i: u32) -> WindowRow {
    let row = window.first_row + i32(i);
    let nearest = u32(clamp(row, 0, window.height - 1));
    return WindowRow((row >= 0) & (row < window.height), (window.image_at + nearest) * window.width);
}

fn convolve(strip: Strip) {
    let quads = params.channels / 4u;
    let quad = min(strip.quad, quads - 1u);
    let window = window_of(strip);
    let held = hold(strip, window, quad);
    let out_width = params.out_width;
    let out_rows = strip.image * params.out_height;
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
        let row = read_row(window, window_row(window, i), held);
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
        let at = ((out_rows + out_row) * out_width + strip.first_column) * quads + strip.quad;
        #for c in 0..COLUMNS
        if (completes & (strip.first_column + $(c)u < out_width) & (strip.quad < quads)) {
            y[at + $(c)u * quads] = activate(done_$c);
        }
        #end
    }
}
