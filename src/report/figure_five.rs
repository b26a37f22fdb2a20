//! Draws the paper's figure 5 as an SVG line chart: the silhouette of each clustering method over the number of clusters.
//!
//! The text of an SVG shrinks with the picture, so a chart for a desktop window is unreadable on a phone. The page therefore
//! holds two charts, a wide and a narrow one, and shows the one that fits the window. Curves differ by colour, dashes and
//! markers, so that readers can tell them apart without seeing colour.

use std::fmt::Write;

use super::wording::{count, decimals, method, thousands};
use crate::cluster::{Comparison, Curve, Mark};

/// The styles of the chart. They use the colours of the page: `--paper`, `--ink`, `--quiet` and `--rule`.
pub(super) const STYLESHEET: &str = include_str!("figure_five.css");
/// Definitions of the page's colours for a chart in a file of its own.
const COLOURS: &str = "\
:root { color-scheme: light dark; --paper: #faf9f6; --ink: #23272b; --quiet: #5d6468; --rule: #dfdcd4; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191b; --ink: #e7e5df; --quiet: #a3aaad; --rule: #343a3d; } }
";
/// Dash patterns of the curves, as values of `stroke-dasharray`. Further curves repeat them. An empty pattern is a solid line.
const DASHES: [&str; 8] = ["", "7 3", "2 3", "9 3 2 3", "5 2 1 2 1 2", "12 4", "1 4", "6 2 2 2 2 2"];
/// Markers of the curves and marks, as SVG paths that are centred at the origin and about nine units wide.
const MARKERS: [&str; 8] = [
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z",
    "M-3.2 -3.2H3.2V3.2H-3.2Z",
    "M0 -4.2L4 3H-4Z",
    "M0 -4.6L4.2 0L0 4.6L-4.2 0Z",
    "M0 4.2L4 -3H-4Z",
    "M-4.2 -1.4H-1.4V-4.2H1.4V-1.4H4.2V1.4H1.4V4.2H-1.4V1.4H-4.2Z",
    "M0 -4.6L4.4 -1.2L2.7 3.8H-2.7L-4.4 -1.2Z",
    "M-4.4 0L-2.2 -3.8H2.2L4.4 0L2.2 3.8H-2.2Z",
];
/// Largest number of markers along a curve.
const MARKERS_A_CURVE: usize = 7;

/// Positions of the parts of a chart, in SVG user units. The text is twelve units high.
struct Layout {
    /// CSS class of the chart.
    class: &'static str,
    width: f64,
    /// Left, top, right and bottom of the plot area.
    plot: [f64; 4],
    /// Number of columns of the legend.
    columns: usize,
    /// Preferred distance between the ticks of the horizontal axis. The distance is at least 0.6 of this value.
    tick: f64,
}

/// Layout for a desktop window.
const WIDE: Layout = Layout { class: "wide", width: 760.0, plot: [46.0, 22.0, 740.0, 380.0], columns: 3, tick: 45.0 };
/// Layout for a phone.
const NARROW: Layout = Layout { class: "narrow", width: 328.0, plot: [38.0, 22.0, 318.0, 300.0], columns: 1, tick: 40.0 };
/// Height of one line of the legend, in SVG user units.
const LINE: f64 = 19.0;

/// Returns the paper's figure 5 for `comparison`, as a complete SVG file that contains its own styles.
pub fn figure_five_svg(comparison: &Comparison) -> String {
    Drawing::new(comparison, &WIDE).svg(&format!("<style>\n{COLOURS}{STYLESHEET}</style>\n"))
}

/// Returns the wide and the narrow chart for a page that contains [`STYLESHEET`].
pub(super) fn for_page(comparison: &Comparison) -> [String; 2] {
    [&WIDE, &NARROW].map(|layout| Drawing::new(comparison, layout).svg(""))
}

