//! Cases of `pairwise`, which computes the distances from a slice of rows to all rows from the first of the slice on, under every
//! metric.

use lineament::ops::{Metric, PAIRWISE, PairwiseSlice};
use lineament::plan::Variant;

use super::distance_rows::{METRICS, distance_rows, format_of};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;

/// (rows, columns, first row, row after the last one). The shapes include a single row, the tiles of every variant ± 1, more
/// than one quad of bits, more columns than are loaded at a time, and slices that do not begin at row 0.
const TESTS: &[(u32, u32, u32, u32)] =
    &[(1, 4, 0, 1), (31, 37, 0, 31), (33, 70, 0, 17), (65, 130, 15, 33), (257, 8, 250, 257), (129, 64, 0, 9)];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in PAIRWISE.variants.iter().filter(|variant| context.runs(variant)) {
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
    let mut case = Case::new(PAIRWISE.name, variant.name, name, context.purpose);
    let format = format_of(variant);
    let shape = PairwiseSlice { rows, columns, format, first_row, end_row, metric };
    let given = distance_rows(18, format, [rows, columns], metric);
    let before = values(18, 1, ((end_row - first_row) * rows) as usize);
    let views = [case.input("rows", &given.words), case.input("traits", &given.traits)];
    let expected = {
        let before = before.clone();
        move || lineament::ops::reference::pairwise::pairwise(shape, &given.values, &before)
    };
    // The bound grows with the number of columns, because the rounding error of a sum grows with the number of its terms.
    let out = case.updated("distances", &before, Bounds::float(1e-11, (4e-7 * f64::from(columns)).max(1e-5)), Box::new(expected));
    let [rows, traits] = views;
    let label = case.name.clone();
    case.plan.push(shape.step(&label, variant, context.capabilities.subgroup_size, [rows, traits, out]));
    case
}
