// Measures the memory bandwidth of the adapter:  y[i] = x[i] + 1
//
// x  [vectors, 4]
// y  [vectors, 4]
//
// One thread processes $VECTORS vectors of four that are 64 vectors apart, so that the 64 threads of a workgroup always access
// consecutive memory.
// Cost: one addition, four bytes read and four bytes written per element.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let first = workgroup * $(64 * VECTORS)u + thread;
    #for v in 0..VECTORS
    if (first + $(64 * v)u < params.vectors) {
        y[first + $(64 * v)u] = x[first + $(64 * v)u] + 1.0;
    }
    #end
}
