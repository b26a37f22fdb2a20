// Computes the cosine proximity of each sample, as in Keras 2.2.4, and its gradient with respect to the predictions:
// loss[s] = −Σ_a n(y)[s, a] n(p)[s, a],  n(v) = v / √max(Σ v², 1e-12);  the loss of the batch is the mean over its samples
// gradient[s, a] = −(n(y) − n(p) Σ n(y) n(p)) / (|p| batch) where Σ p² ≥ 1e-12,  −10⁶ n(y) / batch otherwise
// If ANGLE is 1, the loss is the angle instead of its cosine, as in the text of the paper: loss[s] = arccos Σ n(y) n(p). The
// gradient is then divided by √max(1 − (Σ n(y) n(p))², 1e-6); the lower bound is needed because arccos has no derivative at ±1.
//
// predictions  [batch, channels]   p; channels is `attributes` rounded up to a multiple of four
// labels       [batch, channels]   y
// loss         [batch]
// gradient     [batch, channels]   gradient of the mean loss of the batch; 0 in the padding
// The padding of predictions and labels may hold any values. All arrays except loss are read as vec4.
//
// One workgroup computes one sample: one pass over the row for the three sums, and one pass for the gradient.
// Cost: twelve flops, two loads and one store per element.
#import tree_sum

#params

override ANGLE: u32 = 0u;

const FLOOR = 1e-12;

const COEFFICIENTS = array<f32, 7>(
    0.0066700901, -0.0170881256, 0.0308918810, -0.0501743046, 0.0889789874, -0.2145988016, 1.5707963050,
);

@group(0) @binding(1) var<storage, read> predictions: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> labels: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4<f32>>;

fn without_padding(value: vec4<f32>, quad: u32) -> vec4<f32> {
    let position = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(), value, position < vec4<u32>(params.attributes));
}

// Returns arccos by polynomial 4.4.46 of Abramowitz and Stegun, whose error is at most 2e-8. The built-in acos of WGSL may
// have a much larger error than one rounding in f32.
fn angle(cosine: f32) -> f32 {
    let x = min(abs(cosine), 1.0);
    var polynomial = -0.0012624911;
    for (var i = 0u; i < 7u; i++) {
        polynomial = polynomial * x + COEFFICIENTS[i];
    }
    let acute = sqrt(1.0 - x) * polynomial;
    return select(acute, 3.14159265 - acute, cosine < 0.0);
}

#entry 64 {
    let sample = workgroup;
    if (sample >= params.batch) {
        return;
    }
    let quads = params.channels / 4u;
    let row = sample * quads;

    var sums = vec4<f32>();
    for (var quad = thread; quad < quads; quad += 64u) {
        let p = without_padding(predictions[row + quad], quad);
        let y = without_padding(labels[row + quad], quad);
        sums += vec4<f32>(dot(y, y), dot(p, p), dot(y, p), 0.0);
    }
    let total = tree_sum(thread, 1u, sums);
    let inverse_y = 1.0 / sqrt(max(total.x, FLOOR));
    let inverse_p = 1.0 / sqrt(max(total.y, FLOOR));
    let cosine = total.z * inverse_y * inverse_p;
    if (thread == 0u) {
        loss[sample] = -cosine;
        if (ANGLE == 1u) {
            loss[sample] = angle(cosine);
        }
    }

    // Below the floor n(p) is linear in p, so the gradient has no projection term.
    let projection = select(0.0, cosine * inverse_p, total.y >= FLOOR);
    var scale = -inverse_p / f32(params.batch);
    if (ANGLE == 1u) {
        scale /= sqrt(max(1.0 - cosine * cosine, 1e-6));
    }
    for (var quad = thread; quad < quads; quad += 64u) {
        let value = scale * (labels[row + quad] * inverse_y - predictions[row + quad] * projection);
        gradient[row + quad] = without_padding(value, quad);
    }
}
