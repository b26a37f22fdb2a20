// Sums over the 64 threads of a workgroup in a fixed tree, so that the same numbers always add up in the same order.
var<workgroup> partial_sums: array<vec4<f32>, 64>;

// The sum of `value` over all threads with the same thread % width; width is a power of two up to 64. Every thread gets it.
fn tree_sum(thread: u32, width: u32, value: vec4<f32>) -> vec4<f32> {
    // The threads may still read what the sum before left here.
    workgroupBarrier();
    partial_sums[thread] = value;
    for (var reach = 32u; reach >= width; reach /= 2u) {
        workgroupBarrier();
        if (thread < reach) {
            partial_sums[thread] += partial_sums[thread + reach];
        }
    }
    workgroupBarrier();
    return partial_sums[thread % width];
}
