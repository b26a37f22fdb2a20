//! Labelled images on the command line, for training and for evaluation.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use lineament::data::attributes::{CELEBA_ATTRIBUTES, resolve};
use lineament::data::celeba::is_celeba;
use lineament::data::labels::{LabelOptions, LabelledFolder, UnknownLabels, open_labelled};
use lineament::data::open_celeba;

/// Which images with which labels.
#[derive(Args)]
pub struct DataArguments {
    /// CelebA as it is distributed (its folder, or a zip archive of its images), or a folder of images with a label CSV
    #[arg(long)]
    pub data: PathBuf,
    #[command(flatten)]
    pub labels: LabelArguments,
}

/// Which labels of the images, and which images.
#[derive(Args, Clone)]
pub struct LabelArguments {
    /// The label CSV, if it is not DATA/labels.csv
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Only these attributes, separated by commas [default: all columns of a label CSV; of CelebA the paper's 37, or those
    /// that the model predicts]
    #[arg(long, value_delimiter = ',')]
    pub attributes: Vec<String>,
    /// Drop rows of a label CSV that hold -1 for "unsure" beside 0 and 1, instead of refusing them
    #[arg(long)]
    drop_unsure: bool,
    /// Drop images that have none of the attributes; the cosine loss learns nothing from them
    #[arg(long)]
    drop_zero: bool,
}

impl LabelArguments {
    /// Opens the data at a path. Of CelebA `of_celeba` are taken where the user names no attributes; `seed` draws the partition of a
    /// label CSV that has none.
    pub fn open(&self, data: &Path, of_celeba: &[&str], seed: u64) -> Result<LabelledFolder, Box<dyn Error>> {
        let mut folder = self.read(data, of_celeba, seed)?;
        if self.drop_zero {
            eprintln!("note: {} images without any of the attributes were dropped", folder.dataset.drop_zero());
        }
        Ok(folder)
    }

    fn read(&self, data: &Path, of_celeba: &[&str], seed: u64) -> Result<LabelledFolder, Box<dyn Error>> {
        if self.labels.is_none() && is_celeba(data) {
            let named: Vec<&str> = self.attributes.iter().map(String::as_str).collect();
            let names = if named.is_empty() { of_celeba } else { &named };
            let dataset = open_celeba(data, &resolve(names, &CELEBA_ATTRIBUTES)?)?;
            return Ok(LabelledFolder { dataset, dropped: 0, unlisted: 0, partitioned: true });
        }
        let unknown = if self.drop_unsure { UnknownLabels::DropRow } else { UnknownLabels::Refuse };
        let attributes = Some(self.attributes.clone()).filter(|names| !names.is_empty());
        let folder = open_labelled(data, self.labels.as_deref(), &LabelOptions { attributes, unknown, seed })?;
        if folder.dropped > 0 {
            eprintln!("note: {} rows with unsure labels were dropped", folder.dropped);
        }
        if folder.unlisted > 0 {
            eprintln!("note: {} images beside those of the label list have no row in it and are not used", folder.unlisted);
        }
        Ok(folder)
    }
}
