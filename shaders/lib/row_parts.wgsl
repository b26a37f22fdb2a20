// How sums over the rows of [rows, channels] are shared out: a workgroup takes four column quads of a part of the rows, sixteen
// threads a quad. Part p is rows p · rows_a_part up to (p + 1) · rows_a_part; workgroups of a part are neighbours.
#import dispatch

// What one thread adds up: every sixteenth row of the part, from first_row + lane, of one column quad.
struct Share {
    part: u32,
    first_row: u32,
    end_row: u32,
    quad: u32,
    lane: u32,
    // Whether the workgroup has a part at all: a folded grid overshoots.
    exists: bool,
    // Whether this thread stores the sums of its quad: there is one such thread for each quad.
    stores: bool,
}

fn share_of(index: u32, thread: u32, rows: u32, channels: u32, rows_a_part: u32) -> Share {
    let quads = channels / 4u;
    let groups = (quads + 3u) / 4u;
    let first_quad = (index % groups) * 4u;
    let lane = thread / 4u;
    var share: Share;
    share.part = index / groups;
    share.first_row = share.part * rows_a_part;
    share.end_row = min(share.first_row + rows_a_part, rows);
    share.quad = min(first_quad + thread % 4u, quads - 1u);
    share.lane = lane;
    share.exists = share.first_row < rows;
    share.stores = lane == 0u && first_quad + thread < quads;
    return share;
}
