// What the families of the first convolution share: parameters and bindings.
#import activate
#import stored
#params

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
