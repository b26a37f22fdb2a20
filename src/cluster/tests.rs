//! Tests of whole clusterings: agreement with scikit-learn's conventions, reproducibility, and inputs that must be refused.

use super::*;

const METRICS: [Metric; 4] = [Metric::Euclidean, Metric::Manhattan, Metric::Cosine, Metric::Hamming];

fn settings(k: usize) -> KMeans {
    KMeans { k, n_init: 4, seed: 0, tolerance: 1e-4, iterations: 300, initial: None }
}

/// Returns pseudorandom zeros and ones, row-major with shape `[rows, columns]`.
fn binary(rows: usize, columns: usize) -> Vec<f32> {
    let mut state = 12345u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 31) as f32
    };
    (0..rows * columns).map(next).collect()
}

#[test]
fn empty_clusters_are_relocated_as_scikit_learn_does() {
    let Some(device) = crate::testing::device() else { return };
    let rows = [0., 0., 1., 0., 0., 1., 1., 1., 10., 10., 11., 10., 10., 12., 30., 0., 31., 2., 29., 1.];
    let initial = Some(vec![0.5, 0.25, 100.0, 100.0, 200.0, 200.0, 9.0, 9.0]);
    // max_iter, and the centres, inertia and n_iter_ of scikit-learn's KMeans(4, init=…, n_init=1, max_iter=…, tol=0).
    let limits: [(u32, [f32; 8], f64, u32); 2] = [
        (1, [0.5, 0.5, 31.0, 2.0, 30.0, 0.0, 15.0, 8.25], 90.1875, 1),
        (300, [0.5, 0.5, 31.0, 2.0, 29.5, 0.5, 31.0 / 3.0, 32.0 / 3.0], 6.333_333_333, 3),
    ];
    for (iterations, centers, inertia, taken) in limits {
        let settings = KMeans { tolerance: 0.0, iterations, initial: initial.clone(), ..settings(4) };
        let fit = settings.fit(&device, &rows, 10, 2).unwrap();
        assert_eq!(fit.labels, [0, 0, 0, 0, 3, 3, 3, 2, 1, 2]);
        assert_eq!((fit.iterations, fit.restart), (taken, 0));
        assert!(fit.centers.iter().zip(centers).all(|(found, expected)| (found - expected).abs() < 1e-5), "{:?}", fit.centers);
        assert!((fit.inertia - inertia).abs() < 1e-5 * inertia, "{}", fit.inertia);
    }
}

#[test]
fn one_cluster_for_each_distinct_row_has_inertia_0() {
    let rows: Vec<f32> = (0..60).map(|index| (index % 20 / 2 * 2 + index % 2) as f32).collect();
    let Some(device) = crate::testing::device() else { return };
    let fit = KMeans { n_init: 1, ..settings(10) }.fit(&device, &rows, 30, 2).unwrap();
    assert_eq!(fit.inertia, 0.0);
    for (a, b) in (0..30).flat_map(|a| (0..30).map(move |b| (a, b))) {
        assert_eq!(fit.labels[a] == fit.labels[b], rows[2 * a..2 * a + 2] == rows[2 * b..2 * b + 2]);
    }
    let mean = settings(1).fit(&device, &rows, 30, 2).unwrap();
    assert!((mean.centers[0] - 9.0).abs() < 1e-5 && (mean.centers[1] - 10.0).abs() < 1e-5, "{:?}", mean.centers);
}

