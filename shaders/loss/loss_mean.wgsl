// Writes the mean loss of a batch to one element of a list:  means[position] = Σ_s loss[s] / count
//
// loss   [count]
// means  [steps]   only element `position` is written
//
// A single workgroup computes the sum. Each thread adds every 64th element, and the threads' sums are added in a fixed tree.
// Cost: one addition and one load per element.
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> means: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var sample = thread; sample < params.count; sample += 64u) {
        sum += loss[sample];
    }
    let total = tree_sum(thread, 1u, vec4<f32>(sum, 0.0, 0.0, 0.0));
    if (thread == 0u) {
        means[params.position] = total.x / f32(params.count);
    }
}
