// The activation that ends a layer, fixed when the pipeline is made: 0 none, 1 ReLU, 2 ReLU6, 3 sigmoid.
#import sigmoid
override ACTIVATION: u32 = 0u;

fn activate(value: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 1u: { return max(value, vec4<f32>(0.0)); }
        case 2u: { return clamp(value, vec4<f32>(0.0), vec4<f32>(6.0)); }
        case 3u: { return sigmoid(value); }
        default: { return value; }
    }
}
