// What the families of the pointwise convolution share: parameters, bindings and the epilogue. How a layer ends is a parameter but
// for the sigmoid, so that the layers of a network share one pipeline a tile.
#import sigmoid
#import stored
#import weight_panels

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    // Quads of columns whose weights lie together.
    panel_quads: u32,
    // Whether there is a residual.
    residual: u32,
    // Whether values end between low and high.
    clamped: u32,
    low: f32,
    high: f32,
}

override SIGMOID: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<Stored>;
@group(0) @binding(5) var<storage, read_write> y: array<Stored>;

// How the layer ends. Read once, before anything is stored: what is read of the parameters after a store is read again.
struct Ending {
    rows: u32,
    output_quads: u32,
    residual: bool,
    clamped: bool,
    low: vec4<f32>,
    high: vec4<f32>,
}

fn ending_of_layer() -> Ending {
    let low = vec4<f32>(params.low);
    let high = vec4<f32>(params.high);
    return Ending(params.rows, params.outputs / 4u, params.residual == 1u, params.clamped == 1u, low, high);
}

fn activate(value: vec4<f32>, by: Ending) -> vec4<f32> {
    if (SIGMOID == 1u) {
        return sigmoid(value);
    }
    return select(value, clamp(value, by.low, by.high), by.clamped);
}

// Stores four outputs of a row, if there is such a row: activate(sum + bias) + residual.
fn finish(row: u32, quad: u32, sum: vec4<f32>, offset: vec4<f32>, by: Ending) {
    if (row < by.rows) {
        let at = row * by.output_quads + quad;
        var value = activate(sum + offset, by);
        if (by.residual) {
            value += vec4<f32>(residual[at]);
        }
        y[at] = Stored(value);
    }
}
