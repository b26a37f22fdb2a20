// Adds the gradient of a part of a batch to the gradient of the batch:  sum[i] = kept · sum[i] + weight · gradient[i]
//
// gradient  [parameters]   mean over the samples of the part
// sum       [parameters]   updated; if kept is 0, its previous values are not used
// Each array is read as `quads` vectors of four.
//
// One thread computes four elements. Cost: three flops, two loads and one store per element.

#params

@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    var before = vec4<f32>();
    if (params.kept != 0.0) {
        before = params.kept * sum[index];
    }
    sum[index] = before + params.weight * gradient[index];
}
