// Computes a loss that is a mean over the attributes of each sample, and the gradient of the batch's mean loss with respect to
// the predictions:
// loss[s] = Σ_a w f(p, y) / attributes,   gradient[s, a] = w ∂f/∂p / (attributes batch)
// The override LOSS selects f:
// 0  mean squared error    f = (p − y)²
// 1  mean absolute error   f = |p − y|, with gradient 0 where p = y
// 2  binary cross-entropy  f = −y ln(p + e) − (1 − y) ln(1 − p + e), e = 1e-7, p clipped to 1e-7 … 1 − 1e-7  (TensorFlow 2)
// 3  binary cross-entropy  f = −y ln p − (1 − y) ln(1 − p), p clipped to 1e-7 … 1 − 2⁻²³  (Keras 2.2.4, which uses the logit)
// Where p is clipped, the gradient of 2 and 3 is 0. Keras computes in single precision, in which 1 − 1e-7 is 1 − 2⁻²³.
//
// predictions  [batch, channels]   p; channels is `attributes` rounded up to a multiple of four
// labels       [batch, channels]   y
// weights      [batch, channels]   w; read only if WEIGHTED is 1, otherwise w = 1
// loss         [batch]
// gradient     [batch, channels]   0 in the padding
// The padding of predictions, labels and weights may hold any values. All arrays except loss are read as vec4.
//
// One workgroup computes one sample. Cost: up to sixty flops, two or three loads and one store per element.
#import tree_sum

#params

override LOSS: u32 = 0u;
override WEIGHTED: u32 = 0u;
const FLOOR = vec4<f32>(1e-7);

@group(0) @binding(1) var<storage, read> predictions: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> labels: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<vec4<f32>>;

// The loss f and its slope ∂f/∂p of four elements.
struct Elements {
    loss: vec4<f32>,
    slope: vec4<f32>,
}

// Returns −ln(value), where value = 1 − complement. For values above one half this computes the series of
// 2 artanh(complement / (2 − complement)) instead. The built-in log has an absolute error near 1 that may exceed the small loss
// of a confident prediction, and 1 − complement has already lost the digits that make up this loss.
fn minus_logarithm(value: vec4<f32>, complement: vec4<f32>) -> vec4<f32> {
    let t = complement / (2.0 - complement);
    let s = t * t;
    let series = 1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s / 13.0)))));
    return select(-log(value), 2.0 * t * series, complement < vec4<f32>(0.5));
}

fn cross_entropy(prediction: vec4<f32>, y: vec4<f32>) -> Elements {
    var added = 0.0;
    var least_rest = vec4<f32>(0x1p-23);
    if (LOSS == 2u) {
        added = 1e-7;
        least_rest = FLOOR;
    }
    // Near p = 1 the small number 1 − p is exact, so it is clipped instead of p.
    let rest = 1.0 - prediction;
    let below = prediction < FLOOR;
    let above = rest < least_rest;
    let p = select(select(prediction, 1.0 - least_rest, above), FLOOR, below);
    let q = select(select(rest, 1.0 - FLOOR, below), least_rest, above);
    var elements: Elements;
    elements.loss = y * minus_logarithm(p + added, q - added) + (1.0 - y) * minus_logarithm(q + added, p - added);
    let slope = (1.0 - y) / (q + added) - y / (p + added);
    elements.slope = select(slope, vec4<f32>(), below | above);
    return elements;
}

fn elements(quad: u32, at: u32) -> Elements {
    let p = predictions[at];
    let y = labels[at];
    var elements: Elements;
    if (LOSS == 0u) {
        elements.loss = (p - y) * (p - y);
        elements.slope = 2.0 * (p - y);
    } else if (LOSS == 1u) {
        elements.loss = abs(p - y);
        elements.slope = sign(p - y);
    } else {
        elements = cross_entropy(p, y);
    }
    if (WEIGHTED == 1u) {
        elements.loss *= weights[at];
        elements.slope *= weights[at];
    }
    let position = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let real = position < vec4<u32>(params.attributes);
    elements.loss = select(vec4<f32>(), elements.loss, real);
    elements.slope = select(vec4<f32>(), elements.slope, real);
    return elements;
}

#entry 64 {
    let sample = workgroup;
    if (sample >= params.batch) {
        return;
    }
    let quads = params.channels / 4u;
    let row = sample * quads;
    let scale = 1.0 / (f32(params.attributes) * f32(params.batch));
    var sums = vec4<f32>();
    for (var quad = thread; quad < quads; quad += 64u) {
        let four = elements(quad, row + quad);
        sums += four.loss;
        gradient[row + quad] = scale * four.slope;
    }
    let total = tree_sum(thread, 1u, sums);
    if (thread == 0u) {
        loss[sample] = dot(total, vec4<f32>(1.0)) / f32(params.attributes);
    }
}
