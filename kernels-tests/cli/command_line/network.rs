//! Tests of `lineament train` for the whole network and for some of its blocks: runs are killed and resumed, and their models
//! used.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lineament::nn::keys;

use super::{BACKBONE, labelled_faces, lineament, refused, text};

/// Options that use augmentation, dropout, micro-batches and a schedule.
const SETTINGS: [&str; 20] = [
    "--weights",
    BACKBONE,
    "--trainable",
    "all",
    "--size",
    "96",
    "--hidden",
    "24",
    "--batch",
    "4",
    "--micro-batch",
    "2",
    "--augment",
    "paper",
    "--schedule",
    "cosine",
    "--epochs",
    "2",
    "--checkpoint-every",
    "1",
];

#[test]
fn a_network_that_is_killed_and_resumed_is_the_network_of_an_unbroken_run() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(14);
    let data = faces.path().to_string_lossy().into_owned();
    let runs = tempfile::tempdir().unwrap();
    let run = |name: &str| runs.path().join(name).to_string_lossy().into_owned();
    let [unbroken, killed] = ["unbroken", "killed"].map(run);
    let arguments = |out: &'static str, more: &[&str]| -> Vec<String> {
        let base = ["train", "--data", &data, "--out", if out == "unbroken" { &unbroken } else { &killed }];
        base.iter().chain(&SETTINGS).chain(more).map(|argument| argument.to_string()).collect()
    };
    let whole = |arguments: Vec<String>| {
        let output = lineament(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let message = whole(arguments("unbroken", &[]));
    for part in [
        "batches of 4 images are split into parts of 2, and batch norm sees one part at a time",
        "GB on the device for 2 samples",
        "epoch 2: loss",
    ] {
        assert!(message.contains(part), "{message}");
    }

    // The run is killed three times, each time as soon as there is a new checkpoint.
    let last = Path::new(&killed).join("checkpoints/last.safetensors");
    let mut before = None;
    for more in [&[][..], &["--resume"], &["--resume"]] {
        let program = env!("CARGO_BIN_EXE_lineament");
        let mut child = Command::new(program).args(arguments("killed", more)).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        let written = || std::fs::metadata(&last).and_then(|file| file.modified()).ok();
        while written() == before && start.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        before = written();
        assert!(before.is_some(), "no checkpoint appeared");
    }
    whole(arguments("killed", &["--resume"]));
    for file in
        ["checkpoints/last.safetensors", "checkpoints/best.safetensors", "history.csv", "model.safetensors", "metrics.csv"]
    {
        let [a, b] = [&unbroken, &killed].map(|run| std::fs::read(Path::new(run).join(file)).unwrap());
        assert!(a == b, "{file} differs from that of an unbroken run");
    }

    // A run cannot be continued with another seed, attribute or optimizer, nor from a truncated checkpoint.
    let refused_with = |more: &[&str], parts: &[&str]| {
        let arguments = arguments("killed", more);
        refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 1, parts);
    };
    refused_with(&[], &["last.safetensors", "--resume"]);
    refused_with(&["--resume", "--seed", "5"], &["seed 0", "now it is 5"]);
    refused_with(&["--resume", "--attributes", "Male"], &["attributes 2", "now it is 1"]);
    refused_with(&["--resume", "--nesterov", "--optimizer", "sgd"], &["optimizer"]);
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    // The checkpoint before the last one takes its place. If both are damaged, the run can still be started again.
    let resumed = lineament(&arguments("killed", &["--resume"]).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert!(text(&resumed.stderr).contains("continuing from the checkpoint before the last"), "{}", text(&resumed.stderr));
    assert!(std::fs::read(&last).unwrap() == bytes);
    for name in ["last", "before_last"] {
        std::fs::write(last.with_file_name(format!("{name}.safetensors")), &bytes[..bytes.len() / 2]).unwrap();
    }
    refused_with(&["--resume"], &["last.safetensors"]);
    whole(arguments("killed", &["--restart"]));
    assert!(std::fs::read(&last).unwrap() == bytes);

    // The model is one file. It stores its input size and needs no separate backbone.
    let model = format!("{unbroken}/model.safetensors");
    let output = lineament(&["predict", &data, "--model", &model]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 15);
    let evaluation = lineament(&["eval", "--data", &data, "--model", &model, "--partition", "validation", "--json"]);
    assert_eq!(evaluation.status.code(), Some(0), "{}", text(&evaluation.stderr));
    let metrics: serde_json::Value = serde_json::from_slice(&evaluation.stdout).unwrap();
    let trained = std::fs::read_to_string(Path::new(&unbroken).join("metrics.csv")).unwrap();
    let accuracy = metrics["attributes"][0]["accuracy"].as_f64().unwrap();
    let row = trained.lines().nth(1).unwrap();
    assert!(row.starts_with("Male,") && row.contains(&format!(",{accuracy}")), "{row} does not hold {accuracy}");
}

#[test]
fn what_a_network_cannot_be_trained_with_is_refused() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(8);
    let data = faces.path().to_string_lossy().into_owned();
    let out = faces.path().join("run").to_string_lossy().into_owned();
    let base = ["train", "--data", &data, "--out", &out, "--weights", BACKBONE, "--trainable", "blocks:1"];
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (&["--batch", "1"], 2, &["--batch", "at least 2", "the variance of several images"]),
        (&["--size", "100"], 2, &["--size 100", "multiple of 32"]),
        (&["--size", "256"], 2, &["96..=224"]),
        (&["--trainable", "blocks:20"], 2, &["blocks:N", "1 to 19"]),
        (&["--learning-rate=-1"], 2, &["--learning-rate is -1"]),
    ];
    for (more, status, parts) in cases {
        let arguments: Vec<&str> = if more[0] == "--trainable" {
            base[..7].iter().chain(more).copied().collect()
        } else {
            base.iter().chain(more).copied().collect()
        };
        refused(&arguments, status, parts);
    }
    // A picture that cannot be decoded stops a run, unless the user chooses to leave it out.
    std::fs::write(faces.path().join("02.jpg"), b"no picture").unwrap();
    let short = ["--size", "96", "--batch", "3", "--epochs", "1", "--hidden", "8"];
    let arguments = [&base[..], &short].concat();
    refused(&arguments, 1, &["02.jpg", "--skip-unreadable"]);
    let output = lineament(&[&arguments[..], &["--skip-unreadable"]].concat());
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.contains("02.jpg") && message.contains("1 of 8 images cannot be read"), "{message}");
}

