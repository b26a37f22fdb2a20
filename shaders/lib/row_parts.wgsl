// Divides a sum over the rows of an array [rows, channels] between workgroups and threads. A workgroup processes four quads (of
// four channels) of one part of the rows, with sixteen threads per quad. Part p is the rows from p · rows_a_part up to, but not
// including, (p + 1) · rows_a_part. The workgroups of a part have consecutive indices.

// The share of one thread: every sixteenth row of the part, starting at first_row + lane, of one quad.
struct Share {
    part: u32,
    first_row: u32,
    end_row: u32,
    quad: u32,
    lane: u32,
    // Whether this thread stores the sums of its quad. Exactly one thread per quad does.
    stores: bool,
}

// Returns whether the part of a workgroup exists. The result is uniform, so a kernel with barriers may return on it. No member of a
// Share is uniform to a compiler, because some members differ between threads.
fn part_exists(index: u32, rows: u32, channels: u32, rows_a_part: u32) -> bool {
    return index / groups_of(channels) * rows_a_part < rows;
}

// Returns the number of workgroups of a part.
fn groups_of(channels: u32) -> u32 {
    return (channels / 4u + 3u) / 4u;
}

fn share_of(index: u32, thread: u32, rows: u32, channels: u32, rows_a_part: u32) -> Share {
    let quads = channels / 4u;
    let groups = groups_of(channels);
    let first_quad = (index % groups) * 4u;
    let lane = thread / 4u;
    var share: Share;
    share.part = index / groups;
    share.first_row = share.part * rows_a_part;
    share.end_row = min(share.first_row + rows_a_part, rows);
    share.quad = min(first_quad + thread % 4u, quads - 1u);
    share.lane = lane;
    share.stores = lane == 0u && first_quad + thread < quads;
    return share;
}
