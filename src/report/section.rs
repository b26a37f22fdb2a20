//! Prepares one cluster for the page.

use serde::Serialize;

use super::ReportInput;
use super::eigenface::FACES;
use super::faces::{Group, Portrait};
use super::occurrence::{self, Occurrence, Standing};
use super::wording::{count, decimals, percent, readable_name, thousands, width};

/// One row of a chart of attributes. Shares are in percent, and widths are CSS widths.
#[derive(Serialize)]
pub(super) struct Bar {
    attribute: String,
    /// Whether the clustering used this attribute, if it used only some of the attributes.
    clustered_on: bool,
    share: String,
    width: String,
    overall: String,
    overall_width: String,
    standing: Standing,
}

/// An attribute that sets a cluster apart, and the difference between its share in the cluster and its share among all faces
/// in percentage points.
#[derive(Serialize)]
struct Difference {
    attribute: String,
    points: String,
}

/// One face of a contact sheet.
#[derive(Serialize)]
struct Thumbnail<'a> {
    name: &'a str,
    /// The picture as a data URI, if it could be read.
    picture: Option<&'a str>,
    /// The reason why the picture could not be read.
    reason: Option<&'a str>,
    /// Indices of the attributes that the face has, separated by spaces.
    has: String,
    /// Silhouette of the face; empty if it is not known.
    silhouette: String,
}

/// One principal component of a cluster's faces.
#[derive(Serialize)]
struct Component<'a> {
    /// The picture as a data URI.
    picture: &'a str,
    /// Share of the variance that the component explains, in percent.
    share: String,
}

/// One cluster, or the faces in no cluster.
#[derive(Serialize)]
pub(super) struct Section<'a> {
    /// Value of the `id` attribute of the element.
    id: String,
    name: String,
    /// Number of the cluster; empty for the faces in no cluster.
    number: String,
    is_noise: bool,
    faces: String,
    count: usize,
    share: String,
    width: String,
    /// Mean silhouette of the faces, for the script; empty if silhouettes are not known.
    silhouette: String,
    /// Mean silhouette of the faces, for readers; empty if silhouettes are not known.
    silhouette_words: String,
    /// Indices of the prominent attributes, separated by spaces.
    prominent: String,
    /// The mean face as a data URI.
    mean_face: Option<&'a str>,
    components: Vec<Component<'a>>,
    /// The faces from which the components were computed, in words.
    components_of: String,
    /// Number of readable faces, in words.
    readable: String,
    /// Number of unreadable faces, in words.
    unreadable: String,
    unreadable_count: usize,
    typical: Vec<Thumbnail<'a>>,
    untypical: Vec<Thumbnail<'a>>,
    sheet: Vec<Thumbnail<'a>>,
    /// Number of faces that the contact sheet does not show.
    more: String,
    bars: Vec<Bar>,
    more_often: Vec<Difference>,
    less_often: Vec<Difference>,
}

/// Returns the section for a group of faces. `overall` holds the share of all faces that have each attribute, shape `[a]`.
pub(super) fn section<'a>(input: &ReportInput, group: &'a Group, overall: &[f64]) -> Section<'a> {
    let faces = group.rows.len();
    let share = faces as f64 / input.images.len().max(1) as f64;
    let ranked = occurrence::rank(&occurrence::shares(input, group.rows.iter().copied()), overall);
    let (more, less) = if faces > 0 { occurrence::distinguishing(&ranked) } else { Default::default() };
    let differences = |chosen: Vec<&Occurrence>| {
        let difference = |occurrence: &&Occurrence| Difference {
            attribute: readable_name(&input.attributes[occurrence.attribute]),
            points: format!("{:.0}", (occurrence.share - occurrence.overall).abs() * 100.0),
        };
        chosen.iter().map(difference).collect()
    };
    let (id, name) = match group.label {
        Some(label) => (format!("cluster-{label}"), format!("Cluster {label}")),
        None => ("noise".into(), "Noise".into()),
    };
    let silhouettes = input.clusters.as_ref().map_or(&[][..], |clusters| &clusters.silhouette_samples);
    let silhouette = (!silhouettes.is_empty() && faces > 0)
        .then(|| group.rows.iter().map(|row| f64::from(silhouettes[*row])).sum::<f64>() / faces as f64);
    let mut prominent: Vec<usize> =
        ranked.iter().filter(|one| one.standing() == Standing::Prominent).map(|one| one.attribute).collect();
    prominent.sort_unstable();
    let thumbnail = |row: usize, portrait: &'a Portrait| Thumbnail {
        name: &portrait.name,
        picture: portrait.picture.as_deref().ok(),
        reason: portrait.picture.as_ref().err().map(String::as_str),
        has: numbers(&occurrence::of_face(input, row)),
        silhouette: silhouettes.get(row).map_or(String::new(), |value| decimals(f64::from(*value), 2)),
    };
    let extremes =
        |portraits: &'a [(usize, Portrait)]| portraits.iter().map(|(row, portrait)| thumbnail(*row, portrait)).collect();
    let eigenfaces = group.eigenfaces.as_ref();
    Section {
        id,
        name,
        number: group.label.map_or(String::new(), |label| label.to_string()),
        is_noise: group.label.is_none(),
        faces: count(faces, "face"),
        count: faces,
        share: percent(share),
        width: width(share),
        silhouette: silhouette.map_or(String::new(), |value| format!("{value:.6}")),
        silhouette_words: silhouette.map_or(String::new(), |value| decimals(value, 3)),
        prominent: if faces > 0 { numbers(&prominent) } else { String::new() },
        mean_face: group.mean_face.as_deref(),
        components: eigenfaces.map_or(Vec::new(), |found| {
            let shown = found.components.iter();
            shown.map(|one| Component { picture: &one.picture, share: percent(one.share) }).collect()
        }),
        components_of: eigenfaces.map_or(String::new(), |found| match faces > FACES {
            true => format!("{} of its {} faces, taken at even intervals", thousands(found.faces), thousands(faces)),
            false => format!("its {}", count(found.faces, "readable face")),
        }),
        readable: count(faces - group.unreadable.len(), "face"),
        unreadable: count(group.unreadable.len(), "image"),
        unreadable_count: group.unreadable.len(),
        typical: extremes(&group.typical),
        untypical: extremes(&group.untypical),
        sheet: group.rows.iter().zip(&group.sheet).map(|(row, portrait)| thumbnail(*row, portrait)).collect(),
        more: thousands(faces - group.sheet.len()),
        bars: bars(input, &ranked),
        more_often: differences(more),
        less_often: differences(less),
    }
}

/// Joins numbers with spaces, the format that the script reads.
fn numbers(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

/// Returns the rows of a chart of attributes, in the order of `ranked`.
pub(super) fn bars(input: &ReportInput, ranked: &[Occurrence]) -> Vec<Bar> {
    let bar = |occurrence: &Occurrence| {
        let name = &input.attributes[occurrence.attribute];
        Bar {
            attribute: readable_name(name),
            clustered_on: input.selected().contains(name),
            share: percent(occurrence.share),
            width: width(occurrence.share),
            overall: percent(occurrence.overall),
            overall_width: width(occurrence.overall),
            standing: occurrence.standing(),
        }
    };
    ranked.iter().map(bar).collect()
}
