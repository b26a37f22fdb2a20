//! How often each attribute occurs: in all faces (the paper's figure 1) and in each cluster.

use super::ReportInput;

/// Share from which an attribute counts as prominent in a cluster.
pub(super) const PROMINENT: f64 = 0.8;
/// Shares between which an attribute is noise in a cluster: present or absent by the toss of a coin.
pub(super) const NOISY: std::ops::RangeInclusive<f64> = 0.4..=0.6;
/// Difference of shares from which an attribute is named as setting a cluster apart.
const REMARKABLE: f64 = 0.1;
/// Attributes named as setting a cluster apart, in each direction.
const NAMED: usize = 3;

/// What an attribute's share in a cluster says about the cluster.
///
/// After the paper: occurrences near 1 describe the cluster, those near one half are noise in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// Almost every face has it.
    Prominent,
    /// About half of the faces have it: it says nothing about the cluster.
    Noisy,
    /// Neither.
    Ordinary,
}

/// How often one attribute occurs in a group of faces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Occurrence {
    /// Which attribute.
    pub attribute: usize,
    /// Share of the group's faces that have it, in [0, 1].
    pub share: f64,
    /// Share of all faces that have it, in [0, 1].
    pub overall: f64,
}

impl Occurrence {
    /// What the share says about the group.
    pub(super) fn standing(&self) -> Standing {
        match self.share {
            share if share >= PROMINENT => Standing::Prominent,
            share if NOISY.contains(&share) => Standing::Noisy,
            _ => Standing::Ordinary,
        }
    }
}

/// Share of the faces `rows` that have each attribute, shape `[a]`; zero everywhere for no faces.
///
/// A face has an attribute when `round(p)` is 1, half to even as in the paper's Python: p = 0.5 has it not.
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

/// Numbers of the attributes that the face of a row has, ascending.
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

/// Pairs the shares of a group with those of all faces, most frequent in the group first, then by overall share, then in
/// the order of the attributes.
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

/// The attributes that set a group apart: those that occur more often than in all faces, then those less often, each with
/// the largest difference first.
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
