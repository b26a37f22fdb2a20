//! The page: what the template shows, as words and numbers ready to print.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Map, Value};

use super::faces::{Group, Portrait};
use super::occurrence::{self, Occurrence, Standing};
use super::{ReportError, ReportInput, UnreadableImage, history};

const TEMPLATE: &str = include_str!("report.html");
const STYLESHEET: &str = include_str!("report.css");
/// Unreadable images that the page lists by name.
const UNREADABLE_LIMIT: usize = 200;
/// Lines that the page shows of how a run was made, and characters of each.
const CONFIGURATION_LIMITS: (usize, usize) = (200, 2000);

/// One of the figures at the top of the page.
#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: String,
    note: String,
}

/// One row of an occurrence chart. Shares are in percent.
#[derive(Serialize)]
struct Bar {
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
}

/// One cluster, or the faces without one.
#[derive(Serialize)]
struct Section<'a> {
    id: String,
    name: String,
    is_noise: bool,
    faces: String,
    count: usize,
    share: String,
    width: String,
    mean_face: Option<&'a str>,
    readable: String,
    unreadable: String,
    unreadable_count: usize,
    sheet: Vec<Thumbnail<'a>>,
    more: String,
    bars: Vec<Bar>,
    more_often: Vec<Difference>,
    less_often: Vec<Difference>,
}

/// Everything the template shows.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    stylesheet: &'a str,
    summary: String,
    figures: Vec<Figure>,
    all_faces: String,
    /// Whether the clustering saw only some of the attributes.
    selected: bool,
    frequencies: Vec<Bar>,
    sections: Vec<Section<'a>>,
    /// Clusters that are not shown in full.
    further: String,
    further_count: usize,
    further_faces: String,
    history: Option<history::History>,
    made: Vec<(String, String)>,
    unreadable: &'a [UnreadableImage],
    unreadable_total: String,
    unreadable_more: usize,
    /// Share from which an attribute is prominent.
    prominent: String,
    /// Shares between which an attribute is noisy.
    noisy: [String; 2],
    version: &'a str,
}

/// Renders the page.
///
/// # Errors
/// [`ReportError::Template`] if the template is defective.
pub(super) fn render(
    input: &ReportInput,
    groups: &[Group],
    unreadable: &[UnreadableImage],
) -> Result<String, ReportError> {
    let overall = occurrence::shares(input, 0..input.images.len());
    let further: Vec<&Group> = groups.iter().filter(|group| !group.in_full).collect();
    let page = Page {
        title: &input.title,
        stylesheet: STYLESHEET,
        summary: summary(input),
        figures: figures(input, groups, unreadable.len()),
        all_faces: count(input.images.len(), "face"),
        selected: !input.clusters.select.is_empty(),
        frequencies: bars(input, &occurrence::rank(&overall, &overall)),
        sections: groups.iter().filter(|group| group.in_full).map(|group| section(input, group, &overall)).collect(),
        further: count(further.len(), "further cluster"),
        further_count: further.len(),
        further_faces: count(further.iter().map(|group| group.rows.len()).sum(), "face"),
        history: history::summarise(&input.history),
        made: made(input),
        unreadable: &unreadable[..unreadable.len().min(UNREADABLE_LIMIT)],
        unreadable_total: count(unreadable.len(), "image"),
        unreadable_more: unreadable.len().saturating_sub(UNREADABLE_LIMIT),
        prominent: percent(occurrence::PROMINENT),
        noisy: [percent(*occurrence::NOISY.start()), percent(*occurrence::NOISY.end())],
        version: env!("CARGO_PKG_VERSION"),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("report.html", TEMPLATE)?;
    let template = environment.get_template("report.html")?;
    Ok(template.render(Serde(&page))?)
}

fn section<'a>(input: &ReportInput, group: &'a Group, overall: &[f64]) -> Section<'a> {
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
    let thumbnail = |Portrait { name, picture }: &'a Portrait| Thumbnail {
        name,
        picture: picture.as_deref().ok(),
        reason: picture.as_ref().err().map(String::as_str),
    };
    Section {
        id,
        name,
        is_noise: group.label.is_none(),
        faces: count(faces, "face"),
        count: faces,
        share: percent(share),
        width: width(share),
        mean_face: group.mean_face.as_deref(),
        readable: count(faces - group.unreadable.len(), "face"),
        unreadable: count(group.unreadable.len(), "image"),
        unreadable_count: group.unreadable.len(),
        sheet: group.sheet.iter().map(thumbnail).collect(),
        more: thousands(faces - group.sheet.len()),
        bars: bars(input, &ranked),
        more_often: differences(more),
        less_often: differences(less),
    }
}

fn bars(input: &ReportInput, ranked: &[Occurrence]) -> Vec<Bar> {
    let bar = |occurrence: &Occurrence| {
        let name = &input.attributes[occurrence.attribute];
        Bar {
            attribute: readable_name(name),
            clustered_on: input.clusters.select.contains(name),
            share: percent(occurrence.share),
            width: width(occurrence.share),
            overall: percent(occurrence.overall),
            overall_width: width(occurrence.overall),
            standing: occurrence.standing(),
        }
    };
    ranked.iter().map(bar).collect()
}

fn summary(input: &ReportInput) -> String {
    let clusters = &input.clusters;
    let attributes = match clusters.select.len() {
        0 => count(input.attributes.len(), "attribute"),
        selected => format!("{} of {}", thousands(selected), count(input.attributes.len(), "attribute")),
    };
    format!(
        "{}, grouped into {} by {} on {attributes}.",
        count(input.images.len(), "face"),
        count(clusters.k, "cluster"),
        method(&clusters.method),
    )
}

