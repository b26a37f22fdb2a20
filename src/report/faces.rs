//! Reads the faces of each cluster. Every picture is decoded once, for its thumbnail, the mean face and the principal components.

use image::RgbImage;
use rayon::prelude::*;

use crate::data::{Crop, Rgb8Image, StoredOrientation};
use crate::profiles::Device;

use super::contact_sheet::Bounds;
use super::eigenface::{self, Eigenfaces};
use super::mean_face::{self, MeanFace};
use super::{FaceSource, ReportError, ReportInput, UnreadableImage, contact_sheet};

/// Largest number of clusters that a page shows in full. More would make the page unreadable and too large to send.
const GROUP_LIMIT: usize = 100;
/// Smallest number of faces that one task sums before the sums of tasks are merged.
const FACES_PER_TASK: usize = 8;
/// Largest number of typical faces, and of untypical faces, that a page shows per cluster. Pages with [`MANY`] clusters or
/// more show one of each.
const EXTREMES: usize = 3;
/// Number of clusters from which a page shows fewer typical and untypical faces.
const MANY: usize = 32;

/// The faces of one cluster, or the faces that belong to no cluster.
pub(super) struct Group {
    /// Number of the cluster in `clusters.json`, or `None` for the faces in no cluster.
    pub label: Option<usize>,
    /// Rows of the group's faces in `attributes.csv`, in ascending order.
    pub rows: Vec<usize>,
    /// The contact sheet: the first faces of `rows`, as many as fit. Empty if the page does not show the group in full.
    pub sheet: Vec<Portrait>,
    /// The faces with the largest silhouettes, in decreasing order, with their rows. Empty if there are no silhouettes.
    pub typical: Vec<(usize, Portrait)>,
    /// The faces with the smallest silhouettes, in increasing order, with their rows. Empty if there are no silhouettes.
    pub untypical: Vec<(usize, Portrait)>,
    /// The mean of the readable faces as a data URI, or `None` if no face is readable.
    pub mean_face: Option<String>,
    /// The principal components of the faces, if a GPU was available to compute them.
    pub eigenfaces: Option<Eigenfaces>,
    /// The faces whose pictures cannot be read, each with its row.
    pub unreadable: Vec<(usize, UnreadableImage)>,
    /// Whether the page shows the group in full.
    pub in_full: bool,
}

/// The thumbnail of one face.
#[derive(Clone)]
pub(super) struct Portrait {
    /// Name of the face in `attributes.csv`.
    pub name: String,
    /// The thumbnail as a data URI, or the reason why the picture cannot be read.
    pub picture: Result<String, String>,
}

impl Portrait {
    /// Shrinks a decoded face to fit in `within`, or keeps the reason why its picture cannot be read.
    ///
    /// # Errors
    /// Returns [`ReportError::Encode`] if the thumbnail cannot be encoded.
    fn new(name: &str, decoded: Result<RgbImage, String>, within: Bounds) -> Result<Portrait, ReportError> {
        let picture = match decoded {
            Ok(face) => Ok(contact_sheet::thumbnail(&face, within)?),
            Err(reason) => Err(reason),
        };
        Ok(Portrait { name: name.to_string(), picture })
    }
}

/// Reads the faces of all clusters. The groups are sorted by decreasing size, then by number; the faces in no cluster come last.
///
/// Returns no groups if the input has no clusters, and groups without principal components if `device` is `None`. A picture that
/// cannot be decoded is listed in its group.
///
/// # Errors
/// Returns [`ReportError::Encode`] if a thumbnail cannot be encoded, and [`ReportError::Components`] if the GPU cannot compute
/// the principal components.
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
    let sheet = Sheet { capacity, extremes, within: Bounds::of_page(thumbnails) };
    // Reads one cluster after the other, so that memory holds the faces of one cluster only. The faces within a cluster are
    // read in parallel.
    selected
        .into_iter()
        .map(|(in_full, label, rows)| match in_full {
            true => read_group(input, device, label, rows, sheet),
            false => Ok(Group::new(label, rows, false)),
        })
        .collect()
}

