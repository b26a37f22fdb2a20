//! Every expanded kernel and variant, without a GPU: naga parses, validates and translates it, and Rust agrees with it.

use super::*;
use crate::wgsl::{Language, reflect, translate};

/// Every kernel and variant, expanded; those of the subgroup family for every subgroup size in use.
fn expanded() -> Vec<(&'static Kernel, &'static Variant, String)> {
    let mut sources = Vec::new();
    for kernel in ALL {
        for variant in kernel.variants {
            let lanes: &[u32] = if variant.subgroup { &[4, 8, 16, 32, 64] } else { &[1] };
            for lanes in lanes {
                let source = reflect::source(kernel, variant, *lanes).unwrap_or_else(|error| panic!("{}: {error}", kernel.name));
                sources.push((*kernel, variant, source));
            }
        }
    }
    sources
}

#[test]
fn every_variant_validates_and_agrees_with_its_rust_side() {
    for (kernel, variant, source) in expanded() {
        let (module, _) = reflect::validate(kernel.name, &source).unwrap_or_else(|error| panic!("{}: {error}", variant.name));
        reflect::check_interface(kernel, variant, &module).unwrap();
    }
}

#[test]
fn every_variant_translates_to_every_backend() {
    for (kernel, variant, source) in expanded() {
        for (name, values) in kernel.overrides.iter().copied().chain([("", &[0][..])]) {
            for value in values {
                let overrides: Vec<_> = (!name.is_empty()).then(|| (name.to_string(), f64::from(*value))).into_iter().collect();
                for language in [Language::Spirv, Language::Msl, Language::Hlsl, Language::Glsl] {
                    // OpenGL has neither 16-bit floats nor 64-bit integers, and only Vulkan has matrices of 16 × 16.
                    let lacks = match language {
                        Language::Spirv => false,
                        Language::Glsl => variant.precision() == Precision::F16 || variant.is_native_only(),
                        _ => variant.is_cooperative(),
                    };
                    if lacks {
                        continue;
                    }
                    let translated = translate(kernel.name, &source, &overrides, language);
                    let bytes =
                        translated.unwrap_or_else(|error| panic!("{} {name}={value} {language:?}: {error}", variant.name));
                    assert!(!bytes.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_disagreement_is_found() {
    let mut all = expanded().into_iter();
    let (kernel, variant, source) = all.find(|(kernel, ..)| kernel.name == "global_average_pool").unwrap();
    for (from, to) in [
        ("@binding(1)", "@binding(7)"),
        ("storage, read>", "storage, read_write>"),
        ("positions: u32", "places: u32"),
        ("batch: u32,", "batch: u32, extra: u32,"),
        ("alias Stored = vec4<f32>", "enable f16;\nalias Stored = vec4<f16>"),
        ("@compute", "override SPARE: u32 = 1u;\n@compute"),
    ] {
        let changed = source
            .replacen(from, to, 1)
            .replace("params.positions", if to.contains("places") { "params.places" } else { "params.positions" });
        let (module, _) = reflect::validate(kernel.name, &changed).unwrap();
        assert!(reflect::check_interface(kernel, variant, &module).is_err(), "{from} to {to} was not found");
    }
}

#[test]
fn padding_follows_tensorflow_and_pytorch() {
    // (size, stride, TensorFlow's zeros before): even sizes at stride 2 have none, odd ones have one.
    for (size, stride, before) in [(224, 2, 0), (7, 2, 1), (8, 1, 1), (5, 1, 1), (1, 1, 1), (2, 2, 0), (1, 2, 1)] {
        assert_eq!(Padding::TensorflowSame.before(size, stride), before, "size {size}, stride {stride}");
        assert_eq!(Padding::Symmetric.before(size, stride), 1);
    }
}
