// Shared by the kernels that sum rows packed as bits: parameters, all bindings except planes, scales and partials, and access to
// the weights.
#import restart_state

#params

override WEIGHTED: u32 = 0u;

// Number of groups in a chunk; a group is 32 rows.
const GROUPS = 64u;

@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read> digits: array<u32>;
@group(0) @binding(5) var<storage, read> labels: array<u32>;
@group(0) @binding(6) var<storage, read> states: array<RestartState>;

// Returns a bit mask of the rows of a group whose weight has the given binary digit set.
fn counted(digit: u32, group: u32) -> u32 {
    if (WEIGHTED == 0u) {
        return 0xffffffffu;
    }
    return counts[digit * ((params.rows + 31u) / 32u) + group];
}

// The work of one workgroup: one chunk for one restart.
struct Chunk {
    restart: u32,
    number: u32,
    // The chunk consists of the groups from first_group to first_group + groups - 1.
    first_group: u32,
    groups: u32,
    // Index of the highest binary digit of the weights of the chunk.
    last_digit: u32,
}

fn chunk_at(line: u32) -> Chunk {
    var chunk = Chunk(line / params.chunks, line % params.chunks, 0u, 0u, 0u);
    chunk.first_group = chunk.number * GROUPS;
    chunk.groups = min(GROUPS, (params.rows + 31u) / 32u - chunk.first_group);
    if (WEIGHTED == 1u) {
        chunk.last_digit = max(digits[chunk.number], 1u) - 1u;
    }
    return chunk;
}
