// What the families of the pointwise convolution share: parameters, bindings and the epilogue.
#import activation

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
}

override RESIDUAL: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

// Stores four outputs of a row, if there is such a row: activate(sum + bias) + residual.
fn finish(row: u32, quad: u32, sum: vec4<f32>, offset: vec4<f32>) {
    if (row < params.rows) {
        let at = row * (params.outputs / 4u) + quad;
        var value = activate(sum + offset);
        if (RESIDUAL == 1u) {
            value += residual[at];
        }
        y[at] = value;
    }
}