/// Options of a run that trains only the head and the last block, on small pictures.
const LAST_BLOCK: [&str; 10] =
    ["--weights", BACKBONE, "--trainable", "blocks:1", "--size", "96", "--hidden", "16", "--batch", "4"];

#[test]
fn a_model_with_its_last_block_trained_predicts_at_the_size_that_it_was_trained_at() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(12);
    let data = faces.path().to_string_lossy().into_owned();
    let out = faces.path().join("run").to_string_lossy().into_owned();
    let output = lineament(&[&["train", "--data", &data, "--out", &out, "--epochs", "1"][..], &LAST_BLOCK].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let model = Path::new(&out).join("model.safetensors");
    let picture = faces.path().join("03.jpg").to_string_lossy().into_owned();
    let predicted = |model: &Path| {
        let output = lineament(&["predict", &picture, "--model", &model.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let row = predicted(&model);
    assert!(row.starts_with("image,Male,Smiling\n") && row.lines().count() == 2, "{row}");

    // If the file is changed to name another size, the prediction changes. So the size in the file is used. A change by accident
    // is refused; one on purpose leaves out the checksum.
    let mut bytes = std::fs::read(&model).unwrap();
    let named = format!("\"{}\":\"96\"", keys::SIZE);
    let mut replace = |old: &str, new: &str| {
        let at = bytes.windows(old.len()).position(|part| part == old.as_bytes()).unwrap();
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        bytes.clone()
    };
    let other = faces.path().join("other.safetensors");
    std::fs::write(&other, replace(&named, &named.replace("96", "64"))).unwrap();
    refused(&["predict", &picture, "--model", &other.to_string_lossy()], 1, &["other.safetensors", "damaged", "lineament_crc32"]);
    std::fs::write(&other, replace("lineament_crc32", "another_program")).unwrap();
    assert_ne!(predicted(&other), row);
}

/// The files of a run folder that store the state and history of a run.
const KEPT: [&str; 3] = ["checkpoints/last.safetensors", "checkpoints/best.safetensors", "history.csv"];

#[cfg(unix)]
#[test]
fn a_checkpoint_that_does_not_fit_the_disk_leaves_the_one_before() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(8);
    let data = faces.path().to_string_lossy().into_owned();
    let runs = tempfile::tempdir().unwrap();
    let arguments = |name: &str, more: &[&str]| -> Vec<String> {
        let out = runs.path().join(name).to_string_lossy().into_owned();
        let base = ["train", "--data", &data, "--out", &out];
        base.iter().chain(&LAST_BLOCK).chain(more).map(|argument| argument.to_string()).collect()
    };
    let kept = |name: &str| KEPT.map(|file| std::fs::read(runs.path().join(name).join(file)).unwrap());
    let program = env!("CARGO_BIN_EXE_lineament");
    let trained = |name: &str, more: &[&str]| {
        let output = Command::new(program).args(arguments(name, more)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    };
    trained("full", &["--epochs", "1"]);
    let before = kept("full");

    // No file may grow beyond 100 blocks of 512 bytes. The signal for this is ignored, so writing fails as on a full disk. The
    // driver's own cache is turned off, because the limit would apply to it as well.
    let limited = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, program])
        .args(arguments("full", &["--epochs", "2", "--resume"]))
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(".safetensors") && message.contains("cannot be written"), "{message}");
    assert!(message.contains("free some space"), "{message}");
    assert!(kept("full") == before, "what was there before has changed");
    let left = std::fs::read_dir(runs.path().join("full/checkpoints")).unwrap().count();
    assert_eq!(left, 3, "a file that is not whole was left beside the best, the last and the one before the last");

    // Without the limit, the run continues and gives the same bytes as an unbroken one.
    trained("full", &["--epochs", "2", "--resume"]);
    trained("unbroken", &["--epochs", "2"]);
    assert!(kept("full") == kept("unbroken"));
}

/// A scheduler stops a job with SIGTERM. The training saves its state as after Ctrl-C, and no second process joins it meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn a_termination_saves_the_state_and_a_second_training_is_refused() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(16);
    let (data, out) = (faces.path().to_string_lossy().into_owned(), faces.path().join("run"));
    let run = out.to_string_lossy().into_owned();
    let base = ["train", "--data", &data, "--out", &run, "--weights", BACKBONE, "--batch", "4", "--checkpoint-every", "1"];
    let long = [&base[..], &["--epochs", "100000"]].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_lineament")).args(&long).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !out.join("checkpoints/last.safetensors").exists() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(20));
    }
    refused(&[&long[..], &["--resume"]].concat(), 1, &["another process is training in this folder"]);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    let mut message = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut message).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(message.contains("the state is saved in") && message.contains("continue with --resume"), "{message}");
    let resumed = lineament(&[&base[..], &["--resume", "--epochs", "1"]].concat());
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
}
