//! Draws the roofline of a profile (Williams, Waterman and Patterson 2009): every kernel below the limits of arithmetic and
//! memory.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use super::{Group, Profile};

const SVG: &str = include_str!("roofline.svg");
const PAGE: &str = include_str!("roofline.html");

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
/// The plotting area: left, right, top, bottom.
const AREA: [f64; 4] = [64.0, 836.0, 20.0, 460.0];
/// Radius of a point whose kernel takes all the time. The areas of points are proportional to their times.
const LARGEST_RADIUS: f64 = 36.0;
const COLOURS: [&str; 8] = ["#0b6e99", "#b3541e", "#3a7d34", "#7a4fa3", "#a8323e", "#5d6b12", "#1e6f6a", "#8a5a00"];

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct Point {
    x: f64,
    y: f64,
    radius: f64,
    label_at: f64,
    colour: &'static str,
    name: String,
    words: String,
}

/// The values that the chart's template shows.
#[derive(Serialize)]
struct Chart {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    title: String,
    description: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    roof: String,
    roof_label: String,
    roof_label_at: f64,
    points: Vec<Point>,
}

/// The values that the page's template shows.
#[derive(Serialize)]
struct Page {
    title: String,
    description: String,
    svg: String,
    rows: Vec<[String; 9]>,
    version: &'static str,
}

/// A logarithmic axis between two powers of two.
struct Axis {
    from: f64,
    to: f64,
    ends: [f64; 2],
}

impl Axis {
    /// Returns an axis from the power of two below the smallest value to the one above the largest.
    fn around(values: impl Iterator<Item = f64>, ends: [f64; 2]) -> Axis {
        let (mut least, mut most) = (f64::INFINITY, 0.0f64);
        for value in values.filter(|value| *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if !least.is_finite() {
            (least, most) = (1.0, 2.0);
        }
        Axis { from: least.log2().floor(), to: most.log2().ceil().max(least.log2().floor() + 1.0), ends }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.max(f64::MIN_POSITIVE).log2() - self.from) / (self.to - self.from);
        round(self.ends[0] + part.clamp(0.0, 1.0) * (self.ends[1] - self.ends[0]))
    }

    fn ticks(&self) -> Vec<Tick> {
        let label = |power: i32| {
            if power >= 0 { format!("{}", 2f64.powi(power)) } else { format!("1/{}", 2f64.powi(-power)) }
        };
        (self.from as i32..=self.to as i32).map(|power| Tick { at: self.at(2f64.powi(power)), label: label(power) }).collect()
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the chart as SVG: the roof, and a point for each kernel whose area is its share of the time.
///
/// # Errors
/// None in practice, because the template is part of the program.
pub fn roofline_svg(profile: &Profile) -> Result<String, minijinja::Error> {
    let groups: Vec<Group> = profile.groups(|step| step.kernel.to_string()).into_iter().filter(|group| group.flops > 0).collect();
    let [left, right, top, bottom] = AREA;
    let (peak, slope) = (profile.ceilings.flops_a_second / 1e9, profile.ceilings.bytes_a_second / 1e9);
    let ridge = peak / slope;
    let x = Axis::around(groups.iter().map(|group| group.intensity).chain([ridge / 2.0, ridge * 2.0]), [left, right]);
    let y = Axis::around(groups.iter().map(|group| group.flops_a_second / 1e9).chain([peak]), [bottom, top]);
    // The slope enters the area at its left edge or at its bottom.
    let start = 2f64.powf(x.from).max(2f64.powf(y.from) / slope);
    let roof = [start, ridge, 2f64.powf(x.to)].map(|at| format!("{},{}", x.at(at), y.at((at * slope).min(peak)))).join(" ");
    let points: Vec<Point> = groups
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(group, colour)| {
            let radius = round((LARGEST_RADIUS * group.share.sqrt()).max(3.0));
            let (x, y) = (x.at(group.intensity), y.at(group.flops_a_second / 1e9));
            Point { x, y, radius, label_at: round(y - radius - 4.0), colour, name: group.name.clone(), words: words(group) }
        })
        .collect();
    let chart = Chart {
        width: WIDTH,
        height: HEIGHT,
        left,
        right,
        top,
        bottom,
        title: title(profile),
        description: description(profile),
        x_ticks: x.ticks(),
        y_ticks: y.ticks(),
        roof,
        roof_label: format!("{peak:.1} GFLOP/s, {slope:.1} GB/s"),
        roof_label_at: round(y.at(peak) - 6.0),
        points,
    };
    environment()?.get_template("roofline.svg")?.render(Serde(&chart))
}

/// Returns an HTML page with the chart and the table of kernels and variants.
///
/// # Errors
/// The same as [`roofline_svg`].
pub fn roofline_page(profile: &Profile) -> Result<String, minijinja::Error> {
    let svg = roofline_svg(profile)?;
    let groups = profile.groups(|step| format!("{} {}", step.kernel, step.variant));
    let rows: Vec<[String; 9]> = groups.iter().chain([&profile.total()]).map(cells).collect();
    let page = Page { title: title(profile), description: description(profile), svg, rows, version: env!("CARGO_PKG_VERSION") };
    environment()?.get_template("roofline.html")?.render(Serde(&page))
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    // Names of steps and kernels are text, so both templates escape them.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("roofline.svg", SVG)?;
    environment.add_template("roofline.html", PAGE)?;
    Ok(environment)
}

fn title(profile: &Profile) -> String {
    format!("Roofline: {}", profile.name)
}

fn description(profile: &Profile) -> String {
    format!(
        "Each kernel of this workload ({}) by its arithmetic intensity and speed, below the limits of arithmetic and memory that were \
         measured on this adapter. A point's area is its share of the time. The times are medians of {} runs by {}.",
        profile.name, profile.runs, profile.clock
    )
}

fn words(group: &Group) -> String {
    format!(
        "{}: {:.1} GFLOP/s at {:.2} flop/byte, {:.1} % of its ceiling, {:.1} % of the time",
        group.name,
        group.flops_a_second / 1e9,
        group.intensity,
        100.0 * group.share_of_ceiling,
        100.0 * group.share
    )
}

fn cells(group: &Group) -> [String; 9] {
    [
        group.name.clone(),
        group.calls.to_string(),
        format!("{:.3}", 1e3 * group.seconds),
        format!("{:.1}", 100.0 * group.share),
        format!("{:.1}", group.flops_a_second / 1e9),
        format!("{:.2}", group.bytes_a_second / 1e9),
        format!("{:.2}", group.intensity),
        format!("{:.1}", 100.0 * group.share_of_ceiling),
        group.bound.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::small;
    use super::*;

    #[test]
    fn points_lie_below_the_roof_and_within_the_area() {
        let svg = roofline_svg(&small()).expect("a chart");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("pointwise") && !svg.contains("{{"));
        let page = roofline_page(&small()).expect("a page");
        assert!(page.contains("<svg") && page.contains("all steps"));
    }

    #[test]
    fn an_axis_holds_its_values_between_powers_of_two() {
        let axis = Axis::around([0.3, 5.0].into_iter(), [0.0, 100.0]);
        assert_eq!((axis.from, axis.to), (-2.0, 3.0));
        assert_eq!((axis.at(0.25), axis.at(8.0), axis.at(1e9)), (0.0, 100.0, 100.0));
        assert_eq!(axis.ticks().len(), 6);
        assert_eq!(Axis::around(std::iter::empty(), [0.0, 1.0]).ticks().len(), 2);
    }
}
