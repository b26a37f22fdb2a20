//! Reading the faces of each cluster: every picture is decoded once, for its thumbnail, the mean face and the components.

use std::path::Path;

use image::RgbImage;
use rayon::prelude::*;

use crate::data::{Crop, Rgb8Image, decode};
use crate::profiles::Device;

use super::contact_sheet::Box;
use super::eigenface::{self, Eigenfaces};
use super::mean_face::{self, MeanFace};
use super::{FaceSource, ReportError, ReportInput, UnreadableImage, contact_sheet};

/// Clusters that a page shows in full; more would make it unreadable and too large to send.
const GROUP_LIMIT: usize = 100;
/// Faces whose pictures one thread sums before the sums of threads are merged.
const FACES_A_THREAD: usize = 8;
/// Faces that a page shows as typical of a cluster, and as many as untypical, at most; one where there are many clusters.
const EXTREMES: usize = 3;
/// Clusters from which there are many.
const MANY: usize = 32;

/// The faces of one cluster, or those without a cluster.
pub(super) struct Group {
    /// Number of the cluster in `clusters.json`, or nothing for noise.
    pub label: Option<usize>,
    /// Rows of its faces in `attributes.csv`, ascending.
    pub rows: Vec<usize>,
    /// Its contact sheet: the first faces of `rows`, as many as fit; empty beyond the clusters shown in full.
    pub sheet: Vec<Portrait>,
    /// Its faces that sit best in it by silhouette, the best first, with their rows; empty without silhouettes.
    pub typical: Vec<(usize, Portrait)>,
    /// Those that sit worst in it, the worst first.
    pub untypical: Vec<(usize, Portrait)>,
    /// The mean of its readable faces as a data URI, if there are any.
    pub mean_face: Option<String>,
    /// Its principal components, if there was an adapter to compute them.
    pub eigenfaces: Option<Eigenfaces>,
    /// Its faces whose picture cannot be read: row, name and reason.
    pub unreadable: Vec<(usize, UnreadableImage)>,
    /// Whether the page shows it in full.
    pub in_full: bool,
}

/// One picture of a contact sheet.
#[derive(Clone)]
pub(super) struct Portrait {
    /// Name as in `attributes.csv`.
    pub name: String,
    /// The thumbnail as a data URI, or why there is none.
    pub picture: Result<String, String>,
}

/// Reads the faces of all clusters, sorted by falling size, then by number; faces without a cluster come last. Without a
/// clustering there are none, without an adapter no components.
///
/// # Errors
/// [`ReportError::Encode`] if a picture cannot be encoded, [`ReportError::Components`] if the adapter fails; a picture that
/// cannot be decoded is noted in its group.
pub(super) fn read(input: &ReportInput, device: Option<&Device>) -> Result<Vec<Group>, ReportError> {
    let Some(clusters) = &input.clusters else { return Ok(Vec::new()) };
    let mut members: Vec<(Option<usize>, Vec<usize>)> = (0..clusters.k).map(|label| (Some(label), Vec::new())).collect();
    let mut noise = Vec::new();
    for (row, &label) in clusters.labels.iter().enumerate() {
        match usize::try_from(label).ok().and_then(|label| members.get_mut(label)) {
            Some((_, rows)) => rows.push(row),
            None => noise.push(row),
        }
    }
    members.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let in_full = members.len().min(GROUP_LIMIT);
    let mut selected: Vec<(bool, Option<usize>, Vec<usize>)> =
        members.into_iter().enumerate().map(|(rank, (label, rows))| (rank < in_full, label, rows)).collect();
    if !noise.is_empty() {
        selected.push((true, None, noise));
    }
    let shown: Vec<usize> =
        selected.iter().filter(|(in_full, _, rows)| *in_full && !rows.is_empty()).map(|(_, _, rows)| rows.len()).collect();
    let capacity = contact_sheet::capacity(shown.len());
    let extremes = if clusters.silhouette_samples.is_empty() { 0 } else { extremes(shown.len()) };
    let thumbnails = shown.iter().map(|faces| faces.min(&capacity) + (faces / 2).min(extremes) * 2).sum();
    let sheet = Sheet { capacity, extremes, within: Box::of_page(thumbnails) };
    // One cluster after the other, so that memory holds the faces of one; those of a cluster are read in parallel.
    selected
        .into_iter()
        .map(|(in_full, label, rows)| match in_full {
            true => read_group(input, device, label, rows, sheet),
            false => Ok(Group::new(label, rows, false)),
        })
        .collect()
}

/// Faces shown as typical of each of some clusters.
fn extremes(clusters: usize) -> usize {
    if clusters < MANY { EXTREMES } else { 1 }
}

/// What a page shows of each cluster.
#[derive(Clone, Copy)]
struct Sheet {
    /// Faces of the contact sheet, at most.
    capacity: usize,
    /// Typical faces, and untypical ones, at most.
    extremes: usize,
    /// How large the pictures are.
    within: Box,
}

