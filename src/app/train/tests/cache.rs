//! The cache of features continues where it stopped, and refuses rows that are not its own.

use crate::app::train::features::{IDENTITY_FILE, ROWS_FILE, UNREADABLE};
use crate::app::train::*;
use crate::data::StoredOrientation;

fn identity() -> FeatureIdentity {
    FeatureIdentity {
        weights_sha256: "aa".to_string(),
        data_sha256: FeatureIdentity::of_names(["a.jpg", "b.jpg", "c.jpg"]),
        images: 3,
        features: 4,
        size: 224,
        interpolation: "bilinear".to_string(),
        orientation: StoredOrientation::Applied,
    }
}

/// Versions of images that do not matter to a test.
fn versions(count: usize) -> Vec<String> {
    vec!["1".to_string(); count]
}

#[test]
fn rows_of_replaced_images_and_damaged_rows_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let versions = |texts: [&str; 3]| texts.map(String::from);
    let first = versions(["a1", "b1", "c1"]);
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert!(cache.append(&[1.0; 12], &first[..2]).unwrap_err().to_string().contains("2 versions for 3 rows"));
    cache.append(&[1.0; 12], &first).unwrap();
    drop(cache);
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!(cache.outdated(&first).unwrap(), [0; 0]);
    assert_eq!(cache.outdated(&versions(["a1", "b2", "c1"])).unwrap(), [1]);
    cache.replace(1, &[2.0; 4], "b2").unwrap();
    assert_eq!(cache.outdated(&versions(["a1", "b2", "c1"])).unwrap(), [0; 0]);
    drop(cache);

    // A flipped bit in the first row, and rows without marks, as a killed run may leave them.
    let path = folder.path().join(ROWS_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[6] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!(cache.outdated(&versions(["a1", "b2", "c1"])).unwrap(), [0]);
    drop(cache);
    let marks = folder.path().join("features.marks");
    let length = std::fs::metadata(&marks).unwrap().len();
    std::fs::File::options().write(true).open(&marks).unwrap().set_len(length - 1).unwrap();
    assert_eq!(FeatureCache::open(folder.path(), &identity()).unwrap().done(), 2);
}

#[test]
fn a_cache_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..12).map(|value| value as f32 / 7.0).collect();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert!(cache.append(&values[..3], &versions(1)).is_err());
    cache.append(&values[..4], &versions(1)).unwrap();
    drop(cache);

    // An incomplete last row is computed again.
    let path = folder.path().join(ROWS_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([1; 9]);
    std::fs::write(&path, bytes).unwrap();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!((cache.done(), cache.is_complete()), (1, false));
    cache.append(&values[4..], &versions(2)).unwrap();
    assert!(cache.append(&values[..4], &versions(1)).unwrap_err().to_string().contains("4 rows for 3 images"));
    assert_eq!(cache.read().unwrap().values(), values);
    assert_eq!(FeatureCache::open(folder.path(), &identity()).unwrap().read().unwrap().row(2), &values[8..]);
}

#[test]
fn features_of_other_images_or_weights_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    FeatureCache::open(folder.path(), &identity()).unwrap().append(&[1.0; 12], &versions(3)).unwrap();
    let others = [
        FeatureIdentity { weights_sha256: "bb".to_string(), ..identity() },
        FeatureIdentity { data_sha256: FeatureIdentity::of_names(["a.jpgb.jpg", "c.jpg", ""]), ..identity() },
        FeatureIdentity { images: 2, ..identity() },
        FeatureIdentity { size: 128, ..identity() },
        FeatureIdentity { orientation: StoredOrientation::Ignored, ..identity() },
    ];
    for other in others {
        let refused = FeatureCache::open(folder.path(), &other).unwrap_err();
        assert!(matches!(refused, FeatureError::Other { .. }), "{refused}");
        assert!(refused.to_string().contains("delete features.json and features.f32"), "{refused}");
    }
    assert!(FeatureCache::open(folder.path(), &identity()).unwrap().is_complete());
}

#[test]
fn a_damaged_cache_is_refused() {
    let damage: [(&str, &str, &str); 4] = [
        (IDENTITY_FILE, "{", "EOF"),
        (IDENTITY_FILE, "{\"format\": \"other\"}", "format"),
        (IDENTITY_FILE, "{\"format\": \"lineament-features-2\"}", "missing field"),
        (ROWS_FILE, "as many bytes as four rows of four numbers have, and then more than that.", "4 rows for 3 images"),
    ];
    for (name, text, problem) in damage {
        let folder = tempfile::tempdir().unwrap();
        drop(FeatureCache::open(folder.path(), &identity()).unwrap());
        std::fs::write(folder.path().join(name), text).unwrap();
        let message = FeatureCache::open(folder.path(), &identity()).unwrap_err().to_string();
        assert!(message.contains(problem) && message.contains(name), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(ROWS_FILE), [0; 16]).unwrap();
    let message = FeatureCache::open(folder.path(), &identity()).unwrap_err().to_string();
    assert!(message.contains("features.json: is missing"), "{message}");

    // A value that is not finite is found when the rows are read. The message names the file and says what to do.
    let folder = tempfile::tempdir().unwrap();
    FeatureCache::open(folder.path(), &identity()).unwrap().append(&[1.0; 12], &versions(3)).unwrap();
    let path = folder.path().join(ROWS_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20..24].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let message = FeatureCache::open(folder.path(), &identity()).unwrap().read().unwrap_err().to_string();
    for part in ["features.f32: row 1, column 1 is NaN", "delete features.json"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn rows_of_unreadable_images_keep_their_places_until_they_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    let unreadable = [f32::from_bits(UNREADABLE); 4];
    cache.append(&[1.0; 4], &versions(1)).unwrap();
    cache.append(&unreadable, &versions(1)).unwrap();
    drop(cache);
    let mut cache = FeatureCache::open(folder.path(), &identity()).unwrap();
    assert_eq!(cache.done(), 2);
    assert!(cache.replace(2, &[2.0; 4], "3").unwrap_err().to_string().contains("row 2 of 2"));
    // Only a whole row of the marker stands for an unreadable image. A NaN that arithmetic produced does not.
    assert!(
        cache.append(&[1.0, 1.0, 1.0, unreadable[0]], &versions(1)).unwrap_err().to_string().contains("row 2, column 3 is NaN")
    );
    assert!(cache.append(&[f32::NAN; 4], &versions(1)).unwrap_err().to_string().contains("row 2, column 0 is NaN"));
    cache.append(&[3.0; 4], &versions(1)).unwrap();

    let table = cache.read().unwrap();
    assert_eq!((table.unreadable(), table.readable(&[2, 1, 0])), (vec![1], vec![2, 0]));
    cache.replace(1, &[2.0; 4], "2").unwrap();
    let table = FeatureCache::open(folder.path(), &identity()).unwrap().read().unwrap();
    assert_eq!((table.unreadable(), table.values()), (vec![], &[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0][..]));
}

#[test]
fn features_must_be_whole_and_finite() {
    assert!(FeatureTable::new(4, vec![0.0; 6]).unwrap_err().to_string().contains("do not form whole rows"));
    let mut values = vec![0.0; 8];
    values[6] = f32::INFINITY;
    assert!(FeatureTable::new(4, values).unwrap_err().to_string().contains("row 1, column 2 is inf"));
}