/// Returns the caption of the chart, which explains the line at the number of distinct rows.
pub(super) fn remark(comparison: &Comparison) -> String {
    let Comparison { rows, distinct_rows, .. } = comparison;
    if distinct_rows == rows {
        return format!("No two of the {} have the same row of attributes.", count(*rows, "face"));
    }
    let distinct = thousands(*distinct_rows);
    let line = match Drawing::new(comparison, &WIDE).line_at() {
        Some(_) => "the upright line marks the number".to_string(),
        None => format!("the number lies beyond the chart, at k = {distinct}"),
    };
    format!(
        "The {} have {} of attributes; {line}. If each distinct row were a cluster, every face that shares its row with \
         another face would have a silhouette of 1, and every other face 0. A curve that rises towards this number therefore \
         reflects repeated rows rather than groups of similar faces.",
        count(*rows, "face"),
        count(*distinct_rows, "distinct row")
    )
}

/// Returns the display name of a clustering method, with a capital first letter.
pub(super) fn name(method_name: &str) -> String {
    let name = method(method_name);
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A chart: its data, its layout and its scales.
struct Drawing<'a> {
    comparison: &'a Comparison,
    layout: &'a Layout,
    /// Range of the horizontal axis, in numbers of clusters.
    k: (f64, f64),
    /// Range of the vertical axis. Both ends are multiples of `step`.
    silhouette: (f64, f64),
    /// Distance between the horizontal grid lines, in silhouette.
    step: f64,
}

impl<'a> Drawing<'a> {
    fn new(comparison: &'a Comparison, layout: &'a Layout) -> Self {
        let ks = || comparison.curves.iter().flat_map(|curve| &curve.points).map(|point| point.k);
        // A comparison without curves takes its range from the marks.
        let of_marks = || comparison.marks.iter().map(|mark| mark.k);
        let least = ks().min().or(of_marks().min()).unwrap_or(2) as f64;
        let greatest = ks().max().or(of_marks().max()).unwrap_or(2) as f64;
        let k = if greatest > least { (least, greatest) } else { (least - 1.0, greatest + 1.0) };
        let drawing = Self { comparison, layout, k, silhouette: (0.0, 1.0), step: 0.2 };
        let shown = comparison.marks.iter().filter(|mark| drawing.is_inside(mark)).filter_map(|mark| mark.silhouette);
        let values: Vec<f64> =
            comparison.curves.iter().flat_map(|curve| &curve.points).filter_map(|p| p.silhouette).chain(shown).collect();
        let lowest = values.iter().copied().fold(0.0, f64::min);
        let highest = values.iter().copied().fold(lowest + 0.05, f64::max);
        let step = [0.01, 0.02, 0.05, 0.1].into_iter().find(|step| (highest - lowest) / step <= 6.0).unwrap_or(0.2);
        // The small tolerance keeps a value that lies on a grid line from requiring another grid line.
        let (first, last) = ((lowest / step + 1e-9).floor(), (highest / step - 1e-9).ceil());
        Self { silhouette: (first * step, last * step), step, ..drawing }
    }

    /// Returns the horizontal position of `k` clusters.
    fn x(&self, k: f64) -> f64 {
        let [left, _, right, _] = self.layout.plot;
        left + (k - self.k.0) / (self.k.1 - self.k.0) * (right - left)
    }

    /// Returns the vertical position of a silhouette.
    fn y(&self, silhouette: f64) -> f64 {
        let [_, top, _, bottom] = self.layout.plot;
        bottom - (silhouette - self.silhouette.0) / (self.silhouette.1 - self.silhouette.0) * (bottom - top)
    }

    /// Returns whether the number of clusters of `mark` lies within the horizontal axis.
    fn is_inside(&self, mark: &Mark) -> bool {
        (self.k.0..=self.k.1).contains(&(mark.k as f64))
    }

    /// Returns the horizontal position of the number of distinct rows, or `None` if it lies beyond the chart or all rows are
    /// distinct.
    fn line_at(&self) -> Option<f64> {
        let Comparison { rows, distinct_rows, .. } = self.comparison;
        let at = *distinct_rows as f64;
        (distinct_rows < rows && (self.k.0..=self.k.1).contains(&at)).then(|| self.x(at))
    }

