//! Reading the faces of each cluster: every picture is decoded once, for its thumbnail and for the mean face.

use std::path::Path;

use image::RgbImage;
use rayon::prelude::*;

use crate::data::{Crop, Rgb8Image, decode};

use super::mean_face::{self, MeanFace};
use super::{FaceSource, ReportError, ReportInput, UnreadableImage, contact_sheet};

/// Clusters that a page shows in full; more would make it unreadable and too large to send.
const GROUP_LIMIT: usize = 100;
/// Faces whose pictures one thread sums before the sums of threads are merged.
const FACES_A_THREAD: usize = 8;

/// The faces of one cluster, or those without a cluster.
pub(super) struct Group {
    /// Number of the cluster in `clusters.json`, or nothing for noise.
    pub label: Option<usize>,
    /// Rows of its faces in `attributes.csv`, ascending.
    pub rows: Vec<usize>,
    /// Its contact sheet: the first faces of `rows`, as many as fit; empty beyond the clusters shown in full.
    pub sheet: Vec<Portrait>,
    /// The mean of its readable faces as a data URI, if there are any.
    pub mean_face: Option<String>,
    /// Its faces whose picture cannot be read: row, name and reason.
    pub unreadable: Vec<(usize, UnreadableImage)>,
    /// Whether the page shows it in full.
    pub in_full: bool,
}

/// One picture of a contact sheet.
pub(super) struct Portrait {
    /// Name as in `attributes.csv`.
    pub name: String,
    /// The thumbnail as a data URI, or why there is none.
    pub picture: Result<String, String>,
}

/// Reads the faces of all clusters, sorted by falling size, then by number; faces without a cluster come last. Without a
/// clustering there are none.
///
/// # Errors
/// [`ReportError::Encode`] if a picture cannot be encoded; one that cannot be decoded is noted in its group.
pub(super) fn read(input: &ReportInput) -> Result<Vec<Group>, ReportError> {
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
    let sheets = selected.iter().filter(|(in_full, _, rows)| *in_full && !rows.is_empty()).count();
    let capacity = contact_sheet::capacity(sheets);
    selected
        .into_par_iter()
        .map(|(in_full, label, rows)| {
            if in_full {
                read_group(input, label, rows, capacity)
            } else {
                Ok(Group { label, rows, sheet: Vec::new(), mean_face: None, unreadable: Vec::new(), in_full })
            }
        })
        .collect()
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
    unreadable: Vec<(usize, UnreadableImage)>,
}

/// The thumbnail of one face, or why there is none.
///
/// # Errors
/// [`ReportError::Encode`] if the picture cannot be encoded.
pub(super) fn portrait(FaceSource { name, file }: &FaceSource, crop: Option<Crop>) -> Result<Portrait, ReportError> {
    let picture = match file.as_ref().map_err(String::clone).and_then(|path| decode_face(path, crop)) {
        Ok(face) => Ok(contact_sheet::thumbnail(&face)?),
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

fn read_group(input: &ReportInput, label: Option<usize>, rows: Vec<usize>, capacity: usize) -> Result<Group, ReportError> {
    let empty = || Gathered { sum: MeanFace::new(mean_face::SIZE), sheet: Vec::new(), unreadable: Vec::new() };
    let gathered = rows
        .par_iter()
        .enumerate()
        .with_min_len(FACES_A_THREAD)
        .try_fold(empty, |mut gathered, (position, &row)| {
            let FaceSource { name, file } = &input.images[row];
            let decoded = file.as_ref().map_err(String::clone).and_then(|path| decode_face(path, input.crop));
            match &decoded {
                Ok(face) => gathered.sum.add(face),
                Err(reason) => {
                    let image = UnreadableImage { name: name.clone(), reason: reason.clone() };
                    gathered.unreadable.push((row, image));
                }
            }
            if position < capacity {
                let picture = match decoded {
                    Ok(face) => Ok(contact_sheet::thumbnail(&face)?),
                    Err(reason) => Err(reason),
                };
                gathered.sheet.push(Portrait { name: name.clone(), picture });
            }
            Ok::<_, ReportError>(gathered)
        })
        .try_reduce(empty, |mut left, mut right| {
            left.sheet.append(&mut right.sheet);
            left.unreadable.append(&mut right.unreadable);
            Ok(Gathered { sum: left.sum.merge(&right.sum), sheet: left.sheet, unreadable: left.unreadable })
        })?;
    Ok(Group {
        label,
        rows,
        sheet: gathered.sheet,
        mean_face: gathered.sum.data_uri()?,
        unreadable: gathered.unreadable,
        in_full: true,
    })
}
