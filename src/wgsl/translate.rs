//! Translates expanded kernels to the shading languages of graphics interfaces, as naga does for wgpu.

use naga::back::{glsl, hlsl, msl, pipeline_constants::process_overrides, spv};
use naga::proc::BoundsCheckPolicies;
use naga::{Module, ShaderStage};

use super::ShaderError;
use super::reflect::validate;

/// A language that a kernel can be translated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Standard WGSL, after expansion.
    Wgsl,
    /// SPIR-V 1.3 for Vulkan, as little-endian words.
    Spirv,
    /// Metal Shading Language 2.4.
    Msl,
    /// HLSL for Direct3D 12, with shader model 6.0, or 6.2 if there are 16-bit floats.
    Hlsl,
    /// GLSL for OpenGL ES 3.2. It supports neither 16-bit floats nor 64-bit integers.
    Glsl,
}

/// Translates `source`, the expanded WGSL of kernel `name`, to another language and sets its overrides.
///
/// # Errors
/// Returns [`ShaderError::Invalid`] with naga's message if the source is invalid or cannot be expressed in the language.
pub fn translate(name: &str, source: &str, overrides: &[(String, f64)], language: Language) -> Result<Vec<u8>, ShaderError> {
    if language == Language::Wgsl {
        return Ok(source.as_bytes().to_vec());
    }
    let invalid = |reason: String| ShaderError::Invalid { kernel: name.to_string(), reason };
    let (module, info) = validate(name, source)?;
    let constants = overrides.iter().cloned().collect();
    let (module, info) =
        process_overrides(&module, &info, None, &constants).map_err(|error| invalid(format!("overrides: {error}")))?;
    match language {
        Language::Wgsl => Ok(source.as_bytes().to_vec()),
        Language::Spirv => {
            let options = spv::Options { lang_version: (1, 3), ..Default::default() };
            let words = spv::write_vec(&module, &info, &options, None).map_err(|error| invalid(error.to_string()))?;
            Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
        }
        Language::Msl => {
            let options = msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
            let written = msl::write_string(&module, &info, &options, &Default::default());
            written.map(|(text, _)| text.into_bytes()).map_err(|error| invalid(error.to_string()))
        }
        Language::Hlsl => {
            let has_halves = module.types.iter().any(|(_, ty)| ty.inner.scalar().is_some_and(|scalar| scalar.width == 2));
            let shader_model = if has_halves { hlsl::ShaderModel::V6_2 } else { hlsl::ShaderModel::V6_0 };
            let options = hlsl::Options { shader_model, fake_missing_bindings: true, ..Default::default() };
            let mut text = String::new();
            let written = hlsl::Writer::new(&mut text, &options, &Default::default()).write(&module, &info, None);
            written.map_err(|error| invalid(error.to_string()))?;
            Ok(text.into_bytes())
        }
        Language::Glsl => glsl(&module, &info).map(String::into_bytes).map_err(|error| invalid(error.to_string())),
    }
}

fn glsl(module: &Module, info: &naga::valid::ModuleInfo) -> Result<String, glsl::Error> {
    let options = glsl::Options { version: glsl::Version::new_gles(320), ..Default::default() };
    let pipeline = glsl::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".to_string(), multiview: None };
    let mut text = String::new();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, BoundsCheckPolicies::default())?.write()?;
    Ok(text)
}