#[test]
fn two_runs_give_the_same_bytes_and_another_seed_gives_others() {
    let rows = binary(700, 11);
    let Some(device) = crate::testing::device() else { return };
    let fit = |seed| KMeans { seed, ..settings(9) }.fit(&device, &rows, 700, 11).unwrap();
    let bits = |fit: &KMeansFit| (fit.labels.clone(), fit.centers.iter().map(|value| value.to_bits()).collect::<Vec<u32>>());
    let (first, second) = (fit(7), fit(7));
    assert_eq!(bits(&first), bits(&second));
    assert_eq!(first.inertia.to_bits(), second.inertia.to_bits());
    assert_ne!(bits(&first), bits(&fit(8)));
    let labels: Vec<i64> = first.labels.iter().map(|label| i64::from(*label)).collect();
    let counted = CountedRows::distinct(&rows, 700, 11).unwrap();
    let score = || silhouette(&device, &counted, &labels, Metric::Euclidean).unwrap();
    assert_eq!(score(), score());
}

#[test]
fn distinct_rows_with_counts_cluster_as_all_rows_do() {
    let all = binary(500, 6);
    let mut distinct: Vec<Vec<f32>> = all.chunks(6).map(<[f32]>::to_vec).collect();
    distinct.sort_by(|a, b| a.partial_cmp(b).unwrap());
    distinct.dedup();
    let counts: Vec<f32> = distinct.iter().map(|row| all.chunks(6).filter(|other| other == row).count() as f32).collect();
    let initial = Some((0..24).map(|index| 0.1 + 0.035 * index as f32).collect());
    let settings = KMeans { initial, tolerance: 0.0, ..settings(4) };
    let Some(device) = crate::testing::device() else { return };
    let weighted = settings.fit_weighted(&device, &distinct.concat(), &counts, distinct.len(), 6).unwrap();
    let plain = settings.fit(&device, &all, 500, 6).unwrap();
    assert_eq!(weighted.centers, plain.centers);
    assert!((weighted.inertia - plain.inertia).abs() < 1e-5 * plain.inertia);
    for (row, label) in all.chunks(6).zip(&plain.labels) {
        let at = distinct.iter().position(|other| other == row).unwrap();
        assert_eq!(weighted.labels[at], *label);
    }
}

#[test]
fn storing_equal_rows_once_does_not_change_the_result() {
    let Some(device) = crate::testing::device() else { return };
    // (values, columns, k, initial centres, whether the results must be exactly equal). The inputs are 0/1 rows with many
    // repetitions, more distinct rows than a chunk has, centres that leave clusters empty, weighted columns, and rows that are
    // all distinct.
    let rows = binary(1500, 7);
    let many = binary(9000, 12);
    let scales = weighted(&rows, &[1.0, 0.9, 0.25, 0.5, 1.0, 0.7, 0.3]);
    let numbers: Vec<f32> = (0..300 * 7).map(|index| ((index * index) % 1009) as f32 / 1009.0).collect();
    let mut far = vec![50.0; 5 * 7];
    far[..7].fill(0.5);
    for (values, d, k, initial, exact) in [
        (&rows, 7, 12, None, true),
        (&rows, 7, 100, None, true),
        (&many, 12, 12, None, true),
        (&rows, 7, 5, Some(far), true),
        (&scales, 7, 12, None, false),
        (&numbers, 7, 12, None, true),
    ] {
        let n = values.len() / d;
        let settings = KMeans { initial, ..settings(k) };
        let distinct = CountedRows::distinct(values, n, d).unwrap();
        let every = CountedRows::every(values, n, d).unwrap();
        let (counted, plain) =
            (settings.fit_counted(&device, &distinct).unwrap(), settings.fit_counted(&device, &every).unwrap());
        assert!((counted.inertia - plain.inertia).abs() < 1e-5 * plain.inertia, "{} {}", counted.inertia, plain.inertia);
        let labels = |labels: Vec<u32>| labels.into_iter().map(i64::from).collect::<Vec<i64>>();
        let found = [labels(distinct.expand(&counted.labels)), labels(plain.labels)];
        let score = |rows: &CountedRows, labels: &[i64]| Scores::of(&device, rows, None, labels).unwrap().silhouette.unwrap();
        let scores = [score(&distinct, &found[0]), score(&every, &found[1])];
        assert!((scores[0] - scores[1]).abs() < 1e-5, "{scores:?}");
        if exact {
            assert_eq!(found[0], found[1]);
            assert_eq!(counted.centers, plain.centers);
            assert_eq!((counted.iterations, counted.restart), (plain.iterations, plain.restart));
        }
    }
}

