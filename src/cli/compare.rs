//! `lineament compare`

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;
use lineament::app::{RunFolder, compare_methods, comparison_details, refuse_overwriting, write_comparison};
use lineament::cluster::{ComparedMethod, ComparisonSettings};

use super::arguments::{GpuArguments, one_of};
use super::cluster_options::{METHODS, RowArguments};
use super::display::cancel_on_interrupt;
use super::output::print_result;
use super::{Context, Outcome, Verdict};

/// Compare clustering methods over a range of cluster counts: the paper's figure 5
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    rows: RowArguments,
    /// Range of cluster counts to try (ignored by dbscan and optics)
    #[arg(long, value_name = "FIRST..LAST", value_parser = cluster_counts, default_value = "2..50")]
    k: RangeInclusive<usize>,
    /// Compare only these methods, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_parser = one_of(METHODS), value_delimiter = ',')]
    methods: Vec<ComparedMethod>,
    /// kmeans: number of random starts for each cluster count; the best result is kept
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: u32,
    /// kmeans, spectral: seed of the random starts
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Print the content of comparison.json instead of a table
    #[arg(long)]
    json: bool,
    /// Write comparison.json, comparison.csv and comparison.svg to this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

/// Reads a range of cluster counts such as `2..50`, both ends included, or a single count.
fn cluster_counts(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim_start_matches('=').parse::<usize>().ok();
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first >= 2 && first <= last => Ok(first..=last),
        _ => Err("expected a range of cluster counts such as 2..50, from 2 upwards".to_string()),
    }
}

impl Compare {
    pub fn run(&self, context: &Context) -> Verdict {
        let folders = [self.out.as_deref(), self.rows.run.as_deref()].into_iter().flatten();
        let written = ["comparison.json", "comparison.csv", "comparison.svg", "config.json"];
        let outputs = folders.flat_map(|folder| written.map(|name| folder.join(name)));
        let inputs = self.rows.files();
        refuse_overwriting(outputs, inputs.iter().map(PathBuf::as_path))?;
        let (rows, run) = self.rows.read(context)?;
        self.out.as_deref().map(RunFolder::create).transpose()?;
        let device = self.device.open(context)?;
        cancel_on_interrupt(&context.cancellation);
        let settings = ComparisonSettings {
            methods: if self.methods.is_empty() { ComparedMethod::ALL.to_vec() } else { self.methods.clone() },
            k: self.k.clone(),
            n_init: self.n_init,
            seed: self.seed,
            compress: rows.compress,
        };
        let comparison = compare_methods(&device, &rows, &settings, context)?;
        for folder in [self.out.as_deref(), self.rows.run.as_deref()].into_iter().flatten() {
            write_comparison(folder, &comparison)?;
        }
        if let Some(run) = &run {
            run.record("compare", Some(&device), comparison_details(&comparison), context)?;
        }
        print_result(self.json, &comparison, || {
            let (rows, columns, distinct) = (comparison.rows, comparison.select.len(), comparison.distinct_rows);
            let what = format!("Silhouette of {rows} rows of {columns} attributes, {distinct} of them distinct");
            format!("{what}\n\n{}\n{}", comparison.to_text(), comparison.remark())
        })?;
        Ok(Outcome::Done)
    }
}
