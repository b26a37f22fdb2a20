use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::ops::Padding;
use crate::plan::hexadecimal;

fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn fixture(name: &str) -> PathBuf {
    project("kernels-tests/golden/io/safetensors").join(name)
}

fn expected(tensors: &[(&str, &[usize])]) -> Vec<ExpectedTensor> {
    tensors.iter().map(|(name, shape)| ExpectedTensor { name: name.to_string(), shape: shape.to_vec() }).collect()
}

#[test]
fn an_error_says_why_a_file_is_malformed() {
    let cases = [
        ("truncated_body", "describes 68 bytes of tensors and 61 follow"),
        ("truncated_header", "a header of 112 bytes and 12 follow"),
        ("seven_bytes", "it has 7 bytes"),
        ("empty", "it has 0 bytes"),
        ("header_length_huge", "9223372036854775807 bytes, more than"),
        ("header_length_past_end", "a header of 1000000 bytes and 60 follow"),
        ("header_not_json", "not sound JSON"),
        ("header_not_utf8", "not UTF-8"),
        ("overlapping_offsets", "invalid offset for tensor `b`"),
        ("gap_in_offsets", "invalid offset for tensor `b`"),
        ("reversed_offsets", "invalid offset for tensor `a`"),
        ("offsets_past_end", "describes 16 bytes of tensors and 8 follow"),
        ("shape_size_mismatch", "invalid shape"),
        ("shape_overflow", "overflow"),
        ("unknown_dtype", "unknown variant `Q7`"),
        ("negative_shape", "-2"),
        ("trailing_bytes", "describes 68 bytes of tensors and 77 follow"),
        ("duplicate_key", "'a' appears twice"),
        ("missing_file", "cannot be read"),
    ];
    for (name, reason) in cases {
        let message = WeightsFile::open(&fixture(&format!("{name}.safetensors"))).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains(name), "{name}: {message}");
    }
}

#[test]
fn an_error_names_the_tensors_that_do_not_fit_the_model() {
    let model = expected(&[("a", &[3, 4]), ("b", &[5])]);
    let cases = [
        ("nan_weights", "'a' holds NaN at [1, 2]"),
        ("inf_weights", "'a' holds inf at [0, 0]"),
        ("wrong_dtype", "'a' is I32 where F32, F16, BF16 or F64 is wanted"),
        ("wrong_shape", "'a' is [4, 3] where [3, 4] is wanted"),
        ("missing_tensor", "'b' is missing"),
    ];
    for (name, reason) in cases {
        let file = WeightsFile::open(&fixture(&format!("{name}.safetensors"))).unwrap();
        let message = file.check(&model).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains(name), "{message}");
    }
    let good = WeightsFile::open(&fixture("good.safetensors")).unwrap();
    good.check(&model).unwrap();

    let lists = [
        (expected(&[("a", &[3, 4])]), "1 tensor does not fit the model: the model has no tensor 'b'"),
        (expected(&[("a", &[3, 4]), ("b", &[4]), ("c", &[1])]), "2 tensors do not fit the model: the tensor 'b' is [5]"),
        (expected(&[("stem", &[3]), ("head", &[3])]), "looks like a weights file of another model"),
    ];
    for (model, reason) in lists {
        let message = good.check(&model).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    let many: Vec<String> = (0..9).map(|index| format!("t{index}")).collect();
    let mut model: Vec<(&str, &[usize])> = many.iter().map(|name| (name.as_str(), &[1_usize][..])).collect();
    model.extend([("a", &[3_usize, 4][..]), ("b", &[5][..])]);
    let message = good.check(&expected(&model)).unwrap_err().to_string();
    assert!(message.contains("9 tensors do not fit") && message.contains("'t3' is missing; and 5 more"), "{message}");
}

#[test]
fn the_shipped_files_match_the_manifest() {
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(project("weights/manifest.json")).unwrap()).unwrap();
    let mut listed: Vec<String> = vec!["README.md".to_owned(), "manifest.json".to_owned()];
    for entry in manifest["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let content = fs::read(project("weights").join(name)).unwrap();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&content);
        let hexadecimal = hexadecimal(digest);
        assert_eq!(entry["sha256"], *hexadecimal, "{name}");
        assert_eq!(entry["bytes"], content.len(), "{name}");
        if name.ends_with(".safetensors") {
            let file = WeightsFile::open(&project("weights").join(name)).unwrap();
            assert_eq!(entry["tensors"], file.names().len(), "{name}");
            assert_eq!(entry["sha256"], *file.sha256(), "{name}");
        }
        listed.push(name.to_owned());
    }
    for entry in fs::read_dir(project("weights")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || name.ends_with(".md") || listed.contains(&name), "{name} is not in the manifest");
    }
}

