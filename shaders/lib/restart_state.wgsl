// Where one restart of k-means stands.
struct RestartState {
    // 0 while it goes on; 1 when no label changed, 2 when the centres moved less than the tolerance, 3 at the iteration limit.
    finished: u32,
    // Lloyd iterations so far.
    iterations: u32,
}

// Whether a restart has finished, unless those that have take part too.
fn is_left_alone(state: RestartState, finished_too: u32) -> bool {
    return (state.finished != 0u) & (finished_too == 0u);
}

// Set in a label that differs from the label before.
const CHANGED = 0x80000000u;
