//! Declarations of kernels: the shader, its bindings, parameters and variants.

use serde::{Deserialize, Serialize};

use super::{Name, Variant};

/// How a kernel uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The kernel only reads it: `var<storage, read>`.
    Read,
    /// The kernel writes it: `var<storage, read_write>`.
    ReadWrite,
}

/// A storage binding as the shader declares it. Bindings are numbered from 1; `Params` is binding 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The variable's name in the shader.
    pub name: &'static str,
    /// How the kernel uses the binding.
    pub access: Access,
    /// Whether values are stored at the variant's [`Precision`](super::Precision) instead of 32 bits.
    pub stored: bool,
}

/// Returns a read-only storage binding.
pub const fn read(name: &'static str) -> Binding {
    Binding { name, access: Access::Read, stored: false }
}

/// Returns a storage binding that the kernel writes.
pub const fn read_write(name: &'static str) -> Binding {
    Binding { name, access: Access::ReadWrite, stored: false }
}

/// Returns a read-only storage binding whose values have the variant's precision.
pub const fn read_stored(name: &'static str) -> Binding {
    Binding { stored: true, ..read(name) }
}

/// Returns a storage binding that the kernel writes in the variant's precision.
pub const fn write_stored(name: &'static str) -> Binding {
    Binding { stored: true, ..read_write(name) }
}

/// A kernel: its shader, its bindings and its variants.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The shader's file name without `.wgsl`. It identifies the kernel.
    pub name: &'static str,
    /// The folder below `shaders/`.
    pub group: &'static str,
    /// The source before expansion.
    pub source: &'static str,
    /// The fields of `Params`, in order. The directive `#params` declares the struct in the shader.
    pub params: &'static [ParamField],
    /// Storage bindings in order, from binding 1.
    pub bindings: &'static [Binding],
    /// The variants, at least one.
    pub variants: &'static [Variant],
    /// Override constants that the shader declares, each with all values in use.
    pub overrides: &'static [(&'static str, &'static [u32])],
}

impl Kernel {
    /// Returns whether both are the same kernel.
    pub fn is(&self, other: &Kernel) -> bool {
        self.name == other.name
    }

    /// Returns the variant called `name`.
    ///
    /// # Panics
    /// Panics if the kernel has no such variant. In a constant, this is an error at compile time.
    pub const fn variant(&'static self, name: &str) -> &'static Variant {
        let mut at = 0;
        while at < self.variants.len() {
            if same(self.variants[at].name, name) {
                return &self.variants[at];
            }
            at += 1;
        }
        panic!("the kernel has no variant of this name")
    }

    /// Returns the variant called `name`, if there is one.
    pub fn find_variant(&'static self, name: &str) -> Option<&'static Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// Compares two strings in a constant expression.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A field of `Params`. Every field takes four bytes and directly follows the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamField {
    /// The field's name.
    pub name: Name,
    /// The field's type.
    pub kind: ParamKind,
}

/// The type of a field of `Params`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// A `u32`.
    U32,
    /// An `f32`.
    F32,
}

impl ParamKind {
    /// Returns the name of the type in WGSL and in Rust.
    pub const fn name(self) -> &'static str {
        match self {
            ParamKind::U32 => "u32",
            ParamKind::F32 => "f32",
        }
    }
}

/// A type that a field of `Params` can have.
pub trait Param: Copy {
    /// The type of the field.
    const KIND: ParamKind;
}

impl Param for u32 {
    const KIND: ParamKind = ParamKind::U32;
}

impl Param for f32 {
    const KIND: ParamKind = ParamKind::F32;
}

/// Identifies a variant of a kernel by the names of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VariantId {
    /// The kernel's name.
    pub kernel: Name,
    /// The variant's name.
    pub variant: Name,
}

impl VariantId {
    /// Creates the identifier of a variant.
    pub const fn new(kernel: &'static str, variant: &'static str) -> VariantId {
        VariantId { kernel: Name::Borrowed(kernel), variant: Name::Borrowed(variant) }
    }
}

impl std::fmt::Display for VariantId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{} {}", self.kernel, self.variant)
    }
}

/// The work of a dispatch according to its formula: the operations and the memory traffic of an ideal implementation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Floating-point operations. A multiply-add counts as two.
    pub flops: u64,
    /// Bytes read and written, each counted once.
    pub bytes: u64,
}

impl std::ops::Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |total, cost| total + cost)
    }
}
