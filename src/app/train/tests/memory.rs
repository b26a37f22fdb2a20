//! A run allocates no device memory after its first step, and its host memory does not grow.

use super::small::{DESCENT, Pictures, Trial, initial, with, without_batch_statistics};
use crate::app::train::*;
use crate::profiles::Device;

/// Returns each progress event of a run with the number of buffers and bytes that had been allocated by then.
fn made(device: &Device, train: impl FnOnce(&mut dyn FnMut(Progress) -> bool)) -> Vec<(Progress, [u64; 2])> {
    let mut heard = Vec::new();
    train(&mut |progress| {
        heard.push((progress, [device.buffers_made(), device.bytes_made()]));
        false
    });
    heard
}

/// Asserts that everything was allocated between the announcement and the first step, and was as large as announced.
fn assert_announced(heard: &[(Progress, [u64; 2])], state_bytes: u64) {
    let (Progress::Memory { bytes, .. }, before) = heard[0] else { panic!("{:?}", heard[0]) };
    let (Progress::Step { epoch: 1, step: 1, .. }, made) = heard[1] else { panic!("{:?}", heard[1]) };
    // The adapter's buffer for reading results is also allocated, but it is not part of the announcement.
    let reading = state_bytes.next_power_of_two().max(64 << 10);
    assert_eq!(made[1] - before[1], bytes + reading, "after {before:?}");
    for (progress, later) in &heard[1..] {
        assert_eq!(*later, made, "something was made by {progress:?}");
    }
    assert!(heard.iter().any(|(progress, _)| matches!(progress, Progress::Epoch { record, .. } if record.epoch == 3)));
}

#[test]
fn a_run_allocates_what_it_announces_before_its_first_step_and_nothing_after() {
    let pictures = Pictures::new(21);
    // Batches are split into parts or not. The whole network is trained, or some of it, or a head without batch norm. The last
    // batches are smaller.
    let changes: [fn(&mut Trial); 4] = [
        |_| (),
        |trial| trial.settings.micro_batch = 8,
        |trial| (trial.shape.first_trained, trial.settings.optimizer) = (4, DESCENT.into()),
        |trial| trial.shape = without_batch_statistics(),
    ];
    for change in changes {
        let Some(device) = crate::testing::device() else { return };
        let folder = tempfile::tempdir().unwrap();
        let mut trial = with(change);
        (trial.settings.epochs, trial.settings.checkpoint_every) = (3, 1);
        let state = initial(&trial.shape);
        let heard = made(&device, |hears| {
            trial.run(&device, &pictures.data(), Some(folder.path()), false, hears).unwrap();
        });
        assert_announced(&heard, 4 * state.weights.len() as u64);
    }
}

#[test]
fn a_head_on_features_allocates_what_it_announces() {
    let Some(device) = crate::testing::device() else { return };
    let values: Vec<f32> = (0..350 * 10).map(|at| (at * 7919 % 101) as f32 / 101.0).collect();
    let table = FeatureTable::new(10, values).unwrap();
    let rows: Vec<u32> = (0..350).collect();
    let labels: Vec<u8> = (0..350 * 3).map(|at| (at % 2) as u8).collect();
    // Two sizes of batches in training, and two in validation.
    let (train_rows, validation_rows) = rows.split_at(75);
    let source = SampleSource::Features(&table);
    let data = TrainingData { source, labels: &labels, attributes: 3, train_rows, validation_rows };
    let trial = with(|trial| {
        trial.shape = trial.shape.clone().without_backbone();
        trial.shape.change_head(|head| head.features = 10);
        trial.settings.epochs = 3;
    });
    let state = initial(&trial.shape);
    let heard = made(&device, |hears| {
        trial.run(&device, &data, None, false, hears).unwrap();
    });
    assert_announced(&heard, 4 * state.weights.len() as u64);
}

/// Returns the resident memory of this process in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

/// Trains for a thousand steps. Other tests in the same process would be counted, too, so
/// [`host_memory_stands_still_over_a_thousand_steps`] runs it in a process of its own.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "run in a process of its own by host_memory_stands_still_over_a_thousand_steps"]
fn a_thousand_steps() {
    let Some(device) = crate::testing::device() else { return };
    // An epoch has ten steps, so the first hundred steps include everything that a run does.
    let pictures = Pictures::new(40);
    let trial = with(|trial| (trial.settings.batch, trial.settings.micro_batch, trial.settings.epochs) = (4, 4, 100));
    let (mut steps, mut after_a_hundred, folder) = (0, 0, tempfile::tempdir().unwrap());
    let mut stops = |progress| {
        if let Progress::Step { .. } = progress {
            steps += 1;
            if steps == 100 {
                after_a_hundred = resident();
            }
        }
        false
    };
    trial.run(&device, &pictures.data(), Some(folder.path()), false, &mut stops).unwrap();
    println!("resident after 100 steps {after_a_hundred}, after {steps} {}", resident());
}

#[cfg(target_os = "linux")]
#[test]
fn host_memory_stands_still_over_a_thousand_steps() {
    if crate::testing::device().is_none() {
        return;
    }
    let name = "app::train::tests::memory::a_thousand_steps";
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program).args([name, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find(|line| line.starts_with("resident")).unwrap_or_default();
    let numbers: Vec<u64> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [100, before, 1000, after] = numbers[..] else { panic!("{text}") };
    assert!(before > 1 << 20 && after < before + (2 << 20), "{before} bytes after 100 steps, {after} after 1000");
}
