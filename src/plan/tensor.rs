//! Tensors of plans, and views of them.

use serde::{Deserialize, Serialize};

/// Alignment in bytes of the offset of every view that a step binds. No adapter requires a larger one for storage bindings.
pub const ALIGNMENT: u64 = 256;

/// Identifies a tensor of a plan by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TensorId(pub usize);

/// Where a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residence {
    /// In the arena, only from the first to the last step that uses it.
    Transient,
    /// In a buffer of its own, which outlives a run: weights, inputs, results, state.
    Persistent,
}

/// A tensor: a number of bytes with a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// The tensor's label in tables.
    pub label: String,
    /// The tensor's size in bytes.
    pub bytes: u64,
    /// Where the tensor is stored.
    pub residence: Residence,
}

/// A contiguous part of a tensor, to bind, read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The tensor.
    pub tensor: TensorId,
    /// Position of the first byte in the tensor: a multiple of [`ALIGNMENT`] if a step binds the view, and of 4 otherwise.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}
