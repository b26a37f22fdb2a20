// Shared by the kernels that assign rows to their nearest centres: parameters, the bindings that all of them have, and the rule
// for ties. The kernel imports lib/stored before this snippet; with WIDE, centers are read eight numbers at a time.
#import restart_state

#params

override TIES_BY_KEY: u32 = 0u;

@group(0) @binding(3) var<storage, read> centers: array<Stored>;
@group(0) @binding(4) var<storage, read> keys: array<u32>;
@group(0) @binding(5) var<storage, read> states: array<RestartState>;
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;

// Returns the rank of a centre among those that are equally near to a row with this key; the lowest rank wins. The multiplication
// spreads every bit of the key to the highest bits, which decide the comparison.
fn rank(key: u32, center: u32) -> u32 {
    return (key ^ (center * 0x9e3779b9u)) * 0xc2b2ae35u;
}

// Returns the key of a row, or 0 if ties are not broken by keys.
fn key_of(row: u32) -> u32 {
    if (TIES_BY_KEY == 0u) {
        return 0u;
    }
    return keys[min(row, params.rows - 1u)];
}

// The nearest of the centres that a row has been compared with so far: squared distance, index and rank.
struct Nearest {
    distance: f32,
    label: u32,
    rank: u32,
}

fn none_yet() -> Nearest {
    return Nearest(3.4028234e38, 0u, 0xffffffffu);
}

// Returns the nearer one of the nearest centre so far and another centre at the given squared distance. The order in which
// centres are compared makes no difference.
fn nearer(before: Nearest, distance: f32, center: u32, key: u32) -> Nearest {
    let rank_of_center = select(center, rank(key, center), TIES_BY_KEY == 1u);
    let wins_tie = (distance == before.distance) & (rank_of_center < before.rank);
    let is_nearer = (distance < before.distance) | wins_tie;
    return Nearest(
        select(before.distance, distance, is_nearer),
        select(before.label, center, is_nearer),
        select(before.rank, rank_of_center, is_nearer),
    );
}

// Stores the new label and distance of a row, and returns the label. Rows past the last one are ignored.
fn assign(restart: u32, row: u32, nearest: Nearest, state: RestartState) -> u32 {
    var label = nearest.label;
    if (row < params.rows) {
        let at = restart * params.rows + row;
        let changed = (state.iterations == 0u) | ((labels[at] & ~CHANGED) != nearest.label);
        label = select(nearest.label, nearest.label | CHANGED, changed);
        labels[at] = label;
        distances[at] = nearest.distance;
    }
    return label;
}
