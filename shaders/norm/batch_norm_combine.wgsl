// Combines the batch statistics of parts of the rows to those of all rows, and updates the running statistics.
// Part p has the weight w[p] = rows of the part / rows. The formula is the pairwise one of Chan, Golub and LeVeque (1983), with
// deviations from the mean of the first part:
//   mean[c] = means[0, c] + d[c],  d[c] = Σ_p w[p] (means[p, c] − means[0, c])
//   variance[c] = Σ_p w[p] (variances[p, c] + (means[p, c] − means[0, c])²) − d[c]²
//   running mean[c] = momentum · running mean[c] + (1 − momentum) · mean[c]
//   running variance[c] = momentum · running variance[c] + (1 − momentum) · correction · variance[c]
//
// of_parts    [parts, 2, channels]  mean, then biased variance, of each part, from batch_norm_statistics
// statistics  [2, channels]         mean, then biased variance
// running     [2, channels]         running mean, then running variance; updated
// channels is a multiple of four; all arrays are read as vec4.
//
// One workgroup processes four quads (of four channels), with sixteen threads per quad. Each thread adds every sixteenth part.
// Cost: seven flops and two loads per channel and part.
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> of_parts: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> running: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let first = workgroup * 4u;
    if (first >= quads) {
        return;
    }
    let quad = min(first + thread % 4u, quads - 1u);
    let lane = thread / 4u;
    let origin = of_parts[quad];

    var sum = vec4<f32>();
    var squares = vec4<f32>();
    for (var part = lane; part < params.parts; part += 16u) {
        let first_row = part * params.rows_a_part;
        let end_row = min(first_row + params.rows_a_part, params.rows);
        let weight = f32(end_row - first_row) / f32(params.rows);
        let deviation = of_parts[2u * part * quads + quad] - origin;
        sum += weight * deviation;
        squares += weight * (of_parts[(2u * part + 1u) * quads + quad] + deviation * deviation);
    }
    let shift = tree_sum(thread, 4u, sum);
    let spread = max(tree_sum(thread, 4u, squares) - shift * shift, vec4<f32>());

    if (lane == 0u && first + thread < quads) {
        let centre = origin + shift;
        statistics[quad] = centre;
        statistics[quads + quad] = spread;
        let weight = 1.0 - params.momentum;
        running[quad] = params.momentum * running[quad] + weight * centre;
        running[quads + quad] = params.momentum * running[quads + quad] + weight * params.correction * spread;
    }
}
