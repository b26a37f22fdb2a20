//! One dispatch of a plan.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Access, Cost, Name, ParamField, Precision, View};

/// A grid of workgroups, in which no dimension exceeds what every adapter supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dispatch(pub [u32; 3]);

impl Dispatch {
    /// The largest number of workgroups that WebGPU guarantees in a dimension.
    pub const MAXIMUM: u64 = 65_535;

    /// Returns a grid of at least `workgroups` workgroups. More than 65,535 are arranged in two dimensions, where there may be a
    /// few too many, so a kernel compares its index, which the directive `#entry` computes, with the number it needs.
    pub fn line(workgroups: u64) -> Dispatch {
        if workgroups <= Self::MAXIMUM {
            return Dispatch([workgroups as u32, 1, 1]);
        }
        let height = workgroups.div_ceil(Self::MAXIMUM);
        Dispatch([workgroups.div_ceil(height) as u32, height as u32, 1])
    }
}

/// One dispatch, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The step's label in tables, traces and debuggers.
    pub label: String,
    /// The kernel's name, which identifies it.
    pub kernel: Name,
    /// The variant's name.
    pub variant: Name,
    /// How the variant stores activations and weights.
    pub precision: Precision,
    /// The kernel's WGSL before expansion.
    pub source: Name,
    /// Constants for the expander: the variant's own, and the subgroup size if it needs one.
    pub constants: Vec<(Name, i64)>,
    /// Override constants of the pipeline.
    pub overrides: Vec<(Name, f64)>,
    /// The fields of `Params`, which the directive `#params` declares.
    pub fields: Cow<'static, [ParamField]>,
    /// The bytes of `Params`.
    pub params: Vec<u8>,
    /// Views in the order of the kernel's bindings.
    pub bindings: Vec<View>,
    /// How the kernel uses each binding, in the same order.
    pub access: Vec<Access>,
    /// The grid.
    pub dispatch: Dispatch,
    /// The step's work by formula.
    pub cost: Cost,
}

impl Step {
    /// Returns each view with its access.
    pub fn accesses(&self) -> impl Iterator<Item = (View, Access)> + '_ {
        self.bindings.iter().copied().zip(self.access.iter().copied())
    }
}
