// Gradient of a dense layer by its weights, subgroup family:  dw[k, n] = Σ_m x[m, k] · gy[m, n]
//
// x   [rows, inputs]      the layer's input, or what shaders/lib/layer_input.wgsl makes it of by statistics and affine
// gy  [rows, outputs]     gradient of the loss by its output, before the activation
// dw  [parts, inputs, outputs]   part p sums rows p · rows_a_part up to (p + 1) · rows_a_part
// inputs and outputs are multiples of four; every array is read as vec4. The rows are summed in parts, so that no run of
// additions grows long; sum_of_parts adds them up. A batch of some hundreds is a single part, and dw the result itself.
//
// One workgroup is one subgroup of $LANES lanes and computes $(LANES * 4) inputs × $COLUMNS outputs of a part: a lane keeps four inputs,
// the lanes load a row of gy together and broadcast it, so that no element is loaded twice.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $COLUMNS times, gy inputs / $(LANES * 4) times.
#import dispatch
#import layer_input

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    rows_a_part: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dw: array<vec4<f32>>;

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(COLUMNS / 4 - 1)u) / $(COLUMNS / 4)u;
    let input_tiles = (input_quads + $(LANES - 1)u) / $(LANES)u;
    let index = linear_workgroup(workgroup, grid);
    let tile = index % (input_tiles * column_tiles);
    let part = index / (input_tiles * column_tiles);
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    let first_quad = (tile % column_tiles) * $(COLUMNS / 4)u;
    let first_input_quad = (tile / column_tiles) * $(LANES)u;
    if (first_row >= params.rows) {
        return;
    }

    let input_quad = min(first_input_quad + lane, input_quads - 1u);
    let by = input_normalisation(input_quad, input_quads);
    #for q in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let gy_at_$q = min(first_quad + $(q * LANES)u + lane, output_quads - 1u);
    #end
    #for k in 0..4
    #for c in 0..COLUMNS / 4
    var sum_$(k)_$c = vec4<f32>();
    #end
    #end

    for (var m = first_row; m < end_row; m++) {
        let value = layer_input(x[m * input_quads + input_quad], by);
        #for q in 0..(COLUMNS / 4 + LANES - 1) / LANES
        let gy_$q = gy[m * output_quads + gy_at_$q];
        #end
        #for c in 0..COLUMNS / 4
        let gradient_$c = subgroupBroadcast(gy_$(c / LANES), $(c % LANES)u);
        #for k in 0..4
        sum_$(k)_$c += value[$k] * gradient_$c;
        #end
        #end
    }

    if (first_input_quad + lane < input_quads) {
        #for c in 0..COLUMNS / 4
        if (first_quad + $(c)u < output_quads) {
            #for k in 0..4
            dw[(part * params.inputs + input_quad * 4u + $(k)u) * output_quads + first_quad + $(c)u] = sum_$(k)_$c;
            #end
        }
        #end
    }
}
