//! The samples of a training: rows of features, or images that are decoded ahead of the GPU.

use sha2::{Digest, Sha256};

use super::augmentation::Augmentation;
use super::error::TrainError;
use super::features::FeatureTable;
use super::part::Samples;
use super::settings::{ClassWeights, TrainingSettings};
use crate::data::prefetch::Prefetch;
use crate::data::{ImageSource, StoredOrientation, UnreadableImage, decode_ahead};
use crate::nn::training::NetworkShape;
use crate::nn::{Normalisation, StoredImage};
use crate::ops::Interpolation;
use crate::plan::hexadecimal;

/// How images are resized in training, by the kernel that augments them.
const INTERPOLATION: Interpolation = Interpolation::Nearest;

/// The source of the samples.
#[derive(Debug, Clone, Copy)]
pub enum SampleSource<'a> {
    /// A row of features for each image.
    Features(&'a FeatureTable),
    /// The images themselves.
    Images {
        /// The images.
        images: &'a [ImageSource],
        /// Names and [versions](ImageSource::version) of the images, which identify the data.
        names: &'a [String],
        /// What to do with the orientation that a camera stored.
        orientation: StoredOrientation,
        /// How pixel values are scaled.
        normalisation: Normalisation,
    },
}

/// The data of a training.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// The source of the samples.
    pub source: SampleSource<'a>,
    /// Labels of 0 and 1, shape \[images, attributes\].
    pub labels: &'a [u8],
    /// Number of attributes.
    pub attributes: u32,
    /// Rows of the images on which the weights are trained.
    pub train_rows: &'a [u32],
    /// Rows of the images by which the best epoch is chosen.
    pub validation_rows: &'a [u32],
}

impl<'a> TrainingData<'a> {
    /// Returns how pixel values are scaled, or `None` if features are the input.
    pub fn normalisation(&self) -> Option<Normalisation> {
        match self.source {
            SampleSource::Features(_) => None,
            SampleSource::Images { normalisation, .. } => Some(normalisation),
        }
    }

    /// Returns the labels of some rows, smoothed to y (1 − s) + s / 2.
    pub(super) fn labels_of(&self, rows: &[u32], smoothing: f32) -> Vec<f32> {
        let attributes = self.attributes as usize;
        let of_row = |row: &u32| &self.labels[*row as usize * attributes..(*row as usize + 1) * attributes];
        let smooth = |label: &u8| f32::from(*label) * (1.0 - smoothing) + smoothing / 2.0;
        rows.iter().flat_map(of_row).map(smooth).collect()
    }

    /// Returns the weights of not having and of having each attribute, shape \[attributes\]. Returns `None` if all weights are
    /// equal.
    pub(super) fn class_weights(&self, weights: ClassWeights) -> Option<Vec<[f32; 2]>> {
        match weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(self.balanced_weights()),
        }
    }

    /// Returns n / (2 n_class) over the training images; 0 for a class that does not occur in them.
    fn balanced_weights(&self) -> Vec<[f32; 2]> {
        let (attributes, images) = (self.attributes as usize, self.train_rows.len());
        let mut having = vec![0usize; attributes];
        for row in self.train_rows {
            for (count, label) in having.iter_mut().zip(&self.labels[*row as usize * attributes..]) {
                *count += usize::from(*label);
            }
        }
        let weight = |of_class: usize| if of_class == 0 { 0.0 } else { (images as f64 / (2.0 * of_class as f64)) as f32 };
        having.into_iter().map(|having| [weight(images - having), weight(having)]).collect()
    }

    /// Returns the weights of the labels of some rows, shape \[rows, attributes\].
    pub(super) fn weights_of(&self, rows: &[u32], weights: &[[f32; 2]]) -> Vec<f32> {
        let attributes = self.attributes as usize;
        let of_row = |row: &u32| self.labels[*row as usize * attributes..].iter().zip(weights);
        rows.iter().flat_map(of_row).map(|(label, of_classes)| of_classes[usize::from(*label)]).collect()
    }

    /// Returns the batches of rows in the given order. Their images are decoded ahead on `threads` threads.
    /// Of large images only what a resize to `size` × `size` pixels reads is kept.
    pub(super) fn batches<'b>(&self, order: &'b [u32], batch: usize, threads: usize, size: u32) -> BatchStream<'b> {
        let images = match self.source {
            SampleSource::Features(_) => None,
            SampleSource::Images { images, orientation, .. } => {
                let images = order.iter().map(|row| images[*row as usize].clone()).collect();
                Some(decode_ahead(images, threads, 2 * batch, orientation))
            }
        };
        BatchStream { order, batch, size, images }
    }

    /// Refuses data that do not fit the network.
    pub(super) fn check(&self, shape: &NetworkShape) -> Result<(), TrainError> {
        let attributes = self.attributes as usize;
        let wrong = |problem: String, remedy| Err(TrainError::input(problem, remedy));
        let rows = match self.source {
            SampleSource::Features(table) => table.rows(),
            SampleSource::Images { images, .. } => images.len(),
        };
        if shape.head().attributes != self.attributes {
            let (network, data) = (shape.head().attributes, self.attributes);
            return wrong(format!("the network predicts {network} attributes, the data has {data}"), "use the same attributes");
        }
        if attributes == 0 || self.labels.len() != rows * attributes {
            let problem = format!("there are {} labels for {rows} images with {attributes} attributes", self.labels.len());
            return wrong(problem, "give one label for each image and attribute");
        }
        if let Some(at) = self.labels.iter().position(|label| *label > 1) {
            let (image, attribute, label) = (at / attributes, at % attributes, self.labels[at]);
            return wrong(format!("image {image} has the label {label} for attribute {attribute}"), "labels are 0 or 1");
        }
        for (what, chosen) in [("training", self.train_rows), ("validation", self.validation_rows)] {
            if chosen.is_empty() {
                return wrong(format!("there are no {what} images"), "check the partition of the data");
            }
            if let Some(row) = chosen.iter().find(|row| **row as usize >= rows) {
                return wrong(
                    format!("{what} image {row} is beyond the {rows} images of the data"),
                    "check the partition of the data",
                );
            }
        }
        Ok(())
    }

    /// Returns a hash that identifies the data: features or image names, labels and partition.
    pub(super) fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        match self.source {
            SampleSource::Features(table) => part(bytemuck::cast_slice(table.values())),
            SampleSource::Images { names, .. } => names.iter().for_each(|name| part(name.as_bytes())),
        }
        part(self.labels);
        part(bytemuck::cast_slice(self.train_rows));
        part(bytemuck::cast_slice(self.validation_rows));
        hexadecimal(hash.finalize())
    }
}

