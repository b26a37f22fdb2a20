//! Checks that every kernel has a shader, an operation, a reference, cases and a benchmark. Needs no GPU.

use std::path::{Path, PathBuf};

use lineament::ops;
use lineament::plan::{Capabilities, Kernel};
use lineament::wgsl::reflect;

use crate::cases;
use crate::commands::browser;
use crate::harness::case::{Context, Purpose};

/// Returns the capabilities of two adapters. Every variant runs on one of them.
fn everything() -> [Capabilities; 2] {
    [8, 16].map(|side| Capabilities {
        shader_f16: true,
        shader_int64: true,
        matrix_side: Some(side),
        ..Capabilities::webgpu(true, Some(8))
    })
}

/// Returns the file of a kernel in `folder`. Kernels of one family share a file, so `pointwise_registers` finds `pointwise.rs`.
fn file(folder: &str, kernel: &Kernel) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let ends = kernel.name.match_indices('_').map(|(at, _)| at).chain([kernel.name.len()]);
    let mut names = ends.map(|end| folder.join(format!("{}.rs", &kernel.name[..end])));
    names.rfind(|path| path.is_file())
}

#[test]
fn every_kernel_has_its_files() {
    for kernel in ops::ALL {
        let shader = format!("{}/../shaders/{}/{}.wgsl", env!("CARGO_MANIFEST_DIR"), kernel.group, kernel.name);
        let text = std::fs::read_to_string(&shader).unwrap_or_else(|error| panic!("{shader}: {error}"));
        assert_eq!(text, kernel.source, "{shader} is not what kernel {} runs", kernel.name);
        // An optimizer's reference is in its own file, and the cases of all optimizers come from the table.
        let is_optimizer = ops::OPTIMIZERS.iter().any(|entry| entry.with(|_| None).kernel().name == kernel.name);
        let folders = ["src/ops", "src/ops/reference", "kernels-tests/cases"];
        for folder in if is_optimizer { &folders[..1] } else { &folders } {
            assert!(file(folder, kernel).is_some(), "kernel {} has no file in {folder}", kernel.name);
        }
    }
}

#[test]
fn every_variant_is_tested_and_timed() {
    for purpose in [Purpose::Test, Purpose::Benchmark] {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for (cases, capabilities) in cases::ALL.iter().flat_map(|cases| everything().map(|capabilities| (cases, capabilities))) {
            let cases = cases(Context { capabilities, purpose });
            found.extend(cases.iter().filter(|case| case.purpose == purpose).map(|case| (case.kernel, case.variant)));
        }
        let variants = ops::ALL.iter().flat_map(|kernel| kernel.variants.iter().map(|variant| (kernel.name, variant.name)));
        let missing: Vec<_> = variants.filter(|variant| !found.contains(variant)).collect();
        assert!(missing.is_empty(), "these variants have no case of kind {purpose:?}: {missing:?}");
    }
}

#[test]
fn cases_of_a_kernel_have_names_of_their_own_and_run_it() {
    let mut labels = std::collections::HashSet::new();
    let [capabilities, _] = everything();
    for case in cases::ALL.iter().flat_map(|cases| cases(Context { capabilities, purpose: Purpose::Test })) {
        assert!(labels.insert(case.label()), "two cases are called `{}`", case.label());
        let runs =
            case.plan.steps().iter().any(|step| (step.kernel.as_ref(), step.variant.as_ref()) == (case.kernel, case.variant));
        assert!(runs, "`{}` does not run its kernel", case.label());
        assert!(!case.outputs.is_empty(), "`{}` compares nothing", case.label());
    }
}

/// The variants that no browser runs. All others are standard WGSL, which `kernels browser` checks.
const NATIVE_ONLY: &[(&str, &[&str])] = &[
    ("resize_normalise", &["wide"]),
    ("stem_strip", &["7x32 wide", "8x32 wide"]),
    ("depthwise_strip", &["stride 1, 14x7 wide", "stride 1, 14x8 wide", "stride 2, 14x4 wide"]),
    (
        "expand_depthwise",
        &[
            "stride 1, 56x7 of 24 wide",
            "stride 1, 56x8 of 24 wide",
            "stride 1, 56x7 of 32 wide",
            "stride 1, 56x8 of 32 wide",
            "stride 2, 28x4 of 24 wide",
            "stride 2, 28x4 of 32 wide",
        ],
    ),
    ("pointwise_subgroup", &["7x32 wide", "8x32 wide", "5x32 wide", "5x64 wide", "7x40 wide", "8x16 wide", "8x24 wide"]),
    ("pointwise_columns", &["1 row wide"]),
    ("pointwise_cooperative", &["64x64 of f16", "32x32 of f16", "32x32 in 8x8 of f16", "64x64", "32x32", "32x32 in 8x8"]),
    ("dense_backward_weight_cooperative", &["64x64", "32x32", "32x32 in 8x8"]),
    ("kmeans_assign_accumulate", &["subgroup 8x16 wide"]),
];

#[test]
fn variants_that_no_browser_runs_are_listed_and_say_so() {
    for kernel in ops::ALL {
        let listed = NATIVE_ONLY.iter().find(|(name, _)| *name == kernel.name).map_or(&[][..], |(_, variants)| *variants);
        let native: Vec<&str> =
            kernel.variants.iter().filter(|variant| variant.is_native_only()).map(|variant| variant.name).collect();
        assert_eq!(native, listed, "native-only variants of {}", kernel.name);
        for variant in kernel.variants {
            let source = reflect::source(kernel, variant, 8).expect("an expanded shader");
            let mut code = source.lines().filter_map(|line| line.split("//").next());
            let uses = |line: &str| ["u64", "i64", "enable wgpu_"].iter().any(|word| line.contains(word));
            let name = format!("{} {}", kernel.name, variant.name);
            assert_eq!(code.any(uses), variant.is_native_only(), "extensions of {name}");
            assert_eq!(source.contains("// Native only: "), variant.is_native_only(), "the comment in {name}");
        }
    }
}

#[test]
fn the_browser_runs_cases_of_eight_kernels() {
    let cases = browser::replayed_cases();
    let mut kernels: Vec<&str> = cases.iter().map(|case| case.kernel).collect();
    kernels.sort_unstable();
    kernels.dedup();
    let expected = [
        "adadelta",
        "batch_norm",
        "cosine_proximity",
        "depthwise",
        "kmeans_assign",
        "pointwise_registers",
        "resize_normalise",
        "silhouette",
    ];
    assert_eq!(kernels, expected);
}