#[test]
fn scores_report_silhouettes_without_noise_and_with_weights() {
    let Some(device) = crate::testing::device() else { return };
    let values = [0.0, 0.0, 0.1, 0.0, 4.0, 0.0, 4.1, 0.0, 0.0, 9.0, 9.0, 9.0];
    let scaled = weighted(&values, &[1.0, 0.0]);
    let labels = [0, 0, 1, 1, -1, -1];
    let counted = |values: &[f32]| CountedRows::distinct(values, 6, 2).unwrap();
    let rows = counted(&values);
    let found = Scores::of(&device, &rows, Some(&counted(&scaled)), &labels).unwrap();
    let mean = |values: &[f32], labels: &[i64]| {
        let samples = naive_silhouette(values, 2, labels, Metric::Euclidean);
        samples.iter().sum::<f64>() / labels.len() as f64
    };
    let close = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-5, "{found:?} {expected}");
    close(found.silhouette, mean(&values, &labels));
    close(found.without_noise, mean(&values[..8], &labels[..4]));
    close(found.weighted, mean(&scaled, &labels));
    assert_eq!(found.samples.len(), 6);
    let one = Scores::of(&device, &rows, None, &[0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(one, Scores::default());
    let noise = Scores::of(&device, &rows, None, &[0, 0, 0, 0, -1, -1]).unwrap();
    assert!(noise.silhouette.is_some() && noise.without_noise.is_none());
}

/// Computes the silhouette of each row by its definition, in f64. `rows` is row-major with `d` columns.
fn naive_silhouette(rows: &[f32], d: usize, labels: &[i64], metric: Metric) -> Vec<f64> {
    let row = |i: usize| rows[i * d..(i + 1) * d].iter().map(|value| f64::from(*value));
    let length = |i: usize| row(i).map(|x| x * x).sum::<f64>().sqrt();
    let distance = |a: usize, b: usize| match metric {
        Metric::Euclidean => row(a).zip(row(b)).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt(),
        Metric::Manhattan => row(a).zip(row(b)).map(|(x, y)| (x - y).abs()).sum(),
        Metric::Hamming => row(a).zip(row(b)).filter(|(x, y)| x != y).count() as f64 / d as f64,
        Metric::Cosine if length(a) * length(b) == 0.0 => 1.0,
        Metric::Cosine => 1.0 - row(a).zip(row(b)).map(|(x, y)| x * y).sum::<f64>() / (length(a) * length(b)),
    };
    let mean = |i: usize, label: i64| {
        let others: Vec<usize> = (0..labels.len()).filter(|j| *j != i && labels[*j] == label).collect();
        (!others.is_empty()).then(|| others.iter().map(|j| distance(i, *j)).sum::<f64>() / others.len() as f64)
    };
    let of_row = |i: usize| {
        let others = labels.iter().filter(|label| **label != labels[i]).filter_map(|label| mean(i, *label));
        let nearest = others.fold(f64::INFINITY, f64::min);
        mean(i, labels[i])
            .filter(|within| within.max(nearest) > 0.0)
            .map_or(0.0, |within| (nearest - within) / within.max(nearest))
    };
    (0..labels.len()).map(of_row).collect()
}

#[test]
fn the_silhouette_follows_its_definition() {
    // There are few distinct rows, some of them all zeros, and a row alone in its cluster. The label −1 is a cluster like any
    // other.
    let rows = binary(90, 3);
    let labels: Vec<i64> = (0..90).map(|index| if index == 40 { 7 } else { index % 4 - 1 }).collect();
    assert!(rows.chunks(3).any(|row| row == [0.0; 3]));
    // The rows are packed as bits, or multiplied by 3 and stored as f32 values. Equal rows are stored once, or each by itself.
    let tripled: Vec<f32> = rows.iter().map(|value| 3.0 * value).collect();
    let Some(device) = crate::testing::device() else { return };
    for (rows, metric) in [&rows, &tripled].into_iter().flat_map(|rows| METRICS.map(|metric| (rows, metric))) {
        let expected = naive_silhouette(rows, 3, &labels, metric);
        for make in [CountedRows::distinct, CountedRows::every] {
            let found = silhouette(&device, &make(rows, 90, 3).unwrap(), &labels, metric).unwrap();
            for (found, expected) in found.samples.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{metric:?}: {found} where {expected} is expected");
            }
            assert!((found.mean - expected.iter().sum::<f64>() / 90.0).abs() < 1e-5);
        }
    }
}

