//! Cases of `kmeans_reduce`, which adds up the sums of all chunks.

use lineament::ops::{KMEANS_REDUCE, KmeansReduce, KmeansShape};

use super::kmeans_assign::states;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_reduce::kmeans_reduce;
use lineament::ops::reference::random::values;

/// (chunks, columns, clusters, restarts). The shapes include one of everything, 256 chunks ± 1 and several times as many (each of
/// eight threads adds up 32 at a time), and the eight entries of a workgroup ± 1.
const TESTS: &[(u32, u32, u32, u32)] = &[
    (1, 4, 1, 1),
    (31, 12, 5, 2),
    (33, 8, 21, 3),
    (97, 40, 7, 3),
    (255, 4, 2, 2),
    (257, 8, 3, 2),
    (600, 12, 2, 2),
    (3, 4, 13, 5),
    (1, 4, 1, 65_537),
];

pub fn cases(context: Context) -> Vec<Case> {
    let shapes = if context.purpose == Purpose::Test { TESTS } else { &[(782, 40, 16, 1), (782, 40, 16, 10)] };
    shapes.iter().map(|shape| case(*shape, context.purpose)).collect()
}

fn case((chunks, columns, clusters, restarts): (u32, u32, u32, u32), purpose: Purpose) -> Case {
    let name = format!("{restarts}x{chunks} chunks, {columns} columns, {clusters} clusters");
    let mut case = Case::new(KMEANS_REDUCE.name, "default", name, purpose);
    let shape = KmeansShape { rows: chunks, columns, clusters, restarts };
    let step = KmeansReduce { shape, chunks, finished_too: false };
    let [chunks, entries, r] = [chunks, 4 * shape.sum_entries(), restarts].map(|size| size as usize);
    let (partials, states) = (values(13, 0, r * chunks * entries), states(restarts));
    let before = values(13, 1, r * entries);
    let views = [case.input("partials", &partials), case.input("states", &states)];
    let expected = {
        let before = before.clone();
        move || kmeans_reduce([chunks, entries], &partials, &states, &before)
    };
    let sums = case.updated("sums", &before, Bounds::float(1e-12, 1e-4), Box::new(expected));
    let label = case.name.clone();
    case.plan.push(step.step(&label, [views[0], views[1], sums]));
    case
}
