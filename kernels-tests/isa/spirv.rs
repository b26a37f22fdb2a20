//! Translates a kernel to the SPIR-V that wgpu hands to a Vulkan driver.
//!
//! The options repeat those of wgpu-hal 30 (`Adapter::device_from_raw` and `Device::compile_stage`) for a device with the
//! features that Lineament asks for. A kernel's code depends on them: they decide which indices are checked. Bindings keep their
//! numbers, because those of every kernel are contiguous from 0.

use lineament::plan::Name;
use lineament::wgsl::{ShaderError, reflect};
use naga::back::pipeline_constants::process_overrides;
use naga::back::spv::{Capability, Options, PipelineOptions, WriterFlags, ZeroInitializeWorkgroupMemoryMode, write_vec};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::{AddressSpace, ResourceBinding, ShaderStage};

/// The properties of a driver on which the translation depends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Features {
    /// Whether the driver checks buffer accesses (`robustBufferAccess2`). Otherwise, the shader clamps its indices.
    pub robust_buffer_access_2: bool,
    /// Whether shaders may use 16-bit floats.
    pub shader_float16: bool,
    /// Whether shaders may use 64-bit integers.
    pub shader_int64: bool,
    /// The side of the cooperative matrices that shaders may multiply.
    pub matrix_side: Option<u32>,
    /// Whether shaders may use 8-bit integers.
    pub shader_int8: bool,
    /// Whether shaders may use integer dot products.
    pub integer_dot_product: bool,
    /// Whether the driver clears workgroup memory.
    pub zero_initialize_workgroup_memory: bool,
    /// Whether names of inputs and outputs are kept. wgpu leaves them out for Qualcomm's drivers.
    pub label_varyings: bool,
}

/// How a binding is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// As a uniform buffer.
    Uniform,
    /// As a storage buffer.
    Storage,
}

/// A translated kernel. The entry point is `main`.
pub struct Translated {
    /// The words of the SPIR-V module.
    pub words: Vec<u32>,
    /// The bindings of descriptor set 0, in order.
    pub bindings: Vec<Bound>,
}

/// Translates the expanded source of a kernel, with the given values of its overrides.
///
/// # Errors
/// naga rejects the source, or cannot express it in SPIR-V.
pub fn translate(kernel: &str, source: &str, overrides: &[(Name, f64)], features: Features) -> Result<Translated, ShaderError> {
    let invalid = |reason: String| ShaderError::Invalid { kernel: kernel.to_string(), reason };
    let (module, info) = reflect::validate(kernel, source)?;
    let constants = overrides.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    let entry = Some((ShaderStage::Compute, "main"));
    let (module, info) = process_overrides(&module, &info, entry, &constants).map_err(|error| invalid(error.to_string()))?;
    let mut bindings: Vec<(ResourceBinding, Bound)> = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        if let Some(binding) = variable.binding {
            let bound = if variable.space == AddressSpace::Uniform { Bound::Uniform } else { Bound::Storage };
            bindings.push((binding, bound));
        }
    }
    bindings.sort_by_key(|(binding, _)| binding.binding);
    let pipeline = PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
    let words = write_vec(&module, &info, &options(features), Some(&pipeline)).map_err(|error| invalid(error.to_string()))?;
    Ok(Translated { words, bindings: bindings.into_iter().map(|(_, bound)| bound).collect() })
}

fn options(features: Features) -> Options<'static> {
    use Capability::*;
    let mut capabilities = vec![Shader, Matrix, Sampled1D, Image1D, ImageQuery, DerivativeControl, StorageImageExtendedFormats];
    capabilities.extend([SampledCubeArray, SampleRateShading]);
    capabilities.extend([GroupNonUniform, GroupNonUniformVote, GroupNonUniformArithmetic, GroupNonUniformBallot]);
    capabilities.extend([GroupNonUniformShuffle, GroupNonUniformShuffleRelative, GroupNonUniformQuad]);
    if features.shader_int64 {
        capabilities.push(Int64);
    }
    if features.shader_float16 {
        capabilities.push(Float16);
    }
    if features.integer_dot_product {
        capabilities.extend([DotProductInputAll, DotProductInput4x8Bit, DotProductInput4x8BitPacked, DotProduct]);
    }
    if features.matrix_side.is_some() {
        capabilities.extend([CooperativeMatrixKHR, VulkanMemoryModel]);
    }
    if features.shader_int8 {
        capabilities.push(Int8);
    }
    let mut flags = WriterFlags::FORCE_POINT_SIZE;
    flags.set(WriterFlags::LABEL_VARYINGS, features.label_varyings);
    Options {
        lang_version: (1, 6),
        flags,
        capabilities: Some(capabilities.into_iter().collect()),
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: if features.robust_buffer_access_2 { BoundsCheckPolicy::Unchecked } else { BoundsCheckPolicy::Restrict },
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: if features.zero_initialize_workgroup_memory {
            ZeroInitializeWorkgroupMemoryMode::Native
        } else {
            ZeroInitializeWorkgroupMemoryMode::Polyfill
        },
        force_loop_bounding: true,
        emit_int_div_checks: true,
        use_storage_input_output_16: false,
        debug_info: None,
        ..Options::default()
    }
}
