// The activation that ends a layer, fixed when the pipeline is made: 0 none, 1 ReLU, 2 ReLU6, 3 sigmoid.
override ACTIVATION: u32 = 0u;

fn activate(value: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 1u: { return max(value, vec4<f32>(0.0)); }
        case 2u: { return clamp(value, vec4<f32>(0.0), vec4<f32>(6.0)); }
        case 3u: {
            // The exponential of a negative number cannot overflow, so no finite input gives infinity or NaN.
            let decay = exp(-abs(value));
            return select(decay, vec4<f32>(1.0), value >= vec4<f32>(0.0)) / (1.0 + decay);
        }
        default: { return value; }
    }
}
