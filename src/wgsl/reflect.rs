//! Validates expanded kernels with naga and compares them with their declarations in Rust.

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, Scalar, ScalarKind, StorageAccess, TypeInner};

use super::{ShaderError, expand, kernel_source};
use crate::plan::{Access, Kernel, Precision, Variant};

/// Returns the expanded source of a variant. `lanes` is the subgroup size, which only subgroup variants use.
///
/// # Errors
/// Returns [`ShaderError::Directive`] if the source cannot be expanded.
pub fn source(kernel: &Kernel, variant: &Variant, lanes: u32) -> Result<String, ShaderError> {
    expand(kernel_source(kernel), &variant.expansion(Some(lanes)), kernel.params)
}

/// Parses and validates expanded WGSL.
///
/// # Errors
/// Returns [`ShaderError::Invalid`] with naga's message.
pub fn validate(kernel: &str, source: &str) -> Result<(Module, ModuleInfo), ShaderError> {
    let invalid = |reason: String| ShaderError::Invalid { kernel: kernel.to_string(), reason };
    let module = naga::front::wgsl::parse_str(source).map_err(|error| invalid(error.emit_to_string(source)))?;
    let info = Validator::new(
        ValidationFlags::all(),
        Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::SHADER_INT64 | Capabilities::COOPERATIVE_MATRIX,
    )
    .validate(&module)
    .map_err(|error| invalid(error.emit_to_string(source)))?;
    Ok((module, info))
}

/// What a workgroup of a kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workgroup {
    /// Number of threads.
    pub threads: u32,
    /// Bytes of workgroup memory.
    pub memory_bytes: u32,
}

/// Returns what a workgroup of a parsed kernel takes.
pub fn workgroup(module: &Module) -> Workgroup {
    let threads = module.entry_points.iter().map(|entry| entry.workgroup_size.iter().product()).max().unwrap_or(1);
    let shared = module.global_variables.iter().filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
    let memory_bytes = shared.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum();
    Workgroup { threads, memory_bytes }
}

/// Compares a parsed kernel with its declaration in Rust: bindings and their element types, `Params`, and overrides.
///
/// # Errors
/// Returns [`ShaderError::Invalid`], which lists the expected and found bindings, fields or overrides that differ.
pub fn check_interface(kernel: &Kernel, variant: &Variant, module: &Module) -> Result<(), ShaderError> {
    let mut differences = Vec::new();
    check_bindings(kernel, variant, module, &mut differences);
    check_overrides(kernel, module, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    Err(ShaderError::Invalid { kernel: kernel.name.to_string(), reason: differences.join("; ") })
}

fn check_bindings(kernel: &Kernel, variant: &Variant, module: &Module, differences: &mut Vec<String>) {
    let mut found: Vec<(u32, String, String, &str)> = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        let Some(binding) = &variable.binding else { continue };
        let access = match variable.space {
            AddressSpace::Uniform => "uniform",
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => "read_write",
            AddressSpace::Storage { .. } => "read",
            _ => "other",
        };
        let name = variable.name.clone().unwrap_or_default();
        found.push((binding.binding, name, access.to_string(), numbers_of(module, variable.ty)));
        if variable.space == AddressSpace::Uniform {
            check_params(kernel, module, variable.ty, differences);
        }
    }
    found.sort();
    let mut expected = vec![(0, "params".to_string(), "uniform".to_string(), PLAIN)];
    for (binding, number) in kernel.bindings.iter().zip(1..) {
        let access = if binding.access == Access::Read { "read" } else { "read_write" };
        let numbers = match binding.stored {
            true if variant.precision() == Precision::F16 => HALVES,
            true if variant.is_wide() => WORDS,
            _ => PLAIN,
        };
        expected.push((number, binding.name.to_string(), access.to_string(), numbers));
    }
    if found != expected {
        differences.push(format!("bindings (number, name, access, numbers): Rust declares {expected:?}, the shader {found:?}"));
    }
}

const PLAIN: &str = "32-bit numbers";
const HALVES: &str = "16-bit floats";
const WORDS: &str = "64-bit integers";

/// Returns the element type of a binding that is an array.
fn numbers_of(module: &Module, ty: naga::Handle<naga::Type>) -> &'static str {
    let TypeInner::Array { base, .. } = module.types[ty].inner else { return PLAIN };
    match module.types[base].inner.scalar() {
        Some(Scalar { width: 2, .. }) => HALVES,
        Some(Scalar { width: 8, kind: ScalarKind::Uint }) => WORDS,
        _ => PLAIN,
    }
}

fn check_params(kernel: &Kernel, module: &Module, ty: naga::Handle<naga::Type>, differences: &mut Vec<String>) {
    let TypeInner::Struct { members, .. } = &module.types[ty].inner else {
        differences.push("params is not a struct".into());
        return;
    };
    let found: Vec<(&str, u32, u32)> = members
        .iter()
        .map(|member| {
            let size = module.types[member.ty].inner.size(module.to_ctx());
            (member.name.as_deref().unwrap_or(""), member.offset, size)
        })
        .collect();
    let expected: Vec<(&str, u32, u32)> =
        kernel.params.iter().zip((0..).step_by(4)).map(|(field, at)| (&*field.name, at, 4)).collect();
    if found != expected {
        differences.push(format!("Params (name, offset, size): Rust declares {expected:?}, the shader {found:?}"));
    }
}

fn check_overrides(kernel: &Kernel, module: &Module, differences: &mut Vec<String>) {
    let mut found: Vec<&str> = module.overrides.iter().filter_map(|(_, item)| item.name.as_deref()).collect();
    let mut expected: Vec<&str> = kernel.overrides.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    expected.sort_unstable();
    if found != expected {
        differences.push(format!("overrides: Rust declares {expected:?}, the shader {found:?}"));
    }
}