#[test]
fn shipped_files_declare_their_convention() {
    let keras = Convention { padding: Padding::TensorflowSame, epsilon: 1e-3, input: InputScaling::MinusOneToOne };
    for name in ["weights/mobilenet_v2_imagenet.safetensors", "kernels-tests/golden/models/mobilenet_v2_035_imagenet.safetensors"]
    {
        assert_eq!(WeightsFile::open(&project(name)).unwrap().convention().unwrap(), keras);
    }
    let message = WeightsFile::open(&fixture("good.safetensors")).unwrap().convention().unwrap_err().to_string();
    assert!(message.contains("'padding' is missing where 'tf-same' or 'symmetric 1' is wanted"), "{message}");
}

#[test]
fn an_invalid_convention_is_an_error_that_names_the_key_and_valid_ones_round_trip() {
    let sound = [("padding", "symmetric 1"), ("bn_eps", "0.00001"), ("input", "RGB (x/255-mean)/std imagenet")];
    let torch = Convention { padding: Padding::Symmetric, epsilon: 1e-5, input: InputScaling::ImageNetMeanStd };
    assert_eq!(Convention::parse(Path::new("w"), &BTreeMap::from(sound)).unwrap(), torch);
    let wrong = [
        ("padding", "same"),
        ("padding", "symmetric 2"),
        ("padding", "tf-same2"),
        ("padding", ""),
        ("bn_eps", "0"),
        ("bn_eps", "NaN"),
        ("bn_eps", "small"),
        ("input", "BGR x/255"),
    ];
    for (key, value) in wrong {
        let mut metadata = BTreeMap::from(sound);
        metadata.insert(key, value);
        let message = Convention::parse(Path::new("w"), &metadata).unwrap_err().to_string();
        assert!(message.contains(&format!("header's '{key}' is '{value}' where")), "{message}");
        metadata.remove(key);
        let message = Convention::parse(Path::new("w"), &metadata).unwrap_err().to_string();
        assert!(message.contains(&format!("header's '{key}' is missing")), "{message}");
    }
    let message = Convention::parse(Path::new("w"), &BTreeMap::new()).unwrap_err().to_string();
    for key in ["padding", "bn_eps", "input"] {
        assert!(message.contains(&format!("'{key}' is missing")), "{message}");
    }
    for padding in [Padding::TensorflowSame, Padding::Symmetric] {
        for input in [InputScaling::MinusOneToOne, InputScaling::ZeroToOne, InputScaling::ImageNetMeanStd] {
            for epsilon in [1e-3, 1e-5, 1.234_567_9e-7] {
                let convention = Convention { padding, epsilon, input };
                let written = convention.to_metadata();
                let borrowed = written.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                assert_eq!(Convention::parse(Path::new("w"), &borrowed).unwrap(), convention);
            }
        }
    }
}

#[test]
fn input_scaling_maps_0_and_255_to_the_ends_of_its_range() {
    let cases = [
        (InputScaling::MinusOneToOne, [-1.0; 3], [1.0; 3]),
        (InputScaling::ZeroToOne, [0.0; 3], [1.0; 3]),
        (InputScaling::ImageNetMeanStd, [-2.117_904, -2.035_714_3, -1.804_444_4], [2.248_908_3, 2.428_571_4, 2.64]),
    ];
    for (scaling, black, white) in cases {
        let (multiplier, offset) = scaling.multiplier_and_offset();
        for channel in 0..3 {
            approx::assert_abs_diff_eq!(offset[channel], black[channel], epsilon = 1e-6);
            approx::assert_abs_diff_eq!(255.0 * multiplier[channel] + offset[channel], white[channel], epsilon = 1e-6);
        }
    }
}

