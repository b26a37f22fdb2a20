// Batch normalisation, followed by an activation and an optional residual connection:
//   y[m, c] = activate(gamma[c] (x[m, c] − mean[c]) / √(variance[c] + epsilon) + beta[c]) + residual[m, c]
//
// x           [rows, channels]   rows = batch, or batch · height · width
// statistics  [2, channels]      mean, then variance: those of the batch in training, the running ones in inference
// affine      [2, channels]      gamma, then beta
// residual    [rows, channels]   read only if RESIDUAL is 1
// y           [rows, channels]
// channels is a multiple of four; all arrays are read as vec4.
//
// One thread computes four channels of $ROWS rows; neighbouring threads read neighbouring channels.
// Cost: four flops, one load and one store per element. A residual adds one flop and one load. Statistics and affine are loaded
// once per $ROWS rows.
#import activate
#import batch_norm

#params

override RESIDUAL: u32 = 0u;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let quad = index % quads;
    let first_row = (index / quads) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }
    let deviation = sqrt(statistics[quads + quad] + params.epsilon);
    let by = Normalisation(statistics[quad], affine[quad] / deviation, affine[quads + quad]);
    #for r in 0..ROWS
    if (first_row + $(r)u < params.rows) {
        let at_$r = (first_row + $(r)u) * quads + quad;
        var value_$r = activate(normalise(x[at_$r], by));
        if (RESIDUAL == 1u) {
            value_$r += residual[at_$r];
        }
        y[at_$r] = value_$r;
    }
    #end
}
