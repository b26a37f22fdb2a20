// Sums over the 64 threads of a workgroup in the order of a fixed tree, so that results are reproducible.
var<workgroup> partial_sums: array<vec4<f32>, 64>;

// Returns the sum of `value` over all threads with the same thread % width, where width is a power of two up to 64. Every thread
// of the workgroup must call it and gets the sum of its own threads.
fn tree_sum(thread: u32, width: u32, value: vec4<f32>) -> vec4<f32> {
    // Wait until no thread reads the result of the previous call any more.
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
