//! One dispatch of a plan.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Access, Cost, Name, ParamField, Precision, View};

/// A grid of workgroups, folded so that no dimension exceeds what every adapter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dispatch(pub [u32; 3]);

impl Dispatch {
    /// The largest number of workgroups that WebGPU guarantees in a dimension.
    pub const MAXIMUM: u64 = 65_535;

    /// Returns a grid of at least `workgroups` workgroups in a line. Beyond 65,535 the line is folded over two dimensions and
    /// may have a few workgroups more, so a kernel compares its position, which the directive `#entry` computes, with its own count.
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
    /// What tables, traces and debuggers call it.
    pub label: String,
    /// The kernel's name, which identifies it.
    pub kernel: Name,
    /// The variant's name.
    pub variant: Name,
    /// How the variant stores activations and weights.
    pub precision: Precision,
    /// The kernel's WGSL before expansion.
    pub source: Name,
    /// Constants for the expander: the variant's own, and the subgroup size where it needs one.
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
    /// Work by formula.
    pub cost: Cost,
}

impl Step {
    /// Returns each view with its access.
    pub fn accesses(&self) -> impl Iterator<Item = (View, Access)> + '_ {
        self.bindings.iter().copied().zip(self.access.iter().copied())
    }
}
