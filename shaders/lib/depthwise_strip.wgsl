// Computes a strip of a depthwise 3×3 convolution: $(4 * PARTS) channels of $COLUMNS pixels across and any number of pixels down.
// The window moves down the strip. Each row of the input is read once, is added to every row of the output that depends on it,
// and is not kept. The kernel that imports this snippet binds bias and y, has the sizes of a depthwise convolution and strip_rows
// in its parameters, and defines
//     struct Held                                                     the values that a thread keeps for all rows
//     fn hold(strip: Strip, window: Window, group: u32) -> Held       loads these values for an existing group of channels
//     fn read_row(window: Window, row: WindowRow, held: Held) -> Row  loads the part of a row that the strip needs
//     fn taps(at: u32) -> Taps                                        loads vector `at` of the depthwise weights
#import activate
#if PARTS < 1 + WIDE
#import lane_pairs
#end

struct Strip {
    image: u32,
    // Rows first_row … last_row - 1 of the output, and columns from first_column.
    first_row: u32,
    last_row: u32,
    first_column: u32,
    // The group of $(4 * PARTS) channels.
    group: u32,
}

// The part of an input row that the windows of a strip cover, with zeros outside the image.
struct Row {
    #for v in 0..(COLUMNS - 1) * STRIDE + 3
    #for p in 0..PARTS
    of_$(v)_$p: vec4<f32>,
    #end
    #end
}

// The weights of one tap for a group of channels.
struct Taps {
    #for p in 0..PARTS
    of_$p: vec4<f32>,
    #end
}

// Returns the strip at a position in the order of all strips: across an image, then down it, then image by image.
fn strip_at(place: u32, group: u32) -> Strip {
    let across = (params.out_width + $(COLUMNS - 1)u) / $(COLUMNS)u;
    let down = (params.out_height + params.strip_rows - 1u) / params.strip_rows;
    let first_row = (place / across % down) * params.strip_rows;
    let last_row = min(first_row + params.strip_rows, params.out_height);
    return Strip(place / (across * down), first_row, last_row, (place % across) * $(COLUMNS)u, group);
}

// The position in the input of the windows of a strip, which is the same for all rows. It is computed before the first store,
// because a compiler loads parameters again after a store.
struct Window {
    // Number of input rows in the images before this one.
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

// Returns the input column of a column of the window, clamped to the image.
fn column_at(window: Window, column: i32) -> u32 {
    return u32(clamp(window.first_column + column, 0, i32(window.width) - 1));
}

struct WindowRow {
    inside: bool,
    // Number of input pixels before the row.
    at: u32,
}

// Returns a row of the input, counted from the first row that a window of the strip covers.
fn window_row(window: Window, i: u32) -> WindowRow {
    let row = window.first_row + i32(i);
    let nearest = u32(clamp(row, 0, window.height - 1));
    return WindowRow((row >= 0) & (row < window.height), (window.image_at + nearest) * window.width);
}

fn convolve(strip: Strip) {
    let groups = params.channels / $(4 * PARTS)u;
    let group = min(strip.group, groups - 1u);
    let window = window_of(strip);
    let held = hold(strip, window, group);
    let out_width = params.out_width;
    let out_rows = strip.image * params.out_height;
    #for t in 0..9
    let taps_$t = taps($(t)u * groups + group);
    #end
    #for p in 0..PARTS
    let offset_$p = bias[group * $(PARTS)u + $(p)u];
    // Sums of the output rows that are not complete: the next row and, at stride 1, the one after it.
    #for c in 0..COLUMNS
    var next_$(c)_$p = offset_$p;
    #if STRIDE == 1
    var after_$(c)_$p = offset_$p;
    #end
    #end
    #end
    // Number of rows of the input, from the first one that a window of the strip covers. At stride 2, every second row completes
    // a row of the output.
    let in_rows = (strip.last_row - strip.first_row) * $(STRIDE)u + $(3 - STRIDE)u;
    for (var i = 0u; i < in_rows; i++) {
        let row = read_row(window, window_row(window, i), held);
        #for p in 0..PARTS
        #for c in 0..COLUMNS
        // The sums that the row adds to a pixel if it is the first, second or third row of the pixel's window.
        #for u in 0..3
        let seen_$(c)_$(u)_$p = row.of_$(c * STRIDE)_$p * taps_$(3 * u).of_$p + row.of_$(c * STRIDE + 1)_$p * taps_$(3 * u + 1).of_$p + row.of_$(c * STRIDE + 2)_$p * taps_$(3 * u + 2).of_$p;
        #end
        let done_$(c)_$p = next_$(c)_$p + seen_$(c)_2_$p;
        #if STRIDE == 1
        next_$(c)_$p = after_$(c)_$p + seen_$(c)_1_$p;
        after_$(c)_$p = offset_$p + seen_$(c)_0_$p;
        #end
        #if STRIDE == 2
        next_$(c)_$p = select(next_$(c)_$p + seen_$(c)_1_$p, offset_$p + seen_$(c)_0_$p, i % 2u == 0u);
        #end
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
        #if PARTS == 1 + WIDE
        let at = ((out_rows + out_row) * out_width + strip.first_column) * groups + strip.group;
        #for c in 0..COLUMNS
        if (completes & (strip.first_column + $(c)u < out_width) & (strip.group < groups)) {
            #if PARTS == 1
            y[at + $(c)u * groups] = packed(activate(done_$(c)_0));
            #end
            #if PARTS == 2
            y[at + $(c)u * groups] = packed(activate(done_$(c)_0), activate(done_$(c)_1));
            #end
        }
        #end
        #end
        #if PARTS < 1 + WIDE
        // Each lane of a pair stores one of two pixels, with the channels of both lanes.
        let column = strip.first_column + strip.group % 2u;
        let at = (((out_rows + out_row) * out_width + column) * groups + strip.group) / 2u;
        #for c in 0..(COLUMNS + 1) / 2
        let pixels_$c = turned(activate(done_$(2 * c)_0), activate(done_$((2 * c + 1) % COLUMNS)_0), strip.group);
        if (completes & (column + $(2 * c)u < min(strip.first_column + $(COLUMNS)u, out_width)) & (strip.group < groups)) {
            y[at + $(c)u * groups] = packed(pixels_$c.first, pixels_$c.second);
        }
        #end
        #end
    }
}