#[test]
fn silhouette_without_noise_leaves_out_the_label_minus_one() {
    let rows = binary(90, 3);
    let counted = CountedRows::distinct(&rows, 90, 3).unwrap();
    let labels: Vec<i64> = (0..90).map(|index| index % 4 - 1).collect();
    let Some(device) = crate::testing::device() else { return };
    let found = silhouette_without_noise(&device, &counted, &labels, Metric::Euclidean).unwrap().unwrap();
    let kept: Vec<usize> = (0..90).filter(|row| labels[*row] >= 0).collect();
    let values: Vec<f32> = kept.iter().flat_map(|row| rows[3 * row..3 * row + 3].to_vec()).collect();
    let of_kept: Vec<i64> = kept.iter().map(|row| labels[*row]).collect();
    let expected = naive_silhouette(&values, 3, &of_kept, Metric::Euclidean).iter().sum::<f64>() / kept.len() as f64;
    assert!((found - expected).abs() < 1e-5, "{found} where {expected} is expected");
    for wrong in [&labels[..89], [labels.as_slice(), &[0]].concat().as_slice()] {
        let error = silhouette_without_noise(&device, &counted, wrong, Metric::Euclidean).unwrap_err();
        assert!(matches!(error, ClusterError::Labels { rows: 90, .. }), "{error}");
    }
    for undefined in [vec![-1; 90], (0..90).map(|index| (index % 2) - 1).collect::<Vec<i64>>()] {
        assert_eq!(silhouette_without_noise(&device, &counted, &undefined, Metric::Euclidean).unwrap(), None);
    }
}

#[test]
fn one_scorer_scores_many_clusterings() {
    let rows = binary(300, 4);
    let counted = CountedRows::distinct(&rows, 300, 4).unwrap();
    let Some(device) = crate::testing::device() else { return };
    let mut scorer = SilhouetteScorer::new(&device, &counted, Metric::Euclidean);
    // First few clusters, then more than the scorer's buffers hold, then few again.
    for k in [2, 40, 3] {
        let labels: Vec<i64> = (0..300).map(|index| index * index % k).collect();
        let made = device.buffers_made();
        let found = scorer.score(&labels).unwrap();
        assert!(k != 3 || device.buffers_made() == made, "a scorer with large enough buffers allocates nothing");
        assert_eq!(found, silhouette(&device, &counted, &labels, Metric::Euclidean).unwrap(), "{k} clusters");
    }
}

