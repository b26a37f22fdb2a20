//! One cluster, as the page shows it.

use serde::Serialize;

use super::ReportInput;
use super::eigenface::FACES;
use super::faces::{Group, Portrait};
use super::occurrence::{self, Occurrence, Standing};
use super::wording::{count, decimals, percent, readable_name, thousands, width};

/// One row of an occurrence chart. Shares are in percent.
#[derive(Serialize)]
pub(super) struct Bar {
    attribute: String,
    /// Whether the clustering saw this attribute.
    clustered_on: bool,
    share: String,
    width: String,
    overall: String,
    overall_width: String,
    standing: Standing,
}

/// An attribute that sets a cluster apart, with the difference of its shares in percentage points.
#[derive(Serialize)]
struct Difference {
    attribute: String,
    points: String,
}

#[derive(Serialize)]
struct Thumbnail<'a> {
    name: &'a str,
    picture: Option<&'a str>,
    reason: Option<&'a str>,
    /// Numbers of the attributes that the face has.
    has: String,
    /// Its silhouette.
    silhouette: String,
}

#[derive(Serialize)]
struct Component<'a> {
    picture: &'a str,
    share: String,
}

/// One cluster, or the faces without one.
#[derive(Serialize)]
pub(super) struct Section<'a> {
    id: String,
    name: String,
    /// Number of the cluster; empty for the faces without one.
    number: String,
    is_noise: bool,
    faces: String,
    count: usize,
    share: String,
    width: String,
    /// Mean silhouette of its faces, for the script and in words; empty without silhouettes.
    silhouette: String,
    silhouette_words: String,
    /// Numbers of its prominent attributes.
    prominent: String,
    mean_face: Option<&'a str>,
    components: Vec<Component<'a>>,
    components_of: String,
    readable: String,
    unreadable: String,
    unreadable_count: usize,
    typical: Vec<Thumbnail<'a>>,
    untypical: Vec<Thumbnail<'a>>,
    sheet: Vec<Thumbnail<'a>>,
    more: String,
    bars: Vec<Bar>,
    more_often: Vec<Difference>,
    less_often: Vec<Difference>,
}

/// What the page shows of a group of faces, beside the shares of all faces.
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
            true => format!("{} faces, evenly spread over its {}", thousands(found.faces), thousands(faces)),
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

/// Whole numbers with blanks between, as the script reads them.
fn numbers(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

/// The rows of a chart.
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
