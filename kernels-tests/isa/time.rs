//! A simple model of the time that a GPU needs for a plan.
//!
//! A step takes as long as the slowest of three things, and then the time until the next step can start:
//! - **issue**: all instructions, divided among the units of the GPU;
//! - **latency**: the instructions of one subgroup, with a wait for memory in every turn of a loop that loads, times the number of
//!   rounds in which the subgroups fit on the GPU;
//! - **memory**: the bytes of the step's formula, from memory or, if they fit in half of it, from the last cache; and what the
//!   turns of the hot loop load from the last cache, if the threads of a workgroup share their loads by workgroup memory.
//!
//! The number of turns of the hot loop follows from the step's formula: its multiply-adds, divided by those of a turn of all
//! threads. Where a tile is larger than a matrix, its threads do more than the formula says, so a matrix product in workgroup memory
//! takes as many turns as its inputs are deep. The model knows nothing of bank conflicts, of the order of loads, or of how well steps overlap.

use lineament::plan::{Cost, Dispatch, Step};

use super::gpus::{Gpu, Rates};
use super::report::Code;

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// Starting its instructions.
    Issue,
    /// Memory latency and dependent instructions.
    Latency,
    /// Moving bytes.
    Memory,
}

impl Bound {
    /// Every bound.
    pub const ALL: [Bound; 3] = [Bound::Issue, Bound::Latency, Bound::Memory];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Issue => "issue",
            Bound::Latency => "latency",
            Bound::Memory => "memory",
        }
    }
}

/// The predicted time of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Seconds, without the time until the next step can start.
    pub seconds: f64,
    /// What it waits for.
    pub bound: Bound,
}

/// Predicts the time of a step on a GPU, for which the kernel was compiled to `code`.
pub fn predict_step(gpu: &Gpu, code: &Code, step: &Step) -> Prediction {
    predict(gpu, code, step.dispatch, step.cost, turns_of(step))
}

/// Returns the number of turns of a matrix product that copies DEPTH inputs to workgroup memory in each, in every slice of the
/// workgroup.
fn turns_of(step: &Step) -> Option<f64> {
    let constant = |wanted: &str| step.constants.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value as f64);
    let at = 4 * step.fields.iter().position(|field| field.name == "inputs")?;
    let inputs = u32::from_le_bytes(step.params.get(at..at + 4)?.try_into().ok()?);
    Some((f64::from(inputs) / (constant("DEPTH")? * constant("SLICES").unwrap_or(1.0))).ceil())
}

/// Predicts the time of a dispatch. `turns` is the number of turns of the hot loop, if it is known.
fn predict(gpu: &Gpu, code: &Code, dispatch: Dispatch, cost: Cost, turns: Option<f64>) -> Prediction {
    let Rates { units, units_sharing, lanes, clock, memory, cache, cache_bytes, latency, .. } = gpu.rates;
    let workgroups: f64 = dispatch.0.iter().map(|count| f64::from(*count)).product();
    let subgroups_of_one = f64::from(code.threads.div_ceil(code.subgroup_size.max(1)));
    let subgroups = workgroups * subgroups_of_one;
    let passes = f64::from(code.subgroup_size.div_ceil(lanes));
    let instructions = f64::from(code.instructions.unwrap_or(0));
    let (turns, slots, waits) = match &code.hot {
        Some(hot) if hot.is_loop && hot.multiply_adds > 0 => {
            let of_a_turn = workgroups * f64::from(code.threads) * f64::from(hot.multiply_adds);
            let turns = turns.unwrap_or(cost.flops as f64 / 2.0 / of_a_turn).max(1.0);
            let outside = (instructions - f64::from(hot.instructions)).max(0.0);
            let loads = hot.global_loads.iter().any(|count| *count > 0);
            (turns, outside + turns * f64::from(hot.slots), if loads { turns } else { 1.0 })
        }
        _ => (1.0, instructions, 1.0),
    };
    let occupancy = code.occupancy.map_or(1.0, |occupancy| f64::from(occupancy.value) / f64::from(units_sharing));
    // A workgroup runs as a whole, however little of it the occupancy allows.
    let resident = (f64::from(units) * occupancy.max(1.0)).max(subgroups_of_one);
    let cycles = slots * passes;
    let issue = (subgroups / f64::from(units)).max(1.0) * cycles / clock;
    let alone = cycles + latency * (waits + f64::from(u8::from(turns > 1.0)));
    let latency = (subgroups / resident).max(1.0).ceil() * alone / clock;
    let bytes = cost.bytes as f64;
    let shared = code.hot.as_ref().filter(|hot| hot.is_loop && code.workgroup_memory_bytes > 0);
    let words = shared.map_or(0, |hot| hot.global_loads.iter().zip(1..).map(|(count, width)| count * width).sum::<u32>());
    let loaded = 4.0 * f64::from(words) * turns * workgroups * f64::from(code.threads) / cache;
    let memory = loaded.max(bytes / if bytes * 2.0 <= cache_bytes { cache } else { memory });
    let candidates = [(issue, Bound::Issue), (latency.min(issue + alone / clock), Bound::Latency), (memory, Bound::Memory)];
    let (seconds, bound) = candidates.into_iter().max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, Bound::Issue));
    Prediction { seconds, bound }
}