#[test]
fn written_files_are_deterministic_sorted_and_readable_by_the_safetensors_crate() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let (b, a) = ([1.0, -2.5, 1e-3, 65504.0, 0.0, 0.1], [0.1_f32 + 0.2]);
    let tensors = [
        StoredTensor { name: "b \"quoted\" é", shape: &[2, 3], values: &b },
        StoredTensor { name: "a", shape: &[], values: &a },
        StoredTensor { name: "e", shape: &[0, 3], values: &[] },
    ];
    let metadata: BTreeMap<String, String> =
        (0..20).map(|index| (format!("key {index}"), format!("value\n\"{index}\""))).collect();
    for (precision, size) in [(StoredPrecision::F32, 4), (StoredPrecision::F16, 2)] {
        write_weights(&first, &tensors, &metadata, precision).unwrap();
        let reversed: Vec<StoredTensor> = tensors.iter().rev().copied().collect();
        write_weights(&second, &reversed, &metadata, precision).unwrap();
        let content = fs::read(&first).unwrap();
        assert_eq!(content, fs::read(&second).unwrap());

        let library = safetensors::SafeTensors::deserialize(&content).unwrap();
        assert_eq!(library.tensor("b \"quoted\" é").unwrap().data().len(), 6 * size);
        let file = WeightsFile::open(&first).unwrap();
        assert_eq!(file.names(), ["a", "b \"quoted\" é", "e"]);
        assert!(file.metadata().len() == 21 && file.metadata().contains_key("lineament_crc32"));
        assert_eq!(file.metadata()["key 7"], "value\n\"7\"");
        let round = |value: f32| if size == 4 { value } else { half::f16::from_f32(value).to_f32() };
        assert_eq!(file.f32("b \"quoted\" é", &[2, 3]).unwrap(), b.map(round));
        assert_eq!(file.f32("a", &[]).unwrap(), a.map(round));
        assert!(file.f32("e", &[0, 3]).unwrap().is_empty());
    }
}

#[test]
fn invalid_tensors_are_an_error_and_leave_no_file() {
    let tensor = |name, shape, values| StoredTensor { name, shape, values };
    let cases = [
        (vec![tensor("a", &[2], &[1.0])], "'a' has 1 values for the shape [2]"),
        (vec![tensor("a", &[1], &[1.0]), tensor("a", &[1], &[2.0])], "two tensors are called 'a'"),
        (vec![tensor("a", &[1], &[f32::NAN])], "'a' holds NaN"),
        (vec![tensor("a", &[1], &[65520.0])], "'a' holds 65520, which F16 does not"),
        (vec![tensor("__metadata__", &[1], &[1.0])], "cannot be called '__metadata__'"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (tensors, reason) in cases {
        let failed = write_weights(&folder.path().join("w"), &tensors, &BTreeMap::new(), StoredPrecision::F16);
        let message = failed.unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn numbers_of_every_floating_point_type_are_read() {
    let numbers = [1.5_f64, -0.1, 3.0e-5];
    let bf16 = numbers.map(half::bf16::from_f64);
    let cases = [
        (
            safetensors::Dtype::F64,
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>(),
            numbers.map(|number| number as f32),
        ),
        (safetensors::Dtype::BF16, bf16.iter().flat_map(|number| number.to_le_bytes()).collect(), bf16.map(half::bf16::to_f32)),
    ];
    for (dtype, bytes, right) in cases {
        let view = safetensors::tensor::TensorView::new(dtype, vec![3], &bytes).unwrap();
        let content = safetensors::serialize([("a", view)], None).unwrap();
        assert_eq!(open_content(&content).unwrap().f32("a", &[3]).unwrap(), right, "{dtype:?}");
    }
}

fn open_content(content: &[u8]) -> Result<WeightsFile, WeightsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs::write(&path, content).unwrap();
    WeightsFile::open(&path)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header in "[{}\\[\\]:,\"a0-9]{0,80}") {
        let _ = open_content(&bytes);
        let mut content = (header.len() as u64).to_le_bytes().to_vec();
        content.extend(header.bytes());
        let _ = open_content(&content);
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0usize..188, byte: u8) {
        let mut content = fs::read(fixture("good.safetensors")).unwrap();
        content[at] = byte;
        if let Ok(file) = open_content(&content) {
            let _ = file.check(&expected(&[("a", &[3, 4]), ("b", &[5])]));
            let _ = file.convention();
        }
    }

    #[test]
    fn every_truncated_file_is_an_error(end in 0usize..188) {
        prop_assert!(open_content(&fs::read(fixture("good.safetensors")).unwrap()[..end]).is_err());
    }
}

#[test]
fn a_flipped_bit_in_a_file_of_ours_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let values: Vec<f32> = (0..6).map(|value| value as f32 / 7.0).collect();
    let tensors = [StoredTensor { name: "a", shape: &[2, 3], values: &values }];
    let metadata = BTreeMap::from([("steps".to_string(), "17".to_string())]);
    for precision in [StoredPrecision::F32, StoredPrecision::F16] {
        write_weights(&path, &tensors, &metadata, precision).unwrap();
        assert_eq!(WeightsFile::open(&path).unwrap().metadata()["steps"], "17");
        let whole = fs::read(&path).unwrap();
        for at in 8..whole.len() {
            for bit in [0, 3, 7] {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, &damaged).unwrap();
                // Only if the key itself is damaged, the file is taken for one of another program.
                let is_key = WeightsFile::open(&path).is_ok_and(|file| !file.metadata().contains_key("lineament_crc32"));
                assert!(is_key || WeightsFile::open(&path).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
