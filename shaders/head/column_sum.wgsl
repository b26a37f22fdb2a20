// Sums of columns, the gradient of a bias:  y[c] = Σ_m x[m, c]
//
// x  [rows, channels]
// y  [parts, channels]   part p sums rows p · rows_a_part up to (p + 1) · rows_a_part; sum_of_parts adds them up
// channels is a multiple of four; both arrays are read as vec4.
//
// One workgroup takes four column quads of a part, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// Cost: one addition and one load an element.
#import dispatch
#import tree_sum

struct Params {
    rows: u32,
    channels: u32,
    rows_a_part: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let groups = (quads + 3u) / 4u;
    let index = linear_workgroup(workgroup, grid);
    let first = (index % groups) * 4u;
    let part = index / groups;
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    if (first_row >= params.rows) {
        return;
    }
    let quad = min(first + thread % 4u, quads - 1u);
    var sum = vec4<f32>();
    for (var start = first_row + thread / 4u; start < end_row; start += 1024u) {
        let end = min(start + 1024u, end_row);
        var run = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            run += x[row * quads + quad];
        }
        sum += run;
    }
    let total = tree_sum(thread, 4u, sum);
    if (thread < 4u && first + thread < quads) {
        y[part * quads + quad] = total;
    }
}