fn figures(input: &ReportInput, groups: &[Group], unreadable: usize) -> Vec<Figure> {
    let clusters = &input.clusters;
    let noise = clusters.labels.iter().filter(|&&label| label < 0).count();
    let empty = clusters.sizes.iter().filter(|&&size| size == 0).count();
    let largest = groups.iter().filter(|group| group.label.is_some()).map(|group| group.rows.len()).max();
    let figure = |name, value, note| Figure { name, value, note };
    let noted = |number: usize, words: &str| if number > 0 { format!("{} {words}", thousands(number)) } else { String::new() };
    let mut figures = vec![
        figure("Faces", thousands(input.images.len()), noted(noise, "in no cluster")),
        figure("Clusters", thousands(clusters.k), noted(empty, "empty")),
        figure("Attributes", thousands(input.attributes.len()), noted(clusters.select.len(), "used to cluster")),
    ];
    if let Some(largest) = largest {
        let share = largest as f64 / input.images.len().max(1) as f64;
        figures.push(figure("Largest cluster", percent(share), count(largest, "face")));
    }
    if let Some(silhouette) = clusters.silhouette {
        let value = format!("{silhouette:.3}").replace('-', "−");
        figures.push(figure("Silhouette", value, "1 is well separated, 0 is not".into()));
    }
    if let Some(inertia) = clusters.inertia {
        figures.push(figure("Inertia", significant(inertia), "squared distances to the centres".into()));
    }
    if unreadable > 0 {
        figures.push(figure("Not readable", thousands(unreadable), "listed at the end".into()));
    }
    figures
}

/// How the run was made, as lines of a path into the configuration and a value.
fn made(input: &ReportInput) -> Vec<(String, String)> {
    let clusters = &input.clusters;
    let mut lines = Vec::new();
    flatten("", &input.configuration, &mut lines);
    let also = [("clustering command", &clusters.command), ("clustering adapter", &clusters.adapter)];
    lines.extend(also.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
    lines.truncate(CONFIGURATION_LIMITS.0);
    for (_, value) in &mut lines {
        if let Some((cut, _)) = value.char_indices().nth(CONFIGURATION_LIMITS.1) {
            value.truncate(cut);
            value.push('…');
        }
    }
    lines
}

fn flatten(prefix: &str, object: &Map<String, Value>, lines: &mut Vec<(String, String)>) {
    for (key, value) in object {
        let key = if prefix.is_empty() { readable_name(key) } else { format!("{prefix} › {}", readable_name(key)) };
        match value {
            Value::Object(inner) => flatten(&key, inner, lines),
            Value::String(text) => lines.push((key, text.clone())),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                lines.push((key, items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")));
            }
            other => lines.push((key, other.to_string())),
        }
    }
}

/// The name of a clustering method as one writes it.
fn method(name: &str) -> &str {
    match name {
        "kmeans" => "k-means",
        "agglomerative" => "agglomerative clustering",
        "dbscan" => "DBSCAN",
        other => other,
    }
}

/// CelebA joins words by underscores.
fn readable_name(name: &str) -> String {
    name.replace('_', " ")
}

/// A share as whole per cent, telling a few from none and almost all from all.
fn percent(share: f64) -> String {
    let rounded = (share * 100.0).round();
    match rounded {
        0.0 if share > 0.0 => "<1%".into(),
        100.0 if share < 1.0 => ">99%".into(),
        _ => format!("{rounded:.0}%"),
    }
}

/// A share as the width of a bar in CSS.
fn width(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// A number with its noun in singular or plural.
fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A whole number with its thousands set apart.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of at least zero with four significant digits.
fn significant(number: f64) -> String {
    if number >= 1000.0 && number < usize::MAX as f64 {
        return thousands(number.round() as usize);
    }
    let decimals = if number >= 100.0 { 1 } else if number >= 10.0 { 2 } else { 3 };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_one_writes_them() {
        let cases = [
            (thousands(0), "0"),
            (thousands(999), "999"),
            (thousands(1000), "1,000"),
            (thousands(1_234_567), "1,234,567"),
            (count(1, "face"), "1 face"),
            (count(0, "face"), "0 faces"),
            (percent(0.0), "0%"),
            (percent(0.004), "<1%"),
            (percent(0.996), ">99%"),
            (percent(1.0), "100%"),
            (percent(0.625), "63%"),
            (width(1.0 / 3.0), "33.33%"),
            (significant(0.12345), "0.123"),
            (significant(12.345), "12.35"),
            (significant(123.45), "123.5"),
            (significant(12_345.6), "12,346"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_configuration_is_flattened_and_bounded() {
        let text = r#"{"weights":{"file":"a.safetensors","layers":[1,2]},"select":["Male","Bald"],"seed":7,"b":null}"#;
        let object = serde_json::from_str(text).expect("an object");
        let mut lines = Vec::new();
        flatten("", &object, &mut lines);
        lines.sort();
        let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            lines,
            ["b=null", "seed=7", "select=Male, Bald", "weights › file=a.safetensors", "weights › layers=[1,2]"]
        );
        let mut input = super::super::tests::input_of(&[&[1.0]], &[0]);
        input.configuration.insert("long".into(), Value::String("é".repeat(5000)));
        assert_eq!(made(&input)[0].1.chars().count(), CONFIGURATION_LIMITS.1 + 1);
    }
}
