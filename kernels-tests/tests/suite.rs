//! The `kernels` program as a user runs it. Most tests need a GPU adapter and are left out where there is none.

#[path = "../harness/requirements.rs"]
mod requirements;

use std::path::Path;
use std::process::Command;

/// The exit status and the output of a run.
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn kernels(arguments: &[&str]) -> Outcome {
    outcome(Command::new(env!("CARGO_BIN_EXE_kernels")).args(arguments))
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the kernels program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Outcome { status: output.status.code(), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr }
}

impl Outcome {
    /// Returns how many passed, failed and were skipped, from the last line of stdout.
    fn counts(&self) -> [usize; 3] {
        let last = self.stdout.lines().last().unwrap_or_default();
        let words: Vec<&str> = last.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        assert_eq!([words[1], words[3], words[5]], ["passed", "failed", "skipped"], "last line: {last}\n{}", self.stderr);
        [0, 2, 4].map(|at| words[at].parse().unwrap())
    }

    /// Asserts that at least `passed` passed, that none failed, and that the exit status is 0.
    fn assert_good(&self, passed: usize) {
        let counts = self.counts();
        assert_eq!((self.status, counts[1]), (Some(0), 0), "{}", self.stderr);
        assert!(counts[0] >= passed, "only {} passed, at least {passed} are wanted", counts[0]);
    }
}

#[test]
fn every_kernel_agrees_with_its_reference() {
    if requirements::lacks_adapter() {
        return;
    }
    kernels(&["test"]).assert_good(700);
}

#[test]
fn every_mutant_is_rejected() {
    if requirements::lacks_adapter() {
        return;
    }
    let outcome = kernels(&["mutants"]);
    outcome.assert_good(100);
    let [passed, _, skipped] = outcome.counts();
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants")).expect("the folder of mutants");
    let names = files.map(|file| file.expect("a file").file_name());
    let mutants = names.filter(|name| name.to_string_lossy().ends_with(".mutant")).count();
    assert_eq!(passed + skipped, mutants, "mutants that passed or need what this adapter lacks");
}

/// The compilers of all GPUs must accept what ships, without new spills since the committed report.
#[test]
fn no_gpu_compiler_makes_worse_code_of_what_ships() {
    if requirements::lacks_gpu_compilers() {
        return;
    }
    let outcome = kernels(&["isa", "--gpu", "all", "--shipped", "--baseline", "isa/shipped.json"]);
    outcome.assert_good(7 * 100);
    eprintln!("{}", outcome.stderr);
}

/// Whole plans compile for every GPU, and the model of time is sound about each.
#[test]
fn plans_compile_for_every_gpu() {
    if requirements::lacks_gpu_compilers() {
        return;
    }
    for arguments in [&["--batch", "1,8,32"][..], &["--batch", "32", "--f16"], &["--batch", "8", "--size", "96", "--train"]] {
        let outcome = kernels(&[&["model", "--gpu", "all"], arguments].concat());
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        let predictions: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("images/s")).collect();
        assert_eq!(predictions.len(), 7 * arguments[1].split(',').count(), "{}", outcome.stdout);
        for line in predictions {
            let milliseconds =
                line.split_once(": ").and_then(|(_, rest)| rest.split(' ').next()).and_then(|word| word.parse().ok());
            assert!(milliseconds.is_some_and(|number: f64| (0.05..10_000.0).contains(&number)), "{line}");
        }
    }
    let refused = kernels(&["isa", "--gpu", "voodoo"]);
    assert!(refused.status == Some(1) && refused.stderr.contains("navi31"), "{}", refused.stderr);
}

/// Mesa's newest software adapter multiplies cooperative matrices, of 16 × 16 as AMD's and NVIDIA's GPUs and of 8 × 8 as Apple's.
#[test]
fn tensor_core_kernels_agree_with_their_references() {
    if requirements::lacks_gpu_compilers() {
        return;
    }
    let compilers = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/gpu-compilers");
    for side in ["8", "16"] {
        // Larger tiles take this adapter minutes to compile.
        let arguments = ["test", "--tensor-cores", "--matrix-side", side, "--filter", "cooperative 32x32"];
        let mut command = Command::new(compilers);
        outcome(command.args(["run", "lavapipe", env!("CARGO_BIN_EXE_kernels")]).args(arguments)).assert_good(60);
    }
}

#[test]
fn golden_data_is_reproduced() {
    if requirements::lacks_adapter() {
        return;
    }
    kernels(&["test", "--golden", "golden"]).assert_good(900);
}

