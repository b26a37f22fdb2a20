// Gradients of batch norm by its weights:  dgamma[c] = Σ_m gy[m, c] x̂[m, c],  dbeta[c] = Σ_m gy[m, c]
// with x̂ = (x − mean) / √(variance + epsilon)
//
// gy        [rows, channels]   gradient of the loss by y
// x         [rows, channels]   what was normalised
// mean      [channels]         the statistics it was normalised with
// variance  [channels]
// dgamma    [parts, channels]   part p sums rows p · rows_a_part up to (p + 1) · rows_a_part; sum_of_parts adds them up
// dbeta     [parts, channels]
// channels is a multiple of four; every array is read as vec4.
//
// One workgroup takes four column quads of a part, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// Cost: five flops and two loads an element.
#import dispatch
#import tree_sum

struct Params {
    rows: u32,
    channels: u32,
    epsilon: f32,
    rows_a_part: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<vec4<f32>>;

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
    let lane = thread / 4u;
    let centre = mean[quad];

    var sum = vec4<f32>();
    var sum_of_products = vec4<f32>();
    for (var start = first_row + lane; start < end_row; start += 1024u) {
        let end = min(start + 1024u, end_row);
        var run = vec4<f32>();
        var run_of_products = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            let gradient = gy[row * quads + quad];
            run += gradient;
            run_of_products += gradient * (x[row * quads + quad] - centre);
        }
        sum += run;
        sum_of_products += run_of_products;
    }
    let gradient_of_beta = tree_sum(thread, 4u, sum);
    let gradient_of_gamma = tree_sum(thread, 4u, sum_of_products) / sqrt(variance[quad] + params.epsilon);
    if (lane == 0u && first + thread < quads) {
        dgamma[part * quads + quad] = gradient_of_gamma;
        dbeta[part * quads + quad] = gradient_of_beta;
    }
}
