// The activation at the end of a layer. Its code is fixed when the pipeline is created, so that only its own instructions remain.
#import activation

override ACTIVATION: u32 = 0u;

fn activate(value: vec4<f32>) -> vec4<f32> {
    return activation_value(ACTIVATION, value);
}
