//! Cases of `silhouette`, which computes the silhouettes of a slice of rows, under every metric.

use lineament::ops::{Metric, RowFormat, SILHOUETTE, SilhouetteSlice};
use lineament::plan::Variant;

use super::distance_rows::{METRICS, distance_rows, format_of};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::silhouette::silhouette;

/// (sizes of the clusters, columns, first row, row after the last one). The shapes include two rows, a row alone in its cluster,
/// the tiles of every variant ± 1, clusters of more than 64 tiles, more columns than are loaded at a time, and slices of the
/// rows.
const TESTS: &[Test] = &[
    (&[1, 1], 4, 0, 2),
    (&[3, 1, 7], 12, 0, 11),
    (&[15, 17, 16, 33], 37, 0, 81),
    (&[7, 9, 8, 1, 40], 70, 13, 55),
    (&[12, 3, 65], 128, 0, 80),
    (&[5, 20], 130, 0, 25),
    (&[1100, 5, 131], 8, 0, 1236),
    (&[255, 2, 256, 257], 20, 256, 513),
    (&[4200, 5], 64, 0, 70),
    (&[4200, 5], 128, 0, 70),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in SILHOUETTE.variants.iter().filter(|variant| context.runs(variant)) {
        if context.purpose == Purpose::Benchmark {
            let columns = if format_of(variant) == RowFormat::Bits { 64 * variant.constant("QUADS") - 27 } else { 37 };
            cases.push(case((&[512; 8], columns, 0, 4096), Metric::Euclidean, variant, context));
            continue;
        }
        for test in TESTS {
            for metric in METRICS {
                if shape(*test, metric, variant).suits(variant) {
                    cases.push(case(*test, metric, variant, context));
                }
            }
        }
    }
    cases
}

type Test<'a> = (&'a [u32], u32, u32, u32);

fn shape((sizes, columns, first_row, end_row): Test, metric: Metric, variant: &Variant) -> SilhouetteSlice {
    let (rows, clusters) = (sizes.iter().sum(), sizes.len() as u32);
    SilhouetteSlice { rows, columns, format: format_of(variant), clusters, first_row, end_row, metric }
}

fn case(test: Test, metric: Metric, variant: &'static Variant, context: Context) -> Case {
    let (sizes, columns, first_row, end_row) = test;
    let shape = shape(test, metric, variant);
    let rows = shape.rows;
    let shown = if sizes.len() > 5 { format!("{} clusters", sizes.len()) } else { format!("clusters of {sizes:?}") };
    let name = format!("{rows}x{columns}, {shown}, {first_row}..{end_row}, {metric:?}");
    let mut case = Case::new(SILHOUETTE.name, variant.name, name, context.purpose);
    let n = rows as usize;
    let given = distance_rows(17, shape.format, [rows, columns], metric);
    let mut times: Vec<f32> = (0..n as u64).map(|index| 1.0 + (3.0 * unit(17, 1, index)).floor()).collect();
    let mut starts = vec![0u32];
    for size in sizes {
        starts.push(starts[starts.len() - 1] + size);
        // The row of a cluster of one row must occur once, or it would not be alone.
        if *size == 1 {
            times[starts[starts.len() - 2] as usize] = 1.0;
        }
    }
    let clusters = starts.windows(2);
    let occurrences: Vec<f32> = clusters.map(|ends| times[ends[0] as usize..ends[1] as usize].iter().sum()).collect();
    let traits: Vec<[f32; 2]> = times.iter().zip(&given.traits).map(|(times, of_row)| [*times, *of_row]).collect();
    let before = values(17, 2, n);
    let views = [
        case.input("rows", &given.words),
        case.input("traits", &traits),
        case.input("starts", &starts),
        case.input("occurrences", &occurrences),
    ];
    let expected = {
        let before = before.clone();
        move || silhouette(shape, &given.values, &times, &starts, &before)
    };
    let out = case.updated("silhouettes", &before, Bounds::float(1e-10, 1e-5), Box::new(expected));
    let [rows, traits, starts, occurrences] = views;
    let label = case.name.clone();
    case.plan.push(shape.step(&label, variant, context.capabilities.subgroup_size, [rows, traits, starts, occurrences, out]));
    case
}