#[test]
fn k_means_refuses_invalid_settings_and_values() {
    let Some(device) = crate::testing::device() else { return };
    let rows = [0.0, -0.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0];
    let with = |change: &dyn Fn(&mut KMeans)| {
        let mut settings = settings(2);
        change(&mut settings);
        settings
    };
    let unchanged = with(&|_| {});
    let cases: Vec<(KMeans, Vec<f32>, [usize; 2], &str)> = vec![
        (unchanged.clone(), vec![], [0, 2], "nothing to cluster: 0 rows"),
        (unchanged.clone(), vec![], [4, 0], "nothing to cluster: 4 rows of 0 columns"),
        (unchanged.clone(), rows.to_vec(), [5, 2], "8 values for 5 rows"),
        (unchanged.clone(), rows.to_vec(), [usize::MAX, 2], "8 values for"),
        (unchanged.clone(), vec![0.0, 1.0, f32::NAN, 2.0], [2, 2], "row 1, column 0: the value is NaN"),
        (unchanged.clone(), vec![0.0, 1.0, 3.0, f32::INFINITY], [2, 2], "row 1, column 1"),
        (unchanged.clone(), vec![0.0, 1.0, 3.0, -1e16], [2, 2], "between"),
        (with(&|settings| settings.k = 0), rows.to_vec(), [4, 2], "k is 0"),
        (with(&|settings| settings.k = 3), rows.to_vec(), [4, 2], "only 2 are distinct"),
        (with(&|settings| settings.k = usize::MAX), rows.to_vec(), [4, 2], "only 2 are distinct"),
        (unchanged.clone(), vec![0.5; 8], [4, 2], "k is 2, but all 4 rows are identical"),
        (with(&|settings| settings.n_init = 0), rows.to_vec(), [4, 2], "n_init is 0"),
        (with(&|settings| settings.iterations = 0), rows.to_vec(), [4, 2], "iterations is 0"),
        (with(&|settings| settings.tolerance = f64::NAN), rows.to_vec(), [4, 2], "tolerance is NaN"),
        (with(&|settings| settings.tolerance = -1.0), rows.to_vec(), [4, 2], "tolerance is -1"),
        (with(&|settings| settings.initial = Some(vec![0.0; 3])), rows.to_vec(), [4, 2], "3 numbers; expected 2 centres"),
        (with(&|settings| settings.initial = Some(vec![f32::NAN; 4])), rows.to_vec(), [4, 2], "initial centre 0, column 0"),
    ];
    for (settings, values, [n, d], message) in cases {
        let error = settings.fit(&device, &values, n, d).unwrap_err().to_string();
        assert!(error.contains(message), "`{error}` does not say `{message}`");
    }
    let weights: [(&[f32], &str); 4] = [
        (&[1.0; 3], "there are 3"),
        (&[0.0; 4], "all are 0"),
        (&[1.0, -1.0, 1.0, 1.0], "weight 1"),
        (&[f32::NAN; 4], "weight 0"),
    ];
    for (weights, message) in weights {
        let error = unchanged.fit_weighted(&device, &rows, weights, 4, 2).unwrap_err().to_string();
        assert!(error.contains(message), "`{error}` does not say `{message}`");
    }
    let error = unchanged.fit_weighted(&device, &rows, &[1.0, 1.0, 0.0, 0.0], 4, 2).unwrap_err().to_string();
    assert!(error.contains("only 1 are distinct"), "{error}");
}

#[test]
fn the_silhouette_refuses_invalid_labels_and_values() {
    let Some(device) = crate::testing::device() else { return };
    let rows = [0.0, 1.0, 2.0, 3.0];
    let cases: [(&[f32], &[i64], &str); 5] = [
        (&rows, &[1, 1, 1, 1], "labels is 1; the silhouette of 4 rows is defined for 2 to 3"),
        (&rows, &[0, 1, 2, 3], "labels is 4"),
        (&rows, &[0, 1, 2], "3 labels for 4 rows"),
        (&[0.0, 1.0, f32::NAN, 3.0], &[0, 0, 1, 1], "row 2"),
        (&[], &[], "nothing to cluster"),
    ];
    for (rows, labels, message) in cases {
        let scored =
            CountedRows::distinct(rows, rows.len(), 1).and_then(|rows| silhouette(&device, &rows, labels, Metric::Euclidean));
        let error = scored.unwrap_err().to_string();
        assert!(error.contains(message), "`{error}` does not say `{message}`");
    }
}
