//! Cases of `neighbours`, which finds the neighbours of a slice of rows, under every metric.

use lineament::ops::{Metric, NEIGHBOURS, NeighbourSlice};
use lineament::plan::Variant;

use super::distance_rows::{METRICS, distance_rows, format_of};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::neighbours::neighbours;
use lineament::ops::reference::random::unit;

/// (rows, columns, first row, row after the last one). The shapes include a single row, a word of 32 rows ± 1, the tiles of
/// every variant ± 1, and slices that do not begin at row 0.
const TESTS: &[(u32, u32, u32, u32)] = &[(1, 4, 0, 1), (32, 37, 0, 32), (31, 7, 3, 29), (97, 70, 63, 97), (300, 12, 0, 300)];

/// Returns a radius for random rows of `columns` columns. Some distances are below it and some above, but none is so near to it
/// that rounding could decide.
fn radius(metric: Metric, columns: u32, bits: bool) -> f32 {
    let columns = columns as f32;
    match (metric, bits) {
        // Between two square roots of whole numbers.
        (Metric::Euclidean, true) => ((0.45 * columns).floor() + 0.5).sqrt(),
        // Between two whole numbers; for hamming, after the division by the number of columns.
        (Metric::Manhattan, true) => (0.45 * columns).floor() + 0.5,
        (Metric::Hamming, _) => ((0.6 * columns).floor() + 0.5) / columns,
        (Metric::Cosine, true) => 0.4321,
        (Metric::Euclidean, false) => (0.6 * columns).sqrt(),
        (Metric::Manhattan, false) => 0.65 * columns,
        (Metric::Cosine, false) => 0.98765,
    }
}

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in NEIGHBOURS.variants.iter().filter(|variant| context.runs(variant)) {
        if context.purpose == Purpose::Benchmark {
            cases.push(case((4096, 37, 0, 512), Metric::Euclidean, variant, context));
            continue;
        }
        for (test, metric) in TESTS.iter().flat_map(|test| METRICS.map(|metric| (*test, metric))) {
            cases.push(case(test, metric, variant, context));
            cases.extend(case(test, metric, variant, context).folded());
        }
    }
    cases
}

fn case(
    (rows, columns, first_row, end_row): (u32, u32, u32, u32),
    metric: Metric,
    variant: &'static Variant,
    context: Context,
) -> Case {
    let name = format!("{rows}x{columns}, {first_row}..{end_row}, {metric:?}");
    let mut case = Case::new(NEIGHBOURS.name, variant.name, name, context.purpose);
    let format = format_of(variant);
    let radius = radius(metric, columns, variant.constant("BITS") == 1);
    let shape = NeighbourSlice { rows, columns, format, first_row, end_row, metric, radius };
    let given = distance_rows(19, format, [rows, columns], metric);
    let occurrences: Vec<u32> = (0..u64::from(rows)).map(|index| 1 + (3.0 * unit(19, 1, index)) as u32).collect();
    let views = [case.input("rows", &given.words), case.input("traits", &given.traits), case.input("occurrences", &occurrences)];
    let (x, times) = (given.values.clone(), occurrences.clone());
    let words = ((end_row - first_row) * NeighbourSlice::words(rows)) as usize;
    let within = case.output("within", words, Bounds::integers(), Box::new(move || neighbours(shape, &x, &times).0));
    let counted = Box::new(move || neighbours(shape, &given.values, &occurrences).1);
    let counts = case.output("counts", (end_row - first_row) as usize, Bounds::integers(), counted);
    let [rows, traits, occurrences] = views;
    let label = case.name.clone();
    case.plan.push(shape.step(&label, variant, context.capabilities.subgroup_size, [rows, traits, occurrences, within, counts]));
    case
}
