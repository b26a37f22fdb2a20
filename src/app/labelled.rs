//! Opens labelled images, and selects labels and images.

use std::path::{Path, PathBuf};

use super::context::Context;
use crate::data::attributes::{CELEBA_ATTRIBUTES, resolve};
use crate::data::celeba::is_celeba;
use crate::data::labels::{LabelOptions, LabelledFolder, UnknownLabels, open_labelled};
use crate::data::{DataError, Dataset, Partition, open_celeba};
use crate::nn::Model;

/// Selects labels and images.
#[derive(Debug, Clone, Default)]
pub struct LabelSelection {
    /// Path of the label CSV; `None` takes `labels.csv` in the data folder.
    pub labels: Option<PathBuf>,
    /// The attributes to use. If it is empty, all columns of a label CSV are used, and for CelebA the attributes that the caller
    /// names.
    pub attributes: Vec<String>,
    /// Whether to drop rows of a label CSV that contain −1 ("unsure") instead of refusing them.
    pub drop_unsure: bool,
    /// Whether to drop images that have none of the attributes; the cosine loss learns nothing from them.
    pub drop_zero: bool,
}

impl LabelSelection {
    /// Opens CelebA as it is distributed, or a folder of images with a label CSV. If the selection names no attributes, those in
    /// `of_celeba` are used for CelebA. If a label CSV has no partitions, `seed` draws them.
    ///
    /// # Errors
    /// The data or their labels cannot be used. The message names the line.
    pub fn open(&self, data: &Path, of_celeba: &[&str], seed: u64, context: &Context) -> Result<LabelledFolder, DataError> {
        let mut folder = self.read(data, of_celeba, seed, context)?;
        if self.drop_zero {
            context.note(format!("{} images without any of the attributes were dropped", folder.dataset.drop_zero()));
        }
        Ok(folder)
    }

    fn read(&self, data: &Path, of_celeba: &[&str], seed: u64, context: &Context) -> Result<LabelledFolder, DataError> {
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
            context.note(format!("{} rows with unsure labels were dropped", folder.dropped));
        }
        if folder.unlisted > 0 {
            let unlisted = folder.unlisted;
            context.note(format!("{unlisted} images have no row in the label list and are not used"));
        }
        Ok(folder)
    }
}

/// Returns those of CelebA's attributes that a model predicts.
pub fn celeba_attributes_of(model: &Model) -> Vec<&'static str> {
    CELEBA_ATTRIBUTES.into_iter().filter(|name| model.attributes.iter().any(|one| one == name)).collect()
}

/// Checks that data have images for training and validation, and reports how many.
///
/// # Errors
/// A partition is empty.
pub fn check_training_data(path: &Path, data: &Dataset, context: &Context) -> Result<(), DataError> {
    data.require(path, &[Partition::Train, Partition::Validation])?;
    let constant = data.constant_attributes(Partition::Train);
    if !constant.is_empty() {
        let names = constant.join(", ");
        let text = format!("all training images have the same label for {names}, so nothing can be learnt about it");
        context.send(super::Event::Warning(text));
    }
    let [train, validation] = [Partition::Train, Partition::Validation].map(|partition| data.indices_of(partition).len());
    let attributes = data.attributes.len();
    context.message(format!("data: {train} training images, {validation} validation images, {attributes} attributes"));
    Ok(())
}
