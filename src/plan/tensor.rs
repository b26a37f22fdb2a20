//! Tensors of a plan and views of them.

use serde::{Deserialize, Serialize};

/// Alignment in bytes of every view that a step binds: the largest that an adapter asks of a storage binding.
pub const ALIGNMENT: u64 = 256;

/// A tensor of a plan, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TensorId(pub usize);

/// Where a tensor's bytes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residence {
    /// In the arena, from the step that first writes it to the step that last reads it.
    Transient,
    /// In a buffer of its own that outlives a run: weights, inputs, results, state.
    Persistent,
}

/// A tensor: bytes with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// What tables call it.
    pub label: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Where it lives.
    pub residence: Residence,
}

/// A part of a tensor: what a step binds, or what a program reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The tensor.
    pub tensor: TensorId,
    /// First byte: a multiple of [`ALIGNMENT`] in a view that a step binds, and of 4 in any other.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}
