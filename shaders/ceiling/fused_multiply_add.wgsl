// Measures how many multiply-adds per second the adapter reaches. Each a_j starts at x[i] + j and is replaced by
// a_j · factor + x[i], $UNROLL · rounds times. Then y[i] = Σ_j a_j. Only one operand is the same for all threads: NVIDIA's
// multiply-add takes no more than one from the constants.
//
// x  [vectors, 4]
// y  [vectors, 4]
//
// One thread keeps $ACCUMULATORS vectors of four in registers. They do not depend on each other, so that their multiply-adds can
// overlap. A workgroup has 64 threads with consecutive vectors.
// Cost: $(8 * ACCUMULATORS * UNROLL) · rounds flops per thread, and almost no memory traffic.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.vectors) {
        return;
    }
    let factor = vec4<f32>(params.factor);
    let addend = x[index];
    #for j in 0..ACCUMULATORS
    var a_$j = addend + $(j).0;
    #end
    for (var round = 0u; round < params.rounds; round++) {
        #for u in 0..UNROLL
        #for j in 0..ACCUMULATORS
        a_$j = a_$j * factor + addend;
        #end
        #end
    }
    var sum = vec4<f32>();
    #for j in 0..ACCUMULATORS
    sum += a_$j;
    #end
    y[index] = sum;
}
