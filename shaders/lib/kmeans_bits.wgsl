// What the families of kmeans_accumulate_bits share: parameters, bindings but for planes, scales and partials, and how rows count.
#import restart_state

struct Params {
    rows: u32,
    quads: u32,
    clusters: u32,
    restarts: u32,
    chunks: u32,
    finished_too: u32,
}

override WEIGHTED: u32 = 0u;

// Groups of 32 rows in a chunk.
const GROUPS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read> digits: array<u32>;
@group(0) @binding(5) var<storage, read> labels: array<u32>;
@group(0) @binding(6) var<storage, read> states: array<RestartState>;

// Which rows of a group have a digit of their weight set.
fn counted(digit: u32, group: u32) -> u32 {
    if (WEIGHTED == 0u) {
        return 0xffffffffu;
    }
    return counts[digit * ((params.rows + 31u) / 32u) + group];
}

// What a workgroup does: a chunk of one restart.
struct Chunk {
    restart: u32,
    number: u32,
    // Groups first_group … first_group + groups - 1.
    first_group: u32,
    groups: u32,
    // The last binary digit that a weight of the chunk has set.
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
