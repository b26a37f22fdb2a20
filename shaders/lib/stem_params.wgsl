// The parameters of the first convolution, of every family, and of its gradient by the input.
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