    fn svg(&self, style: &str) -> String {
        let Layout { class, width, plot: [.., bottom], columns, .. } = *self.layout;
        let entries = self.comparison.curves.len() + self.comparison.marks.len();
        let height = bottom + 48.0 + LINE * entries.div_ceil(columns) as f64;
        // Inside an HTML page the namespace is implied.
        let namespace = if style.is_empty() { "" } else { r#" xmlns="http://www.w3.org/2000/svg""# };
        let mut svg = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            r#"<svg{namespace} class="figure-five {class}" viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#,
            escape(&self.in_words())
        );
        svg.push_str(style);
        let _ = writeln!(svg, r#"<rect class="ground" width="{width}" height="{height}"/>"#);
        self.draw_axes(&mut svg);
        self.draw_line(&mut svg);
        for (at, curve) in self.comparison.curves.iter().enumerate() {
            self.draw_curve(&mut svg, at, curve);
        }
        for (at, mark) in self.comparison.marks.iter().enumerate() {
            self.draw_mark(&mut svg, at, mark);
        }
        self.draw_legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    /// Returns a description of the chart for screen readers.
    fn in_words(&self) -> String {
        let names: Vec<String> = self.comparison.curves.iter().map(|curve| name(&curve.method)).collect();
        let mut words = format!("Silhouette over the number of clusters k from {} to {}", self.k.0, self.k.1);
        if !names.is_empty() {
            let _ = write!(words, ", with one curve each for {}", names.join(", "));
        }
        for Mark { method, k, .. } in &self.comparison.marks {
            let _ = write!(words, "; {} finds {}", name(method), count(*k, "cluster"));
        }
        words
    }

    fn draw_axes(&self, svg: &mut String) {
        let [left, top, right, bottom] = self.layout.plot;
        let steps = ((self.silhouette.1 - self.silhouette.0) / self.step).round() as i32;
        let places = if self.step < 0.1 { 2 } else { 1 };
        for line in 0..=steps {
            let value = self.silhouette.0 + f64::from(line) * self.step;
            let (y, label) = (self.y(value), decimals(value, places));
            let _ = writeln!(svg, r#"<path class="grid" d="M{left:.1} {y:.1}H{right:.1}"/>"#);
            let _ = writeln!(svg, r#"<text class="end" x="{:.1}" y="{:.1}">{label}</text>"#, left - 7.0, y + 4.0);
        }
        let per_unit = (right - left) / (self.k.1 - self.k.0);
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
            .into_iter()
            .find(|&step| f64::from(step) * per_unit >= self.layout.tick * 0.6);
        let step = step.map_or((self.k.1 - self.k.0).ceil().max(1.0), f64::from);
        let mut k = (self.k.0 / step).ceil() * step;
        while k <= self.k.1 {
            let x = self.x(k);
            let _ = writeln!(svg, r#"<path class="axis" d="M{x:.1} {bottom:.1}v5"/>"#);
            let _ = writeln!(svg, r#"<text class="middle" x="{x:.1}" y="{:.1}">{k}</text>"#, bottom + 18.0);
            k += step;
        }
        let _ = writeln!(svg, r#"<path class="axis" d="M{left:.1} {bottom:.1}H{right:.1}"/>"#);
        let _ = writeln!(svg, r#"<text x="{:.1}" y="{:.1}">silhouette</text>"#, 2.0, top - 10.0);
        let _ = writeln!(svg, r#"<text class="end" x="{right:.1}" y="{:.1}">clusters, k</text>"#, bottom + 34.0);
    }

    fn draw_line(&self, svg: &mut String) {
        let Some(x) = self.line_at() else { return };
        let [left, top, right, bottom] = self.layout.plot;
        let side = if x > (left + right) / 2.0 { ("end", -6.0) } else { ("start", 6.0) };
        let words = count(self.comparison.distinct_rows, "distinct row");
        let _ = writeln!(svg, r#"<path class="distinct" d="M{x:.1} {top:.1}V{bottom:.1}"/>"#);
        let _ = writeln!(svg, r#"<text class="{}" x="{:.1}" y="{:.1}">{words}</text>"#, side.0, x + side.1, top + 4.0);
    }

    fn draw_curve(&self, svg: &mut String, at: usize, curve: &Curve) {
        let points: Vec<Option<(f64, f64)>> = curve
            .points
            .iter()
            .map(|point| Some((self.x(point.k as f64), self.y(point.silhouette.filter(|value| value.is_finite())?))))
            .collect();
        let mut path = String::new();
        let mut is_down = false;
        for point in &points {
            if let Some((x, y)) = point {
                let _ = write!(path, "{}{x:.1} {y:.1}", if is_down { "L" } else { "M" });
            }
            is_down = point.is_some();
        }
        let (colour, dashes) = (at % DASHES.len(), DASHES[at % DASHES.len()]);
        let _ = writeln!(svg, r#"<path class="curve colour-{colour}" stroke-dasharray="{dashes}" d="{path}"/>"#);
        // Each curve has its markers at other values of k, so that the markers of different curves do not hide one another.
        let drawn: Vec<(f64, f64)> = points.into_iter().flatten().collect();
        let stride = drawn.len().div_ceil(MARKERS_A_CURVE).max(1);
        let first = at * 2 % stride;
        for (x, y) in drawn.iter().skip(first).step_by(stride) {
            self.draw_marker(svg, at, "filled", *x, *y);
        }
    }

    /// Draws the marker of the curve or mark with index `at`.
    fn draw_marker(&self, svg: &mut String, at: usize, kind: &str, x: f64, y: f64) {
        let (colour, path) = (at % MARKERS.len(), MARKERS[at % MARKERS.len()]);
        let _ = writeln!(svg, r#"<path class="{kind} colour-{colour}" transform="translate({x:.1} {y:.1})" d="{path}"/>"#);
    }

    fn draw_mark(&self, svg: &mut String, at: usize, mark: &Mark) {
        let Some(silhouette) = mark.silhouette.filter(|value| value.is_finite() && self.is_inside(mark)) else { return };
        let (x, y) = (self.x(mark.k as f64), self.y(silhouette));
        let [left, top, right, bottom] = self.layout.plot;
        let side = if x > (left + right) / 2.0 { ("end", -10.0) } else { ("start", 10.0) };
        // Labels alternate above and below their marks, so that the labels of two close marks do not overlap.
        let above = if at.is_multiple_of(2) { -8.0 } else { 16.0 };
        let words = format!("{}: {}", name(&mark.method), mark.k);
        let _ = writeln!(svg, r#"<path class="own" d="M{x:.1} {bottom:.1}V{y:.1}"/>"#);
        self.draw_marker(svg, self.comparison.curves.len() + at, "mark", x, y);
        let place = (y + above).clamp(top + 20.0, bottom - 6.0);
        let _ = writeln!(svg, r#"<text class="label {}" x="{:.1}" y="{place:.1}">{}</text>"#, side.0, x + side.1, escape(&words));
    }

    fn draw_legend(&self, svg: &mut String) {
        let Layout { width, plot: [left, .., bottom], columns, .. } = *self.layout;
        let curves = self.comparison.curves.iter().map(|curve| (true, name(&curve.method)));
        let marks = self.comparison.marks.iter().map(|mark| {
            let outside = if self.is_inside(mark) { "" } else { ", beyond the chart" };
            let words = format!("{}: {}{outside}", name(&mark.method), count(mark.k, "cluster"));
            (false, words)
        });
        let column_width = (width - left) / columns as f64;
        for (at, (is_curve, words)) in curves.chain(marks).enumerate() {
            let x = left + (at % columns) as f64 * column_width;
            let y = bottom + 54.0 + LINE * (at / columns) as f64;
            if is_curve {
                let (colour, dashes) = (at % DASHES.len(), DASHES[at % DASHES.len()]);
                let _ =
                    writeln!(svg, r#"<path class="curve colour-{colour}" stroke-dasharray="{dashes}" d="M{x:.1} {y:.1}h34"/>"#);
            }
            self.draw_marker(svg, at, if is_curve { "filled" } else { "mark" }, x + 17.0, y);
            let _ = writeln!(svg, r#"<text x="{:.1}" y="{:.1}">{}</text>"#, x + 42.0, y + 4.0, escape(&words));
        }
    }
}

/// Escapes text for XML and HTML, also inside quoted attribute values.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML does not allow most control characters, not even escaped.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cluster::CurvePoint;

    /// Returns a comparison with two curves over k = 2..=50 and two marks, for 500 faces with `distinct_rows` distinct rows.
    pub(in super::super) fn comparison(distinct_rows: usize) -> Comparison {
        let curve = |method: &str, slope: f64| Curve {
            method: method.into(),
            settings: "as <usual>".into(),
            points: (2..=50)
                .map(|k| CurvePoint {
                    k,
                    silhouette: (k != 9).then_some(0.2 + slope * k as f64 / 100.0),
                    silhouette_weighted: None,
                })
                .collect(),
        };
        let mark = |method: &str, k| Mark {
            method: method.into(),
            settings: "eps 0.5".into(),
            k,
            noise: 3,
            silhouette: Some(0.6),
            silhouette_without_noise: Some(0.7),
        };
        Comparison {
            rows: 500,
            distinct_rows,
            select: vec!["Male".into()],
            weights: "none".into(),
            curves: vec![curve("kmeans", 1.0), curve("birch & <co>", -0.8)],
            marks: vec![mark("dbscan", 41), mark("optics", 77)],
            seconds: BTreeMap::new(),
            attributes_sha256: None,
            adapter: None,
            command: None,
        }
    }

    #[test]
    fn a_chart_alone_is_well_formed_and_holds_its_colours() {
        let svg = figure_five_svg(&comparison(45));
        for part in
            ["xmlns=\"http://www.w3.org/2000/svg\"", "prefers-color-scheme: dark", "Birch &amp; &lt;co&gt;", ">45 distinct rows<"]
        {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(svg.contains(">DBSCAN: 41<") && svg.contains(">OPTICS: 77 clusters, beyond the chart<"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        // Every start tag has an end tag.
        for name in ["svg", "text", "style"] {
            assert_eq!(svg.matches(&format!("<{name}")).count(), svg.matches(&format!("</{name}>")).count(), "{name}");
        }
    }

    #[test]
    fn curves_break_where_they_are_undefined_and_span_the_box() {
        let [wide, narrow] = for_page(&comparison(90));
        let curve = wide.lines().find(|line| line.contains("class=\"curve colour-0\"")).expect("the first curve");
        assert_eq!(curve.matches('M').count(), 2, "k = 9 is undefined: {curve}");
        // 0.22 at k = 2 and 0.7 at k = 50, on a scale from −0.2 to 0.8.
        assert!(curve.contains("d=\"M46.0 229.6") && curve.contains("L740.0 57.8\""), "{curve}");
        assert!(narrow.contains("viewBox=\"0 0 328 "), "{narrow}");
        assert!(!wide.contains("distinct rows<") && !wide.contains("<style"), "90 lies beyond 50: {wide}");
    }

    #[test]
    fn the_remark_says_where_the_distinct_rows_are() {
        assert!(remark(&comparison(90)).contains("90 distinct rows of attributes; the number lies beyond the chart, at k = 90"));
        assert!(remark(&comparison(45)).contains("45 distinct rows of attributes; the upright line marks the number"));
        assert_eq!(remark(&comparison(500)), "No two of the 500 faces have the same row of attributes.");
    }

    #[test]
    fn charts_of_little_are_drawn() {
        let mut little = comparison(2);
        little.curves.iter_mut().for_each(|curve| curve.points.truncate(1));
        little.curves[1].points[0].silhouette = None;
        let empty = Comparison { curves: Vec::new(), marks: Vec::new(), ..comparison(3) };
        let marks = Comparison { curves: Vec::new(), ..comparison(3) };
        for comparison in [little, empty, marks] {
            let svg = figure_five_svg(&comparison);
            assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.ends_with("</svg>\n"), "{svg}");
        }
    }
}
