//! Replaces photographs by pictures of their largest faces, so that work on pictures of faces can take photographs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cut::{FaceCutter, FaceSelection};
use super::finder::FaceOptions;
use crate::app::context::Context;
use crate::app::error::Error;
use crate::app::left_out::{LeftOut, tell_left_out};
use crate::app::run_folder::write_json;
use crate::data::json::read_if_present;
use crate::data::prefetch::decoding_threads;
use crate::data::{Dataset, ImageSource, StoredOrientation, decode_ahead};
use crate::nn::face_detector::FRAME;
use crate::profiles::Device;

/// Name of the file that records from what the pictures were made.
const RECORD: &str = "made_from.json";

/// From what the pictures of a folder were made, and which photograph has which picture.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// What decides how the pictures look: the detector, its options, and the photographs with their versions.
    made_from: Vec<String>,
    /// The picture of each photograph: its name, or nothing if the photograph shows no face.
    pictures: Vec<Option<String>>,
}

/// Writes the picture of the largest face of each photograph to a folder, and returns where the pictures are, in the order of the
/// photographs: nothing for a photograph without a face. A photograph that cannot be read stands for itself, so that whoever uses
/// it reports it. Photographs without a face are told. Pictures that were made before from the same photographs are kept.
///
/// # Errors
/// The folder cannot be written, no face is found, the device fails, or the context is cancelled.
pub(in crate::app) fn largest_faces(
    device: &Device,
    photographs: &[ImageSource],
    folder: &Path,
    options: FaceOptions,
    orientation: StoredOrientation,
    context: &Context,
) -> Result<Vec<Option<ImageSource>>, Error> {
    let Some(cutter) = FaceCutter::open(device, FaceSelection::Largest, options, false)? else {
        unreachable!("a cutter of the largest faces cuts")
    };
    let mut made_from = vec![cutter.detector_file().1.to_owned(), format!("{options:?} {orientation:?} {FRAME:?}")];
    made_from.extend(photographs.iter().map(|one| format!("{} {}", one.label().display(), one.version())));
    let path = folder.join(RECORD);
    let known: Option<Record> = read_if_present(&path, "a record of aligned faces", "remove the folder")?;
    let known = known.filter(|known| known.made_from == made_from && known.pictures.len() == photographs.len());
    let is_there = |name: &String| folder.join(name).is_file();
    let pictures = match known.filter(|known| known.pictures.iter().flatten().all(is_there)) {
        Some(known) => {
            context.message(format!("{}: using the aligned faces that were made before", folder.display()));
            known.pictures
        }
        None => {
            let pictures = cut_all(cutter.keeping_pictures(folder, ""), photographs, orientation, context)?;
            write_json(&path, &Record { made_from, pictures: pictures.clone() })?;
            pictures
        }
    };
    let faceless: Vec<usize> = (0..photographs.len()).filter(|index| pictures[*index].is_none()).collect();
    if faceless.len() == photographs.len() {
        return Err(Error::NoFaces { images: photographs.len() });
    }
    tell_left_out(photographs, &LeftOut { faceless, ..LeftOut::default() }, context);
    let source = |(picture, photograph): (Option<String>, &ImageSource)| match picture.as_deref() {
        Some("") => Some(photograph.clone()),
        Some(name) => Some(ImageSource::File(folder.join(name))),
        None => None,
    };
    Ok(pictures.into_iter().zip(photographs).map(source).collect())
}

/// Returns the name of the picture of each photograph: empty for a photograph that cannot be read.
fn cut_all(
    mut cutter: FaceCutter,
    photographs: &[ImageSource],
    orientation: StoredOrientation,
    context: &Context,
) -> Result<Vec<Option<String>>, Error> {
    let threads = decoding_threads();
    let mut pictures = Vec::with_capacity(photographs.len());
    context.start("finding faces", "photographs", photographs.len());
    for (index, decoded) in decode_ahead(photographs.to_vec(), threads, 2 * threads, orientation) {
        context.check("looking for faces")?;
        pictures.push(match decoded {
            Ok(photograph) => {
                let cuts = cutter.cut(&photographs[index].label(), &photograph)?;
                cuts.into_iter().next().and_then(|cut| cut.mark.aligned)
            }
            Err(_) => Some(String::new()),
        });
        context.advance(index + 1);
    }
    context.finish();
    cutter.tell_limits(context);
    Ok(pictures)
}

/// Replaces the images of a data set by pictures of their largest faces in a folder, and removes the images without a face.
/// Returns how many were removed.
///
/// # Errors
/// The folder cannot be written, no face is found, the device fails, or the context is cancelled.
pub fn align_dataset(
    device: &Device,
    data: &mut Dataset,
    folder: PathBuf,
    options: FaceOptions,
    orientation: StoredOrientation,
    context: &Context,
) -> Result<usize, Error> {
    let faces = largest_faces(device, &data.images, &folder, options, orientation, context)?;
    let keep: Vec<bool> = faces.iter().map(Option::is_some).collect();
    data.retain(&keep);
    data.images = faces.into_iter().flatten().collect();
    Ok(keep.len() - data.len())
}
