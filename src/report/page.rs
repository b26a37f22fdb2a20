//! The page: what the template shows, as words and numbers ready to print.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::evaluation;
use super::faces::{Group, Portrait};
use super::occurrence::{self, Occurrence, Standing};
use super::wording::{count, method, percent, readable_name, significant, thousands, width};
use super::{ReportError, ReportInput, UnreadableImage, history, loss_issue, provenance};

const TEMPLATE: &str = include_str!("report.html");
const EVALUATION: &str = include_str!("evaluation.html");
const LOSS_ISSUE: &str = include_str!("loss_issue.html");
const CHARTS: &str = include_str!("charts.html");
const STYLESHEET: &str = include_str!("report.css");
/// Unreadable images that the page lists by name.
const UNREADABLE_LIMIT: usize = 200;

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
    /// Whether there are faces to show.
    has_faces: bool,
    /// Whether there is a clustering to show.
    clustered: bool,
    /// Whether the clustering saw only some of the attributes.
    selected: bool,
    frequencies: Vec<Bar>,
    sections: Vec<Section<'a>>,
    /// Clusters that are not shown in full.
    further: String,
    further_count: usize,
    further_faces: String,
    evaluation: Option<evaluation::Summary<'a>>,
    loss_issue: Option<loss_issue::Summary>,
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
    mistakes: &[Portrait],
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
        has_faces: !input.images.is_empty() || input.loss_issue.is_none(),
        clustered: input.clusters.is_some(),
        selected: !input.selected().is_empty(),
        frequencies: bars(input, &occurrence::rank(&overall, &overall)),
        sections: groups.iter().filter(|group| group.in_full).map(|group| section(input, group, &overall)).collect(),
        further: count(further.len(), "further cluster"),
        further_count: further.len(),
        further_faces: count(further.iter().map(|group| group.rows.len()).sum(), "face"),
        evaluation: input.evaluation.as_ref().map(|evaluation| evaluation::summarise(evaluation, mistakes)),
        loss_issue: input.loss_issue.as_ref().map(loss_issue::summarise),
        history: history::summarise(&input.history),
        made: provenance::lines(input),
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
    for (name, part) in [("evaluation.html", EVALUATION), ("loss_issue.html", LOSS_ISSUE), ("charts.html", CHARTS)] {
        environment.add_template(name, part)?;
    }
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

fn summary(input: &ReportInput) -> String {
    if let (Some(issue), true) = (&input.loss_issue, input.images.is_empty()) {
        return format!("{} losses, and what a network makes of rare attributes with each.", thousands(issue.losses.len()));
    }
    let Some(clusters) = &input.clusters else {
        let attributes = count(input.attributes.len(), "predicted attribute");
        return format!("{} with {attributes} each.", count(input.images.len(), "face"));
    };
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
    let figure = |name, value, note| Figure { name, value, note };
    let noted = |number: usize, words: &str| {
        if number > 0 { format!("{} {words}", thousands(number)) } else { String::new() }
    };
    let clusters = input.clusters.as_ref();
    let noise = clusters.map_or(0, |clusters| clusters.labels.iter().filter(|&&label| label < 0).count());
    let mut figures = vec![figure("Faces", thousands(input.images.len()), noted(noise, "in no cluster"))];
    if let Some(clusters) = clusters {
        let empty = clusters.sizes.iter().filter(|&&size| size == 0).count();
        figures.push(figure("Clusters", thousands(clusters.k), noted(empty, "empty")));
    }
    figures.push(figure("Attributes", thousands(input.attributes.len()), noted(input.selected().len(), "used to cluster")));
    if let Some(largest) = groups.iter().filter(|group| group.label.is_some()).map(|group| group.rows.len()).max() {
        let share = largest as f64 / input.images.len().max(1) as f64;
        figures.push(figure("Largest cluster", percent(share), count(largest, "face")));
    }
    if let Some(silhouette) = clusters.and_then(|clusters| clusters.silhouette) {
        let value = format!("{silhouette:.3}").replace('-', "−");
        figures.push(figure("Silhouette", value, "from −1 to 1, higher is better".into()));
    }
    if let Some(inertia) = clusters.and_then(|clusters| clusters.inertia) {
        figures.push(figure("Inertia", significant(inertia), "squared distances to the centres".into()));
    }
    if unreadable > 0 {
        figures.push(figure("Not readable", thousands(unreadable), "listed at the end".into()));
    }
    figures
}