#[test]
fn a_table_and_an_object_say_the_same() {
    if requirements::lacks_adapter() {
        return;
    }
    let table = kernels(&["test", "--filter", "stream"]);
    let object = kernels(&["test", "--filter", "stream", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&object.stdout).expect("one JSON object");
    let [passed, failed, skipped] = table.counts();
    assert_eq!(value["summary"], serde_json::json!({ "passed": passed, "failed": failed, "skipped": skipped }));
    assert_eq!(value["cases"].as_array().map(Vec::len), Some(passed));
}

#[test]
fn timing_gives_ceilings_and_shares() {
    if requirements::lacks_adapter() {
        return;
    }
    let outcome = kernels(&["perf", "--filter", "global_average_pool", "--json"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one JSON object");
    let cases = value["cases"].as_array().expect("cases");
    assert!(!cases.is_empty());
    for ceiling in ["flops_a_second", "bytes_a_second"] {
        assert!(value["ceilings"][ceiling].as_f64().is_some_and(|ceiling| ceiling > 1e8), "{}", value["ceilings"]);
        let positive = |case: &serde_json::Value| case[ceiling].as_f64().is_some_and(|number| number > 0.0);
        assert!(cases.iter().all(positive), "{cases:?}");
    }
    let spread = |case: &serde_json::Value| {
        let [first, third] = [0, 1].map(|at| case["quartiles"][at].as_f64().expect("a quartile"));
        let (median, cold) = (case["seconds"].as_f64().expect("seconds"), case["cold_seconds"].as_f64().expect("seconds"));
        0.0 < first && first <= median && median <= third && cold > 0.0
    };
    assert!(cases.iter().all(spread), "{cases:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baseline.json");
    // A baseline in which every case took a thousand times as long.
    let mut before = value.clone();
    for case in before["cases"].as_array_mut().expect("cases") {
        case["seconds"] = (1e3 * case["seconds"].as_f64().expect("seconds")).into();
        case["quartiles"] = serde_json::json!([case["seconds"], case["seconds"]]);
    }
    std::fs::write(&file, before.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let outcome = kernels(&["perf", "--filter", "global_average_pool", "--runs", "3", "--baseline", file]);
    assert_eq!(outcome.stdout.matches("FASTER").count(), cases.len(), "{}", outcome.stdout);
    assert!(outcome.stderr.contains(&format!("{} faster, 0 slower", cases.len())), "{}", outcome.stderr);
    let refused = kernels(&["perf", "--baseline", "no/such.json"]);
    assert!(refused.status == Some(1) && refused.stderr.contains("no/such.json"), "{}", refused.stderr);
}

#[test]
fn a_kernel_is_printed_in_every_language() {
    // (language, what it must hold)
    let languages = [("wgsl", "fn main("), ("msl", "kernel void"), ("hlsl", "[numthreads"), ("glsl", "layout(local_size_x")];
    for (language, part) in languages {
        let outcome = kernels(&["emit", "stream", "--variant", "1 vector", "--as", language]);
        assert!(outcome.status == Some(0) && outcome.stdout.contains(part), "{language}: {}{}", outcome.stdout, outcome.stderr);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("silhouette.spv");
    let out = file.to_str().unwrap();
    assert_eq!(kernels(&["emit", "silhouette", "--as", "spirv", "--override", "METRIC=2", "--out", out]).status, Some(0));
    assert_eq!(std::fs::read(&file).unwrap()[..4], [3, 2, 35, 7], "SPIR-V begins with its magic number");
    for (arguments, part) in [
        (&["emit", "streams"][..], "there is no kernel `streams`"),
        (&["emit", "stream", "--variant", "9 vectors"], "4 vectors"),
        (&["emit", "silhouette", "--override", "METRICS=1"], "METRIC"),
    ] {
        let outcome = kernels(arguments);
        assert!(outcome.status == Some(1) && outcome.stderr.contains(part), "{arguments:?}: {}", outcome.stderr);
    }
}

#[test]
fn every_kernel_has_a_variant_that_runs_here() {
    if requirements::lacks_adapter() {
        return;
    }
    let outcome = kernels(&["support"]);
    outcome.assert_good(60);
    let [passed, _, skipped] = outcome.counts();
    let variants: usize = lineament::ops::ALL.iter().map(|kernel| kernel.variants.len()).sum();
    assert_eq!(passed + skipped, variants, "variants that compile or need what this adapter lacks");
}

#[test]
fn misuse_and_missing_folders_are_told_apart() {
    if requirements::lacks_adapter() {
        return;
    }
    assert_eq!(kernels(&["tset"]).status, Some(2));
    assert_eq!(kernels(&["test", "--no-such-option"]).status, Some(2));
    let missing = kernels(&["test", "--golden", "no/such/folder"]);
    assert_eq!(missing.status, Some(1));
    assert!(missing.stderr.contains("no/such/folder"), "{}", missing.stderr);
    let empty = tempfile::tempdir().unwrap();
    let empty = kernels(&["test", "--golden", empty.path().to_str().unwrap()]);
    assert_eq!(empty.status, Some(1));
    assert!(empty.stderr.contains("manifest.json"), "{}", empty.stderr);
    let adapter = kernels(&["test", "--adapter", "no such adapter"]);
    assert_eq!(adapter.status, Some(1));
    assert!(adapter.stderr.contains("no such adapter"), "{}", adapter.stderr);
}

#[test]
fn standard_variants_compile_and_run_in_a_browser() {
    if requirements::lacks_browser() {
        return;
    }
    let outcome = kernels(&["browser"]);
    let variants = || lineament::ops::ALL.iter().flat_map(|kernel| kernel.variants);
    let native_only = variants().filter(|variant| variant.is_native_only()).count();
    // Eight kernels also run.
    outcome.assert_good(variants().count() - native_only + 8);
    assert_eq!(outcome.counts()[2], native_only, "only native-only variants are skipped");
}

/// Checks that `kernels browser` can fail; otherwise the test before would prove nothing.
#[test]
fn the_browser_refuses_barriers_that_are_not_uniform_and_notices_wrong_results() {
    if requirements::lacks_browser() {
        return;
    }
    // (shader, what is right, what is not, what the failure says)
    let changes = [
        ("head/column_sum", "part_exists(workgroup,", "part_exists(workgroup + thread,", "uniform control flow"),
        ("optim/adadelta", "/ sqrt(a + params.epsilon)", "/ sqrt(d + params.epsilon)", "FAILED adadelta default runs"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shaders");
    for group in std::fs::read_dir(&source).unwrap().map(|group| group.unwrap().path()).filter(|path| path.is_dir()) {
        let copy = folder.path().join(group.file_name().unwrap());
        std::fs::create_dir(&copy).unwrap();
        for shader in std::fs::read_dir(&group).unwrap().map(|shader| shader.unwrap().path()) {
            std::fs::copy(&shader, copy.join(shader.file_name().unwrap())).unwrap();
        }
    }
    for (shader, right, wrong, words) in changes {
        let file = folder.path().join(format!("{shader}.wgsl"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(right), "{shader}");
        std::fs::write(&file, text.replace(right, wrong)).unwrap();
        let (_, kernel) = shader.split_once('/').unwrap();
        let outcome = kernels(&["--shaders", folder.path().to_str().unwrap(), "browser", "--filter", kernel]);
        assert!(outcome.status == Some(1) && outcome.stderr.contains(words), "{kernel}: {}", outcome.stderr);
    }
}

type Change = fn(&mut Vec<u8>);

/// A group of one fixture, copied from the golden data and changed by `change`.
fn changed_group(folder: &Path, change: Change) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/kernels");
    let file = "global_average_pool_0.safetensors";
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(source.join("manifest.json")).unwrap()).unwrap();
    let only = serde_json::json!({ "group": "kernels", "files": { file: manifest["files"][file] } });
    std::fs::write(folder.join("manifest.json"), only.to_string()).unwrap();
    let mut bytes = std::fs::read(source.join(file)).unwrap();
    change(&mut bytes);
    std::fs::write(folder.join(file), bytes).unwrap();
}

#[test]
fn golden_data_that_disagrees_or_is_damaged_fails() {
    if requirements::lacks_adapter() {
        return;
    }
    // (change of the fixture, expected failures)
    let changes: [(Change, usize); 3] = [
        (|_| (), 0),
        // This flips a bit in the exponent of the last element of the last tensor, which is y.
        (|bytes| *bytes.last_mut().unwrap() ^= 1, 1),
        (|bytes| bytes.truncate(bytes.len() - 3), 1),
    ];
    for (change, failures) in changes {
        let folder = tempfile::tempdir().unwrap();
        changed_group(folder.path(), change);
        let outcome = kernels(&["test", "--golden", folder.path().to_str().unwrap()]);
        assert_eq!(outcome.counts()[1], failures, "{}", outcome.stderr);
        assert_eq!(outcome.status, Some(i32::from(failures > 0)));
        assert_eq!(outcome.stderr.contains("replay: kernels test --golden"), failures > 0, "{}", outcome.stderr);
    }
}
