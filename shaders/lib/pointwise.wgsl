// Parameters, bindings and the epilogue of all families of the pointwise convolution. The bounds of an activation that only
// clamps, such as ReLU6, are parameters, so that layers with such an activation share a pipeline with layers without activation.
// Any other activation is fixed by ACTIVATION when the pipeline is created.
#import activation
#import stored
#import weight_panels

#params

override ACTIVATION: u32 = 0u;

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<Stored>;
@group(0) @binding(5) var<storage, read_write> y: array<Stored>;

// The parameters of the epilogue. They are read before the first store, because a compiler loads parameters again after a store.
struct Ending {
    rows: u32,
    output_groups: u32,
    residual: bool,
    clamped: bool,
    low: vec4<f32>,
    high: vec4<f32>,
}

fn ending_of_layer() -> Ending {
    let low = vec4<f32>(params.low);
    let high = vec4<f32>(params.high);
    return Ending(params.rows, params.outputs / $(4 * PARTS)u, params.residual == 1u, params.clamped == 1u, low, high);
}

fn activate(value: vec4<f32>, by: Ending) -> vec4<f32> {
    if (ACTIVATION != 0u) {
        return activation_value(ACTIVATION, value);
    }
    return select(value, clamp(value, by.low, by.high), by.clamped);
}
#if PARTS == 1

// Stores four outputs of a row, activate(sum + bias) + residual, if the row exists.
fn finish(row: u32, group: u32, sum: vec4<f32>, offset: vec4<f32>, by: Ending) {
    if (row < by.rows) {
        let at = row * by.output_groups + group;
        var value = activate(sum + offset, by);
        if (by.residual) {
            value += part_0(residual[at]);
        }
        y[at] = packed(value);
    }
}
#end
#if PARTS == 2

// Stores eight outputs of a row in the same way.
fn finish(row: u32, group: u32, sum_0: vec4<f32>, sum_1: vec4<f32>, offset_0: vec4<f32>, offset_1: vec4<f32>, by: Ending) {
    if (row < by.rows) {
        let at = row * by.output_groups + group;
        var value_0 = activate(sum_0 + offset_0, by);
        var value_1 = activate(sum_1 + offset_1, by);
        if (by.residual) {
            let shortcut = residual[at];
            value_0 += part_0(shortcut);
            value_1 += part_1(shortcut);
        }
        y[at] = packed(value_0, value_1);
    }
}
#end
