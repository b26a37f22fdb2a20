// Input gradient of a dense 3×3 convolution:
//   dx[b, r, q, c] = Σ_{u,v,n} gy[b, (r + top − u) / s, (q + left − v) / s, n] · w[u, v, c, n],  s = stride
// The sum runs over the taps (u, v) for which s divides both r + top − u and q + left − v.
//
// gy  [batch, out_height, out_width, outputs]   gradient of the loss with respect to the output; zero outside the image
// w   [3, 3, inputs, outputs]
// dx  [batch, in_height, in_width, inputs]
// inputs and outputs are multiples of four; all arrays are read as vec4. Training does not need this kernel, because no layer
// comes before the first.
//
// One thread computes four channels of a pixel. Neighbouring threads read the same weights.
// Cost: 18 / s² · inputs · outputs flops per pixel; five loads for 16 multiply-adds.
#params

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let input_quads = params.inputs / 4u;
    let output_quads = params.outputs / 4u;
    let index = workgroup * 64u + thread;
    let input_quad = index % input_quads;
    let pixel = index / input_quads;
    let batch = pixel / (params.in_height * params.in_width);
    if (batch >= params.batch) {
        return;
    }
    let row = pixel / params.in_width % params.in_height + params.top;
    let column = pixel % params.in_width + params.left;

    var sum = vec4<f32>();
    for (var u = row % params.stride; u <= min(2u, row); u += params.stride) {
        let out_row = (row - u) / params.stride;
        if (out_row >= params.out_height) {
            continue;
        }
        for (var v = column % params.stride; v <= min(2u, column); v += params.stride) {
            let out_column = (column - v) / params.stride;
            if (out_column >= params.out_width) {
                continue;
            }
            let gy_at = ((batch * params.out_height + out_row) * params.out_width + out_column) * output_quads;
            let w_at = ((u * 3u + v) * params.inputs + input_quad * 4u) * output_quads;
            for (var n = 0u; n < output_quads; n++) {
                let gradient = gy[gy_at + n];
                #for k in 0..4
                sum[$k] += dot(gradient, w[w_at + $(k)u * output_quads + n]);
                #end
            }
        }
    }
    dx[index] = sum;
}
