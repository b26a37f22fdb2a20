// Weight gradient of a dense layer, register family:  dw[k, n] = Σ_m x[m, k] · gy[m, n]
//
// x   [rows, inputs]      the layer's input, loaded by shaders/lib/layer_input.wgsl
// gy  [rows, outputs]     gradient of the loss with respect to the output, before the activation
// dw  [parts, inputs, outputs]   part p sums rows p · rows_a_part to (p + 1) · rows_a_part
// inputs and outputs are multiples of four; all arrays are read as vec4. The rows are summed in parts, so that no chain of
// additions becomes long; sum_of_parts adds the parts. A batch of a few hundred rows is one part, and dw is then the result.
//
// One workgroup of 8 × 8 threads computes $(8 * ROWS) inputs × $(8 * COLUMNS) outputs of a part. A thread keeps $ROWS × $COLUMNS
// sums in registers. Neighbouring threads access neighbouring column quads of gy and dw.
// Cost: 2 · rows · inputs · outputs flops; a thread loads $(ROWS / 4 + COLUMNS / 4) vectors for $(ROWS * COLUMNS) multiply-adds.
#import layer_input

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dw: array<vec4<f32>>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(2 * COLUMNS - 1)u) / $(2 * COLUMNS)u;
    let input_tiles = (input_quads + $(2 * ROWS - 1)u) / $(2 * ROWS)u;
    let index = workgroup;
    let tile = index % (input_tiles * column_tiles);
    let part = index / (input_tiles * column_tiles);
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    // The quads of a thread lie eight apart, so that a row of threads reads consecutive memory.
    let first_quad = (tile % column_tiles) * $(2 * COLUMNS)u + thread % 8u;
    let first_input_quad = (tile / column_tiles) * $(2 * ROWS)u + thread / 8u;
    if (first_row >= params.rows || first_input_quad >= input_quads || first_quad >= output_quads) {
        return;
    }

    #for i in 0..ROWS / 4
    let input_quad_$i = min(first_input_quad + $(8 * i)u, input_quads - 1u);
    let by_$i = input_normalisation(input_quad_$i, input_quads);
    #end
    #for c in 0..COLUMNS / 4
    let quad_$c = min(first_quad + $(8 * c)u, output_quads - 1u);
    #end
    #for k in 0..ROWS
    #for c in 0..COLUMNS / 4
    var sum_$(k)_$c = vec4<f32>();
    #end
    #end

    for (var m = first_row; m < end_row; m++) {
        #for i in 0..ROWS / 4
        let value_$i = layer_input(x[m * input_quads + input_quad_$i], by_$i);
        #end
        #for c in 0..COLUMNS / 4
        let gradient_$c = gy[m * output_quads + quad_$c];
        #for k in 0..ROWS
        sum_$(k)_$c += value_$(k / 4)[$(k % 4)] * gradient_$c;
        #end
        #end
    }

    #for i in 0..ROWS / 4
    if (first_input_quad + $(8 * i)u < input_quads) {
        #for c in 0..COLUMNS / 4
        if (first_quad + $(8 * c)u < output_quads) {
            #for k in 0..4
            dw[(part * params.inputs + input_quad_$i * 4u + $(k)u) * output_quads + quad_$c] = sum_$(4 * i + k)_$c;
            #end
        }
        #end
    }
    #end
}
