// Mask of dropout:  mask[m, c] = 1 with probability 1 − rate, else 0, drawn for every (seed, epoch, sample, channel)
//
// mask  [rows, channels]   u32, 1 if the value is kept
// channels is a multiple of four. Row m belongs to sample first_sample + m of the epoch, so that the mask does not depend
// on how the epoch is split into batches. A channel is kept if the upper 24 of its 32 random bits reach `threshold` = rate · 2²⁴.
//
// One thread draws four channels of a row. Cost: one hash and one store for four elements.
#import random

#params

@group(0) @binding(1) var<storage, read_write> mask: array<vec4<u32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    if (index >= params.rows * quads) {
        return;
    }
    let sample = params.first_sample + index / quads;
    let bits = random_bits(vec4<u32>(index % quads, sample, params.epoch, params.seed)) >> vec4<u32>(8u);
    mask[index] = select(vec4<u32>(0u), vec4<u32>(1u), bits >= vec4<u32>(params.threshold));
}