#[cfg(test)]
mod tests {
    use super::super::gpus::GPUS;
    use super::super::report::{Loop, Occupancy};
    use super::*;

    fn code() -> Code {
        let hot = Loop {
            is_loop: true,
            instructions: 100,
            slots: 100,
            multiply_adds: 64,
            matrix_products: 0,
            share: 0.64,
            shared_loads: 0,
            global_loads: [0, 0, 0, 2],
            kinds: Default::default(),
        };
        Code {
            threads: 64,
            subgroup_size: 32,
            registers: Some(64),
            occupancy: Some(Occupancy { value: 32, limited_by: None }),
            spills: 0,
            scratch_bytes: 0,
            workgroup_memory_bytes: 0,
            code_bytes: None,
            instructions: Some(200),
            hot: Some(hot),
        }
    }

    #[test]
    fn a_step_waits_for_what_it_has_most_of() {
        let gpu = GPUS.iter().find(|gpu| gpu.name == "ampere").expect("a GPU");
        let flops = |workgroups: u64, turns: u64| 2 * workgroups * 64 * 64 * turns;
        // 100,000 workgroups of 100 turns: 2 · 10⁵ subgroups × 10,100 slots on 328 units at 1.7 GHz.
        let much = predict(gpu, &code(), Dispatch([50_000, 2, 1]), Cost { flops: flops(100_000, 100), bytes: 1 }, None);
        assert_eq!(much.bound, Bound::Issue);
        assert!((much.seconds / (2e5 * 10_100.0 / 328.0 / 1.7e9) - 1.0).abs() < 1e-9, "{much:?}");
        // One workgroup of 100 turns waits 101 times for memory.
        let little = predict(gpu, &code(), Dispatch([1, 1, 1]), Cost { flops: flops(1, 100), bytes: 1 }, None);
        assert_eq!(little.bound, Bound::Latency);
        assert!((little.seconds / ((10_100.0 + 600.0 * 101.0) / 1.7e9) - 1.0).abs() < 1e-9, "{little:?}");
        // Threads past the edge of a matrix take as many turns as the others.
        let padded = predict(gpu, &code(), Dispatch([1, 1, 1]), Cost { flops: flops(1, 10), bytes: 1 }, Some(100.0));
        assert_eq!(padded.seconds, little.seconds);
        // A gigabyte does not fit in the cache.
        let moving = predict(gpu, &code(), Dispatch([1, 1, 1]), Cost { flops: 1, bytes: 1_000_000_000 }, None);
        assert_eq!(moving, Prediction { seconds: 1e9 / gpu.rates.memory, bound: Bound::Memory });
        let cached = predict(gpu, &code(), Dispatch([1, 1, 1]), Cost { flops: 1, bytes: 3_000_000 }, None);
        assert_eq!(cached.seconds, 3e6 / gpu.rates.cache);
    }
}
