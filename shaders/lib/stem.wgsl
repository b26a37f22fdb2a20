// What the families of the first convolution share: parameters and bindings.
#import activation
#import stored

struct Params {
    batch: u32,
    in_height: u32,
    in_width: u32,
    inputs: u32,
    out_height: u32,
    out_width: u32,
    outputs: u32,
    stride: u32,
    top: u32,
    left: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
#if WIDE == 0
@group(0) @binding(1) var<storage, read> x: array<Stored>;
#end
// The input is taken pixel by pixel, and an RGB pixel is four numbers.
#if WIDE
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
#end
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;