impl Group {
    fn new(label: Option<usize>, rows: Vec<usize>, in_full: bool) -> Group {
        let (typical, untypical, sheet, unreadable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Group { label, rows, sheet, typical, untypical, mean_face: None, eigenfaces: None, unreadable, in_full }
    }
}

/// The rows of a cluster's most and least typical faces by their silhouettes, the most and the least typical first. No face is
/// both; of equals the first is the more typical.
fn typical_rows(rows: &[usize], silhouettes: &[f32], count: usize) -> (Vec<usize>, Vec<usize>) {
    let count = count.min(rows.len() / 2);
    if silhouettes.is_empty() || count == 0 {
        return Default::default();
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| silhouettes[*b].total_cmp(&silhouettes[*a]));
    (sorted[..count].to_vec(), sorted.iter().rev().take(count).copied().collect())
}

/// All images that could not be read, in the order of `attributes.csv`.
pub(super) fn unreadable(groups: &[Group]) -> Vec<UnreadableImage> {
    let mut found: Vec<_> = groups.iter().flat_map(|group| &group.unreadable).collect();
    found.sort_by_key(|(row, _)| *row);
    found.into_iter().map(|(_, image)| image.clone()).collect()
}

/// What one thread gathers from some faces of a group, in their order.
struct Gathered {
    sum: MeanFace,
    sheet: Vec<Portrait>,
    /// The typical and the untypical ones.
    extremes: Vec<(usize, Portrait)>,
    /// Pixels of those of which the components are computed.
    pixels: Vec<u8>,
    unreadable: Vec<(usize, UnreadableImage)>,
}

/// The thumbnail of one face, or why there is none.
///
/// # Errors
/// [`ReportError::Encode`] if the picture cannot be encoded.
pub(super) fn portrait(FaceSource { name, file }: &FaceSource, crop: Option<Crop>, within: Box) -> Result<Portrait, ReportError> {
    let picture = match file.as_ref().map_err(String::clone).and_then(|path| decode_face(path, crop)) {
        Ok(face) => Ok(contact_sheet::thumbnail(&face, within)?),
        Err(reason) => Err(reason),
    };
    Ok(Portrait { name: name.clone(), picture })
}

/// The part of a face's picture that the network looked at, or why it cannot be shown.
fn decode_face(path: &Path, crop: Option<Crop>) -> Result<RgbImage, String> {
    let whole = decode(path).map_err(|error| error.to_string())?;
    let Rgb8Image { width, height, pixels } = if let Some(crop) = crop { crop.of(&whole) } else { whole };
    RgbImage::from_raw(width, height, pixels).ok_or_else(|| format!("{}: fewer pixels than its size says", path.display()))
}

fn read_group(
    input: &ReportInput,
    device: Option<&Device>,
    label: Option<usize>,
    rows: Vec<usize>,
    sheet: Sheet,
) -> Result<Group, ReportError> {
    let silhouettes = input.clusters.as_ref().map_or(&[][..], |clusters| &clusters.silhouette_samples);
    let (typical, untypical) = typical_rows(&rows, silhouettes, sheet.extremes);
    let sampled = if device.is_some() { eigenface::chosen(rows.len()) } else { Vec::new() };
    let empty = || Gathered {
        sum: MeanFace::new(mean_face::SIZE),
        sheet: Vec::new(),
        extremes: Vec::new(),
        pixels: Vec::new(),
        unreadable: Vec::new(),
    };
    let gathered = rows
        .par_iter()
        .enumerate()
        .with_min_len(FACES_A_THREAD)
        .try_fold(empty, |mut gathered, (position, &row)| {
            let FaceSource { name, file } = &input.images[row];
            let decoded = file.as_ref().map_err(String::clone).and_then(|path| decode_face(path, input.crop));
            match &decoded {
                Ok(face) => {
                    gathered.sum.add(face);
                    if sampled.binary_search(&position).is_ok() {
                        gathered.pixels.extend(eigenface::pixels(face));
                    }
                }
                Err(reason) => {
                    let image = UnreadableImage { name: name.clone(), reason: reason.clone() };
                    gathered.unreadable.push((row, image));
                }
            }
            let is_extreme = typical.contains(&row) || untypical.contains(&row);
            if position < sheet.capacity || is_extreme {
                let picture = match decoded {
                    Ok(face) => Ok(contact_sheet::thumbnail(&face, sheet.within)?),
                    Err(reason) => Err(reason),
                };
                let portrait = Portrait { name: name.clone(), picture };
                if is_extreme {
                    gathered.extremes.push((row, portrait.clone()));
                }
                if position < sheet.capacity {
                    gathered.sheet.push(portrait);
                }
            }
            Ok::<_, ReportError>(gathered)
        })
        .try_reduce(empty, |mut left, mut right| {
            left.sheet.append(&mut right.sheet);
            left.extremes.append(&mut right.extremes);
            left.pixels.append(&mut right.pixels);
            left.unreadable.append(&mut right.unreadable);
            Ok(Gathered { sum: left.sum.merge(&right.sum), ..left })
        })?;
    let portraits = |wanted: &[usize]| {
        wanted.iter().filter_map(|row| gathered.extremes.iter().find(|(found, _)| found == row).cloned()).collect()
    };
    Ok(Group {
        typical: portraits(&typical),
        untypical: portraits(&untypical),
        mean_face: gathered.sum.data_uri()?,
        eigenfaces: device.map(|device| eigenface::eigenfaces(device, &gathered.pixels)).transpose()?,
        sheet: gathered.sheet,
        unreadable: gathered.unreadable,
        ..Group::new(label, rows, true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typical_faces_are_those_of_the_greatest_silhouettes_and_none_is_both() {
        let silhouettes = [0.1, 0.9, -0.5, 0.9, 0.3, 0.0];
        assert_eq!(typical_rows(&[0, 1, 2, 3, 4, 5], &silhouettes, 3), (vec![1, 3, 4], vec![2, 5, 0]));
        assert_eq!(typical_rows(&[0, 2, 4], &silhouettes, 3), (vec![4], vec![2]));
        assert_eq!(typical_rows(&[3], &silhouettes, 3), (vec![], vec![]));
        assert_eq!(typical_rows(&[0, 1], &[], 3), (vec![], vec![]));
    }
}
