// A part of the rows of a matrix for a workgroup of 64 threads that takes four column quads of it, sixteen threads a quad.
struct RowPart {
    // There is such a part.
    exists: bool,
    part: u32,
    first_row: u32,
    end_row: u32,
    // The thread's column quad, and whether it is the one that stores.
    quad: u32,
    lane: u32,
    stores: bool,
}

fn row_part(index: u32, thread: u32, rows: u32, rows_a_part: u32, quads: u32) -> RowPart {
    let groups = (quads + 3u) / 4u;
    let first = (index % groups) * 4u;
    let part = index / groups;
    let first_row = part * rows_a_part;
    let lane = thread / 4u;
    return RowPart(
        first_row < rows,
        part,
        first_row,
        min(first_row + rows_a_part, rows),
        min(first + thread % 4u, quads - 1u),
        lane,
        lane == 0u && first + thread < quads,
    );
}
