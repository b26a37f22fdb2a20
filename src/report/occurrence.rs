//! Counts how often each attribute occurs among all faces (the paper's figure 1) and in each cluster.

use super::ReportInput;

/// Smallest share of a cluster's faces at which an attribute counts as prominent in the cluster.
pub(super) const PROMINENT: f64 = 0.8;
/// Shares of a cluster's faces at which an attribute counts as noise: about half of the faces have it.
pub(super) const NOISY: std::ops::RangeInclusive<f64> = 0.4..=0.6;
/// Smallest difference between an attribute's share in a cluster and its share among all faces at which the attribute sets the
/// cluster apart.
const REMARKABLE: f64 = 0.1;
/// Largest number of attributes that the page names as more frequent in a cluster, and as less frequent.
const NAMED: usize = 3;

/// How well an attribute describes a cluster, judged by the share of the cluster's faces that have it.
///
/// This follows the paper: an attribute with a share near 1 describes the cluster, and one with a share near one half is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// Almost all faces have the attribute.
    Prominent,
    /// About half of the faces have the attribute, so it says little about the cluster.
    Noisy,
    /// The attribute is neither prominent nor noisy.
    Ordinary,
}

/// How often one attribute occurs in a group of faces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Occurrence {
    /// Index of the attribute.
    pub attribute: usize,
    /// Share of the group's faces that have the attribute, in [0, 1].
    pub share: f64,
    /// Share of all faces that have the attribute, in [0, 1].
    pub overall: f64,
}

impl Occurrence {
    /// Returns how well the attribute describes the group.
    pub(super) fn standing(&self) -> Standing {
        match self.share {
            share if share >= PROMINENT => Standing::Prominent,
            share if NOISY.contains(&share) => Standing::Noisy,
            _ => Standing::Ordinary,
        }
    }
}

/// Returns the share of the faces in `rows` that have each attribute, shape `[a]`. All shares are 0 if `rows` is empty.
///
/// A face has an attribute if its probability is above 0.5. This is `round(p) == 1` in the paper's Python code, which rounds
/// 0.5 to 0.
pub(super) fn shares(input: &ReportInput, rows: impl ExactSizeIterator<Item = usize>) -> Vec<f64> {
    let faces = rows.len().max(1) as f64;
    let mut counts = vec![0u64; input.attributes.len()];
    for row in rows {
        for (count, &value) in counts.iter_mut().zip(values_of(input, row)) {
            *count += u64::from(has(value));
        }
    }
    counts.into_iter().map(|count| count as f64 / faces).collect()
}

/// Returns the indices of the attributes that the face in `row` has, in ascending order.
pub(super) fn of_face(input: &ReportInput, row: usize) -> Vec<usize> {
    values_of(input, row).iter().enumerate().filter(|(_, value)| has(**value)).map(|(attribute, _)| attribute).collect()
}

fn values_of(input: &ReportInput, row: usize) -> &[f32] {
    let attributes = input.attributes.len();
    &input.values[row * attributes..][..attributes]
}

fn has(value: f32) -> bool {
    value > 0.5
}

/// Pairs the shares of a group, shape `[a]`, with the shares of all faces, shape `[a]`. The result is sorted by decreasing share
/// in the group, then by decreasing share among all faces, then by index.
pub(super) fn rank(group: &[f64], overall: &[f64]) -> Vec<Occurrence> {
    let mut ranked: Vec<Occurrence> = group
        .iter()
        .zip(overall)
        .enumerate()
        .map(|(attribute, (&share, &overall))| Occurrence { attribute, share, overall })
        .collect();
    ranked.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.overall.total_cmp(&a.overall)));
    ranked
}

/// Returns the attributes that set a group apart: those that are more frequent in the group than among all faces, and those
/// that are less frequent. Each list is sorted by decreasing difference.
pub(super) fn distinguishing(ranked: &[Occurrence]) -> (Vec<&Occurrence>, Vec<&Occurrence>) {
    let largest = |sign: f64| {
        let excess = |occurrence: &Occurrence| sign * (occurrence.share - occurrence.overall);
        let mut chosen: Vec<_> = ranked.iter().filter(|occurrence| excess(occurrence) >= REMARKABLE).collect();
        chosen.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
        chosen.truncate(NAMED);
        chosen
    };
    (largest(1.0), largest(-1.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::input_of;
    use super::*;

    #[test]
    fn shares_count_faces_by_rounding_half_to_even() {
        let input = input_of(&[&[1.0, 0.5, 0.2], &[0.500_001, 0.5, 0.9], &[0.0, 1.0, 1.0], &[1.0, 0.0, 0.0]], &[0; 4]);
        assert_eq!(shares(&input, 0..4), [0.75, 0.25, 0.5]);
        assert_eq!(shares(&input, [3, 1].into_iter()), [1.0, 0.0, 0.5]);
        assert_eq!(shares(&input, 0..0), [0.0; 3]);
        assert_eq!([0, 1, 3].map(|row| of_face(&input, row)), [vec![0], vec![0, 2], vec![0]]);
    }

    #[test]
    fn ranking_is_by_share_then_overall_then_order() {
        let ranked = rank(&[0.5, 1.0, 0.5, 0.5], &[0.1, 0.0, 0.3, 0.1]);
        assert_eq!(ranked.iter().map(|o| o.attribute).collect::<Vec<_>>(), [1, 2, 0, 3]);
    }

    #[test]
    fn standing_tells_prominent_from_noisy() {
        let standing = |share| Occurrence { attribute: 0, share, overall: 0.0 }.standing();
        let cases = [
            (1.0, Standing::Prominent),
            (0.8, Standing::Prominent),
            (0.79, Standing::Ordinary),
            (0.6, Standing::Noisy),
            (0.5, Standing::Noisy),
            (0.4, Standing::Noisy),
            (0.39, Standing::Ordinary),
            (0.0, Standing::Ordinary),
        ];
        for (share, expected) in cases {
            assert_eq!(standing(share), expected, "{share}");
        }
    }

    #[test]
    fn distinguishing_attributes_are_the_largest_differences() {
        let ranked = rank(&[0.9, 0.2, 0.5, 0.3, 1.0, 0.8], &[0.1, 0.9, 0.45, 0.5, 0.7, 0.65]);
        let (more, less) = distinguishing(&ranked);
        assert_eq!(more.iter().map(|o| o.attribute).collect::<Vec<_>>(), [0, 4, 5]);
        assert_eq!(less.iter().map(|o| o.attribute).collect::<Vec<_>>(), [1, 3]);
    }
}