/// The batches of an epoch, in order.
pub(super) struct BatchStream<'a> {
    order: &'a [u32],
    batch: usize,
    size: u32,
    images: Option<Prefetch>,
}

/// The samples of a batch.
pub(super) struct Batch<'a> {
    /// Rows of the samples in the data.
    pub rows: &'a [u32],
    images: Vec<StoredImage<'static>>,
}

impl<'a> BatchStream<'a> {
    /// Returns the next batch. The last one may be smaller.
    pub(super) fn next(&mut self) -> Result<Batch<'a>, TrainError> {
        let (rows, rest) = self.order.split_at(self.batch.min(self.order.len()));
        self.order = rest;
        let images = match &mut self.images {
            None => Vec::new(),
            Some(decoded) => {
                let stored = |image| StoredImage::of(image, self.size, INTERPOLATION);
                let images = decoded.by_ref().take(rows.len());
                images.map(|(_, image)| image.map(stored).map_err(UnreadableImage)).collect::<Result<_, _>>()?
            }
        };
        Ok(Batch { rows, images })
    }
}

impl Batch<'_> {
    /// Returns some of the images of the batch.
    pub(super) fn images(&self, from: usize, count: usize) -> &[StoredImage<'static>] {
        self.images.get(from..from + count).unwrap_or_default()
    }

    /// Returns the transform of each image of the batch in an epoch.
    pub(super) fn augmentations(&self, settings: &TrainingSettings, epoch: u32, size: u32) -> Vec<Augmentation> {
        match settings.augmentation {
            None => self.unaugmented(),
            Some(ranges) => {
                self.rows.iter().map(|row| ranges.draw(settings.seed, epoch, u64::from(*row), [size, size])).collect()
            }
        }
    }

    /// Returns identity transforms for the images of the batch.
    pub(super) fn unaugmented(&self) -> Vec<Augmentation> {
        vec![Augmentation::IDENTITY; self.rows.len()]
    }

    /// Returns some of the samples of the batch for a session. `images` are the images of these samples, `augmentations` those of
    /// the whole batch.
    pub(super) fn part<'b>(
        &'b self,
        data: &TrainingData<'b>,
        from: usize,
        count: usize,
        images: &'b [StoredImage<'b>],
        augmentations: &'b [Augmentation],
    ) -> Samples<'b> {
        match data.source {
            SampleSource::Images { .. } => Samples::Images(images, &augmentations[from..from + count]),
            SampleSource::Features(table) => Samples::Rows(table, &self.rows[from..from + count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // Of the training images 0, 2, 4 and 5, one has the first attribute, all have the second, and none has the third.
        let labels = [1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0];
        let images = vec![ImageSource::File(std::path::PathBuf::from("face.png")); 6];
        let names = vec![String::from("face.png"); 6];
        let normalisation = Normalisation { scale: [1.0; 3], shift: [0.0; 3] };
        let data = TrainingData {
            source: SampleSource::Images {
                images: &images,
                names: &names,
                orientation: StoredOrientation::Applied,
                normalisation,
            },
            labels: &labels,
            attributes: 3,
            train_rows: &[0, 2, 4, 5],
            validation_rows: &[1, 3],
        };
        assert_eq!(data.class_weights(ClassWeights::None), None);
        // compute_class_weight("balanced", classes=[0, 1], y=[1, 0, 0, 0]) is [0.66666667, 2.0].
        let weights = data.class_weights(ClassWeights::Balanced).unwrap();
        assert_eq!(weights, [[4.0 / 6.0, 2.0], [0.0, 0.5], [0.5, 0.0]]);
        let of_rows = data.weights_of(&[5, 0, 1], &weights);
        assert_eq!(of_rows, [4.0 / 6.0, 0.5, 0.5, 2.0, 0.5, 0.5, 2.0, 0.0, 0.0]);
    }
}
