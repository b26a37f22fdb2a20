// What the kernels of batch norm share: the vectors of a channel quad, and y = gamma x̂ + beta with
// x̂ = (x − mean) / √(variance + epsilon). Where the backward pass decides what an activation let through, it computes the very
// same numbers as the forward pass did. The kernel declares `statistics` and `affine`, both [2, channels].
struct Channel {
    mean: vec4<f32>,
    deviation: vec4<f32>,
    scale: vec4<f32>,
    beta: vec4<f32>,
}

fn channel(quad: u32, quads: u32, epsilon: f32) -> Channel {
    let deviation = sqrt(statistics[quads + quad] + epsilon);
    return Channel(statistics[quad], deviation, affine[quad] / deviation, affine[quads + quad]);
}

fn normalise(c: Channel, x: vec4<f32>) -> vec4<f32> {
    return (x - c.mean) * c.scale + c.beta;
}
