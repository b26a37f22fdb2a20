//! Renders the page: turns the input into the words and numbers that the templates show, and fills the templates.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::faces::{Group, Portrait};
use super::section::{Bar, Section, bars, section};
use super::wording::{count, decimals, method, percent, readable_name, significant, thousands};
use super::{ReportError, ReportInput, UnreadableImage, history, loss_issue, occurrence, provenance, reproduction, script};
use super::{comparison, evaluation, figure_five, weighting};

/// File names and texts of the templates. `report.html` is the page; it includes the others.
const TEMPLATES: [(&str, &str); 10] = [
    ("report.html", include_str!("report.html")),
    ("macros.html", include_str!("macros.html")),
    ("clusters.html", include_str!("clusters.html")),
    ("controls.html", include_str!("controls.html")),
    ("comparison.html", include_str!("comparison.html")),
    ("weighting.html", include_str!("weighting.html")),
    ("evaluation.html", include_str!("evaluation.html")),
    ("loss_issue.html", include_str!("loss_issue.html")),
    ("reproduction.html", include_str!("reproduction.html")),
    ("charts.html", include_str!("charts.html")),
];
const STYLESHEET: &str = include_str!("report.css");
/// Largest number of unreadable images that the page lists by name.
const UNREADABLE_LIMIT: usize = 200;

/// A number with its name and a note. The note may be empty.
#[derive(Serialize)]
pub(super) struct Figure {
    pub name: &'static str,
    pub value: String,
    pub note: String,
}

/// The data that the templates show.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    stylesheet: [&'a str; 2],
    /// The script, if the page has clusters to sort and faces to enlarge.
    script: Option<&'a str>,
    /// SHA-256 of the script in base64, for the content security policy.
    script_hash: String,
    /// The steps from faces to clusters, with the numbers of this run.
    pipeline: Vec<Figure>,
    /// Names of the attributes that a reader can filter by.
    attributes: Vec<String>,
    has_silhouettes: bool,
    /// Whether a GPU was available to compute the principal components of each cluster's faces.
    has_adapter: bool,
    comparison: Option<comparison::Summary>,
    weighting: Option<weighting::Summary>,
    summary: String,
    figures: Vec<Figure>,
    /// Number of faces, in words.
    all_faces: String,
    /// Whether the page shows faces and the frequencies of their attributes.
    has_faces: bool,
    /// Whether the page shows a clustering.
    clustered: bool,
    /// Whether the clustering used only some of the attributes.
    selected: bool,
    frequencies: Vec<Bar>,
    sections: Vec<Section<'a>>,
    /// Number of clusters that the page does not show in full, in words.
    further: String,
    further_count: usize,
    /// Number of faces in these clusters, in words.
    further_faces: String,
    evaluation: Option<evaluation::Summary<'a>>,
    loss_issue: Option<loss_issue::Summary>,
    reproduction: Option<reproduction::Summary>,
    history: Option<history::History>,
    /// Names and values that say how the run was made.
    made: Vec<(String, String)>,
    /// The unreadable images that the page lists.
    unreadable: &'a [UnreadableImage],
    /// Number of all unreadable images, in words.
    unreadable_total: String,
    /// Number of unreadable images that the page does not list.
    unreadable_more: usize,
    /// Smallest share at which an attribute is prominent, in percent.
    prominent: String,
    /// Smallest and largest share at which an attribute is noisy, in percent.
    noisy: [String; 2],
    version: &'a str,
}