/// Returns the number of typical faces to show per cluster on a page with `clusters` clusters.
fn extremes(clusters: usize) -> usize {
    if clusters < MANY { EXTREMES } else { 1 }
}

/// How many faces a page shows of each cluster, and how large.
#[derive(Clone, Copy)]
struct Sheet {
    /// Largest number of faces in the contact sheet.
    capacity: usize,
    /// Largest number of typical faces, and of untypical faces.
    extremes: usize,
    /// Largest size of a thumbnail.
    within: Bounds,
}

impl Group {
    fn new(label: Option<usize>, rows: Vec<usize>, in_full: bool) -> Group {
        let (typical, untypical, sheet, unreadable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Group { label, rows, sheet, typical, untypical, mean_face: None, eigenfaces: None, unreadable, in_full }
    }
}

/// Returns the rows of a cluster's most typical faces, which have the largest silhouettes, and of its least typical faces.
///
/// Both lists hold at most `count` rows and start with the most extreme face. No face is in both. Among equal silhouettes, the
/// face with the smaller row counts as more typical.
fn typical_rows(rows: &[usize], silhouettes: &[f32], count: usize) -> (Vec<usize>, Vec<usize>) {
    let count = count.min(rows.len() / 2);
    if silhouettes.is_empty() || count == 0 {
        return Default::default();
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| silhouettes[*b].total_cmp(&silhouettes[*a]));
    (sorted[..count].to_vec(), sorted.iter().rev().take(count).copied().collect())
}

/// Returns all images that could not be read, in the order of `attributes.csv`.
pub(super) fn unreadable(groups: &[Group]) -> Vec<UnreadableImage> {
    let mut found: Vec<_> = groups.iter().flat_map(|group| &group.unreadable).collect();
    found.sort_by_key(|(row, _)| *row);
    found.into_iter().map(|(_, image)| image.clone()).collect()
}

/// The data that one task gathers from a range of a group's faces, in the order of the faces.
struct Gathered {
    sum: MeanFace,
    sheet: Vec<Portrait>,
    /// The typical and the untypical faces, with their rows.
    extremes: Vec<(usize, Portrait)>,
    /// Pixels of the faces from which principal components are computed.
    pixels: Vec<u8>,
    unreadable: Vec<(usize, UnreadableImage)>,
}

/// Reads one face and returns its thumbnail, or the reason why the picture cannot be read.
///
/// # Errors
/// Returns [`ReportError::Encode`] if the thumbnail cannot be encoded.
pub(super) fn portrait(
    face: &FaceSource,
    crop: Option<Crop>,
    orientation: StoredOrientation,
    within: Bounds,
) -> Result<Portrait, ReportError> {
    Portrait::new(&face.name, decode_face(face, crop, orientation), within)
}

/// Decodes the part of a picture that the network received as input. The error says why the picture cannot be shown.
fn decode_face(face: &FaceSource, crop: Option<Crop>, orientation: StoredOrientation) -> Result<RgbImage, String> {
    let source = face.file.as_ref().map_err(String::clone)?;
    let whole = source.decode(orientation).map_err(|error| error.to_string())?;
    let Rgb8Image { width, height, pixels } = if let Some(crop) = crop { crop.of(&whole) } else { whole };
    RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| format!("{}: the picture has fewer pixels than its size requires", source.label().display()))
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
        .with_min_len(FACES_PER_TASK)
        .try_fold(empty, |mut gathered, (position, &row)| {
            let source = &input.images[row];
            let decoded = decode_face(source, input.crop, input.orientation);
            match &decoded {
                Ok(face) => {
                    gathered.sum.add(face);
                    if sampled.binary_search(&position).is_ok() {
                        gathered.pixels.extend(eigenface::pixels(face));
                    }
                }
                Err(reason) => {
                    let image = UnreadableImage { name: source.name.clone(), reason: reason.clone() };
                    gathered.unreadable.push((row, image));
                }
            }
            let is_extreme = typical.contains(&row) || untypical.contains(&row);
            if position < sheet.capacity || is_extreme {
                let portrait = Portrait::new(&source.name, decoded, sheet.within)?;
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
