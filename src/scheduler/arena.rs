//! The arena: the layout of a plan's transient tensors in memory, derived from their lifetimes.
//!
//! Tensors whose lifetimes do not overlap share memory. The arena is divided into banks, each a buffer of its own, because wgpu
//! rejects a dispatch that binds the same buffer both read-only and writable. A tensor is placed in the first bank where it
//! causes no such conflict in any step. A chain of layers needs two banks, with or without shortcuts.

use crate::plan::{ALIGNMENT, Access, Plan, Residence, TensorId};

/// The place of a transient tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Index of the bank.
    pub bank: usize,
    /// Position of the first byte in the bank.
    pub offset: u64,
}

/// The layout of a plan's transient tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    /// Size of each bank in bytes.
    pub banks: Vec<u64>,
    /// The place of each tensor. Persistent and unused tensors have none.
    pub slots: Vec<Option<Slot>>,
}

struct Placed {
    slot: Slot,
    bytes: u64,
    lifetime: (usize, usize),
}

impl Arena {
    /// Places every transient tensor at the lowest offset that is free during its lifetime.
    ///
    /// Two orders are tried, and the one that needs less memory is used: tensors by first use and then by size, or by size and
    /// then by lifetime. `bank_bytes` is the largest size of a buffer; a bank does not grow beyond it unless a single tensor
    /// does.
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

    /// Places tensors in the given order.
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

    /// Returns a table of all placed tensors: bank, offset, size, and lifetime in steps.
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

    /// Returns the total size in bytes.
    pub fn bytes(&self) -> u64 {
        self.banks.iter().sum()
    }

    /// Returns whether a step would bind `bank` both read-only and writable if `tensor` were placed there.
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

/// Returns the lowest offset in a bank where `bytes` bytes are free during a lifetime.
fn lowest_offset(placed: &[Placed], bank: usize, bytes: u64, (first, last): (usize, usize)) -> u64 {
    let mut occupied: Vec<(u64, u64)> = placed
        .iter()
        .filter(|other| other.slot.bank == bank && other.lifetime.0 <= last && first <= other.lifetime.1)
        .map(|other| (other.slot.offset, other.slot.offset + other.bytes))
        .collect();
    occupied.sort_unstable();
    let mut offset = 0;
    for (start, end) in occupied {
        if offset + bytes <= start {
            break;
        }
        offset = offset.max(end);
    }
    offset
}
