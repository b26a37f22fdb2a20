//! Memory for a plan's transient tensors: lifetimes in, offsets out, planned once and allocated once.
//!
//! wgpu refuses a dispatch that binds one buffer both read-only and writable. So the arena has banks: a tensor is placed
//! in the first bank from which none of its steps reads what another of them writes. A chain of layers, shortcuts
//! included, needs two.

use crate::plan::{ALIGNMENT, Access, Plan, Residence, TensorId};

/// Where a transient tensor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which bank.
    pub bank: usize,
    /// First byte in the bank.
    pub offset: u64,
}

/// The layout of a plan's transient tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    /// Size of each bank in bytes.
    pub banks: Vec<u64>,
    /// By tensor; `None` for persistent and untouched ones.
    pub slots: Vec<Option<Slot>>,
}

struct Placed {
    slot: Slot,
    bytes: u64,
    lifetime: (usize, usize),
}

impl Arena {
    /// Places every transient tensor at the lowest offset where nothing that lives at the same time lies: in the order of first use
    /// and the larger first, or the largest and longest-lived first, whichever takes less.
    /// `bank_bytes` is the most that one buffer of the adapter holds; a bank that would outgrow it is followed by another.
    pub fn plan(plan: &Plan, bank_bytes: u64) -> Arena {
        let lifetimes = plan.lifetimes();
        let mut order: Vec<(TensorId, (usize, usize))> = lifetimes
            .iter()
            .enumerate()
            .filter(|(tensor, _)| plan.tensors()[*tensor].residence == Residence::Transient)
            .filter_map(|(tensor, lifetime)| lifetime.map(|lifetime| (TensorId(tensor), lifetime)))
            .collect();
        let bytes = |tensor: TensorId| std::cmp::Reverse(plan.tensors()[tensor.0].bytes);
        order.sort_by_key(|(tensor, (first, _))| (*first, bytes(*tensor), tensor.0));
        let by_use = Arena::placed(plan, &order, bank_bytes);
        order.sort_by_key(|(tensor, (first, last))| (bytes(*tensor), first + plan.steps().len() - last, *first, tensor.0));
        let by_size = Arena::placed(plan, &order, bank_bytes);
        if by_size.bytes() < by_use.bytes() { by_size } else { by_use }
    }

    /// The tensors one after the other.
    fn placed(plan: &Plan, order: &[(TensorId, (usize, usize))], bank_bytes: u64) -> Arena {
        let mut arena = Arena { banks: Vec::new(), slots: vec![None; plan.tensors().len()] };
        let mut placed: Vec<Placed> = Vec::new();
        for &(tensor, lifetime) in order {
            let bytes = plan.tensors()[tensor.0].bytes.next_multiple_of(ALIGNMENT);
            let slot = (0..)
                .filter(|bank| !arena.conflicts(plan, tensor, lifetime, *bank))
                .map(|bank| Slot { bank, offset: lowest_offset(&placed, bank, bytes, lifetime) })
                .find(|slot| slot.offset == 0 || slot.offset + bytes <= bank_bytes)
                .unwrap_or(Slot { bank: 0, offset: 0 });
            arena.banks.resize(arena.banks.len().max(slot.bank + 1), 0);
            arena.banks[slot.bank] = arena.banks[slot.bank].max(slot.offset + bytes);
            arena.slots[tensor.0] = Some(slot);
            placed.push(Placed { slot, bytes, lifetime });
        }
        arena
    }

    /// Every placed tensor: bank, offset, size and lifetime in steps.
    pub fn table(&self, plan: &Plan) -> String {
        let mut text = format!("arena: {} banks, {:.1} MB\n", self.banks.len(), self.bytes() as f64 / 1e6);
        let placed = self.slots.iter().zip(plan.tensors()).zip(plan.lifetimes());
        for ((slot, tensor), lifetime) in placed {
            let (Some(Slot { bank, offset }), Some((first, last))) = (slot, lifetime) else { continue };
            text += &format!(
                "  bank {bank}  at {offset:>11}  {:>11} bytes  steps {first:>3} to {last:>3}  {}\n",
                tensor.bytes, tensor.label
            );
        }
        text
    }

    /// Total size.
    pub fn bytes(&self) -> u64 {
        self.banks.iter().sum()
    }

    /// Whether a step would bind `bank` both read-only and writable if `tensor` lay there.
    fn conflicts(&self, plan: &Plan, tensor: TensorId, (first, last): (usize, usize), bank: usize) -> bool {
        plan.steps()[first..=last].iter().any(|step| {
            let uses = |wanted: Access, own: bool| {
                step.accesses().any(|(view, access)| {
                    access == wanted
                        && (view.tensor == tensor) == own
                        && (own || self.slots[view.tensor.0].is_some_and(|slot| slot.bank == bank))
                })
            };
            (uses(Access::Read, true) && uses(Access::ReadWrite, false))
                || (uses(Access::ReadWrite, true) && uses(Access::Read, false))
        })
    }
}

fn lowest_offset(placed: &[Placed], bank: usize, bytes: u64, (first, last): (usize, usize)) -> u64 {
    let mut alive: Vec<(u64, u64)> = placed
        .iter()
        .filter(|other| other.slot.bank == bank && other.lifetime.0 <= last && first <= other.lifetime.1)
        .map(|other| (other.slot.offset, other.slot.offset + other.bytes))
        .collect();
    alive.sort_unstable();
    let mut offset = 0;
    for (start, end) in alive {
        if offset + bytes <= start {
            break;
        }
        offset = offset.max(end);
    }
    offset
}
