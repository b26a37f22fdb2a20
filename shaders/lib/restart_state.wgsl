// The progress of one restart of k-means.
struct RestartState {
    // 0 while the restart is running. Otherwise the reason why it ended: 1 if no label changed, 2 if the centres moved no more
    // than the tolerance, 3 at the iteration limit.
    finished: u32,
    // Number of Lloyd iterations so far.
    iterations: u32,
}

// Returns whether a kernel must skip a restart: it has finished, and finished_too does not ask for finished ones.
fn is_left_alone(state: RestartState, finished_too: u32) -> bool {
    return (state.finished != 0u) & (finished_too == 0u);
}

// The bit that is set in a label if it differs from the previous one.
const CHANGED = 0x80000000u;