/// Renders the page. `groups` holds the faces of each cluster, `mistakes` the pictures of the most confident mistakes, and
/// `unreadable` the images that could not be read.
///
/// # Errors
/// Returns [`ReportError::Template`] if a template is defective.
pub(super) fn render(
    input: &ReportInput,
    has_adapter: bool,
    groups: &[Group],
    mistakes: &[Portrait],
    unreadable: &[UnreadableImage],
) -> Result<String, ReportError> {
    let overall = occurrence::shares(input, 0..input.images.len());
    let further: Vec<&Group> = groups.iter().filter(|group| !group.in_full).collect();
    let page = Page {
        title: &input.title,
        stylesheet: [STYLESHEET, if input.comparison.is_some() { figure_five::STYLESHEET } else { "" }],
        script: input.clusters.as_ref().map(|_| script::SCRIPT),
        script_hash: script::hash(),
        pipeline: pipeline(input),
        attributes: input.attributes.iter().map(|name| readable_name(name)).collect(),
        has_silhouettes: input.clusters.as_ref().is_some_and(|clusters| !clusters.silhouette_samples.is_empty()),
        has_adapter,
        comparison: input.comparison.as_ref().map(comparison::summarise),
        weighting: weighting::summarise(input),
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
        reproduction: input.reproduction.as_ref().map(reproduction::summarise),
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
    for (name, part) in TEMPLATES {
        environment.add_template(name, part)?;
    }
    let template = environment.get_template("report.html")?;
    Ok(template.render(Serde(&page))?)
}

/// Returns the steps from faces to clusters with the numbers of this run. Returns no steps if there are no clusters.
fn pipeline(input: &ReportInput) -> Vec<Figure> {
    let Some(clusters) = &input.clusters else { return Vec::new() };
    let step = |name, value, note| Figure { name, value, note };
    let predicted = input.configuration.get("predict").or_else(|| input.configuration.get("eval"));
    let model = predicted.and_then(|verb| verb.get("weights")?.as_array()?.last()?.get("file")?.as_str());
    let model = model.map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path).to_string());
    let crop = input.crop.map_or(String::new(), |crop| format!("part {crop} of each picture"));
    let mut steps = vec![
        step("Faces", thousands(input.images.len()), crop),
        step("Attributes", thousands(input.attributes.len()), model.map_or(String::new(), |model| format!("by {model}"))),
    ];
    if !clusters.select.is_empty() || clusters.weights.is_some() {
        let chosen = if clusters.select.is_empty() { input.attributes.len() } else { clusters.select.len() };
        let weighed = clusters.weights.as_ref().map_or("unweighted".into(), |weights| format!("weighted: {weights}"));
        steps.push(step("Selected", thousands(chosen), weighed));
    }
    let noise = clusters.labels.iter().filter(|label| **label < 0).count();
    let outside = if noise > 0 { format!(", {} in no cluster", thousands(noise)) } else { String::new() };
    steps.push(step("Clusters", thousands(clusters.k), format!("by {}{outside}", method(&clusters.method))));
    steps
}

/// Returns the sentence under the title of the page.
fn summary(input: &ReportInput) -> String {
    if let (Some(issue), true) = (&input.loss_issue, input.images.is_empty()) {
        return format!("A comparison of {} losses on rare attributes.", thousands(issue.losses.len()));
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

/// Returns the numbers at the top of the page. `unreadable` is the number of unreadable images.
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
    figures.push(figure("Attributes", thousands(input.attributes.len()), noted(input.selected().len(), "used for clustering")));
    if let Some(largest) = groups.iter().filter(|group| group.label.is_some()).map(|group| group.rows.len()).max() {
        let share = largest as f64 / input.images.len().max(1) as f64;
        figures.push(figure("Largest cluster", percent(share), count(largest, "face")));
    }
    if let Some(silhouette) = clusters.and_then(|clusters| clusters.silhouette) {
        let also = clusters.map_or(Vec::new(), |clusters| {
            let also = [("without noise", clusters.silhouette_without_noise), ("of weighted rows", clusters.silhouette_weighted)];
            also.into_iter().filter_map(|(which, value)| Some(format!("{} {which}", decimals(value?, 3)))).collect()
        });
        let note = if also.is_empty() { "from −1 to 1, higher is better".into() } else { also.join(", ") };
        figures.push(figure("Silhouette", decimals(silhouette, 3), note));
    }
    if let Some(distinct) = clusters.and_then(|clusters| clusters.distinct_rows) {
        figures.push(figure("Distinct rows", thousands(distinct), "different rows of attributes".into()));
    }
    if let Some(inertia) = clusters.and_then(|clusters| clusters.inertia) {
        figures.push(figure("Inertia", significant(inertia), "sum of squared distances to the centres".into()));
    }
    if unreadable > 0 {
        figures.push(figure("Unreadable images", thousands(unreadable), "listed at the end".into()));
    }
    figures
}
