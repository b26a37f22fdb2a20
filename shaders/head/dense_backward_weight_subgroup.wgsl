// Weight gradient of a dense layer, subgroup family:  dw[k, n] = Σ_m x[m, k] · gy[m, n]
//
// x   [rows, inputs]      the layer's input, loaded by shaders/lib/layer_input.wgsl
// gy  [rows, outputs]     gradient of the loss with respect to the output, before the activation
// dw  [parts, inputs, outputs]   part p sums rows p · rows_a_part to (p + 1) · rows_a_part
// inputs and outputs are multiples of four; all arrays are read as vec4. The rows are summed in parts, so that no chain of
// additions becomes long; sum_of_parts adds the parts. A batch of a few hundred rows is one part, and dw is then the result.
//
// One workgroup is one subgroup of $LANES lanes and computes $(LANES * INPUTS) inputs × $COLUMNS outputs of a part. A lane keeps
// $INPUTS inputs. The lanes load $TOGETHER rows of gy together and broadcast them, so that no element is loaded twice.
// Cost: 2 · rows · inputs · outputs flops; x is read outputs / $COLUMNS times, gy inputs / $(LANES * INPUTS) times.
#import layer_input

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dw: array<vec4<f32>>;

#entry subgroup {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let column_tiles = (output_quads + $(COLUMNS / 4 - 1)u) / $(COLUMNS / 4)u;
    let input_tiles = (input_quads + $(LANES * INPUTS / 4 - 1)u) / $(LANES * INPUTS / 4)u;
    let index = workgroup;
    let tile = index % (input_tiles * column_tiles);
    let part = index / (input_tiles * column_tiles);
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    let first_quad = (tile % column_tiles) * $(COLUMNS / 4)u;
    let first_input_quad = (tile / column_tiles) * $(LANES * INPUTS / 4)u + lane;
    if (first_row >= params.rows) {
        return;
    }

    #for i in 0..INPUTS / 4
    let input_quad_$i = min(first_input_quad + $(i * LANES)u, input_quads - 1u);
    let by_$i = input_normalisation(input_quad_$i, input_quads);
    #end
    #for q in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let gy_at_$q = min(first_quad + $(q * LANES)u + lane, output_quads - 1u);
    #end
    #for k in 0..INPUTS
    #for c in 0..COLUMNS / 4
    var sum_$(k)_$c = vec4<f32>();
    #end
    #end

    for (var m = first_row; m < end_row; m += $(TOGETHER)u) {
        #for r in 0..TOGETHER
        let row_$r = min(m + $(r)u, end_row - 1u);
        #for q in 0..(COLUMNS / 4 + LANES - 1) / LANES
        let gy_$(r)_$q = gy[row_$r * output_quads + gy_at_$q];
        #end
        #for c in 0..COLUMNS / 4
        let gradient_$(r)_$c = subgroupBroadcast(gy_$(r)_$(c / LANES), $(c % LANES)u);
        #end
        #end
        // Inputs are loaded just before their products are computed, and all rows are added to a sum before the next sum begins,
        // as in pointwise_subgroup.
        #for i in 0..INPUTS / 4
        #for r in 0..TOGETHER
        let value_$(r)_$i = select(vec4<f32>(), layer_input(x[row_$r * input_quads + input_quad_$i], by_$i), m + $(r)u < end_row);
        #end
        #for c in 0..COLUMNS / 4
        #for k in 0..4
        #for r in 0..TOGETHER
        sum_$(4 * i + k)_$c += value_$(r)_$i[$k] * gradient_$(r)_$c;
        #end
        #end
        #end
        #end
    }

    // This is a loop because every store in the source makes the kernel larger and slower to compile.
    for (var k = 0u; k < 4u; k++) {
        #for i in 0..INPUTS / 4
        let at_$i = (part * params.inputs + input_quad_$i * 4u + k) * output_quads + first_quad;
        #for c in 0..COLUMNS / 4
        var end_$(i)_$c = sum_$(4 * i)_$c;
        #for s in 1..4
        end_$(i)_$c = select(end_$(i)_$c, sum_$(4 * i + s)_$c, k == $(s)u);
        #end
        if ((first_input_quad + $(i * LANES)u < input_quads) & (first_quad + $(c)u < output_quads)) {
            dw[at_$i + $(c)u] = end_$(i)_$c;
        }
        #end
        #end
    }
}
