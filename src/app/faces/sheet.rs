//! Writes the aligned faces of photographs as pictures, with a table of where they were found.

use std::path::{Path, PathBuf};

use super::cut::{FaceCutter, FaceSelection};
use super::finder::FaceOptions;
use crate::app::context::Context;
use crate::app::error::Error;
use crate::app::left_out::{Failure, LeftOut, tell_left_out};
use crate::data::prefetch::decoding_threads;
use crate::data::{FaceMark, ImageSource, StoredOrientation, decode_ahead, image_name, write_face_marks};
use crate::profiles::Device;

/// Name of the table in the folder of aligned faces.
const TABLE: &str = "faces.csv";

/// The aligned faces of a list of photographs.
#[derive(Debug, Clone)]
pub struct FaceSheet {
    /// The name of the photograph of each face, and where it lies there. The pictures' names are relative to the folder.
    pub faces: Vec<(String, FaceMark)>,
    /// The photographs that were left out.
    pub left: LeftOut,
}

impl FaceSheet {
    /// Finds the faces in photographs, and writes each as a picture of 178 × 218 pixels to `folder`, and the table `faces.csv`.
    /// Photographs that cannot be used or show no face are reported and left out.
    ///
    /// # Errors
    /// The folder holds files already or cannot be written, no face is found, the device fails, or the context is cancelled.
    pub fn write(
        device: &Device,
        photographs: &[ImageSource],
        folder: &Path,
        (selection, options): (FaceSelection, FaceOptions),
        orientation: StoredOrientation,
        context: &Context,
    ) -> Result<FaceSheet, Error> {
        refuse_a_full_folder(folder)?;
        let Some(cutter) = FaceCutter::open(device, selection, options, true)? else {
            return Err(Error::Misuse("--faces as-is aligns nothing; choose largest or all".into()));
        };
        let mut cutter = cutter.keeping_pictures(folder, "");
        let (mut faces, mut left) = (Vec::new(), LeftOut::default());
        context.start("", "photographs", photographs.len());
        let threads = decoding_threads();
        for (index, decoded) in decode_ahead(photographs.to_vec(), threads, 2 * threads, orientation) {
            context.check("looking for faces")?;
            let label = photographs[index].label();
            match decoded {
                Ok(photograph) => {
                    let cuts = cutter.cut(&label, &photograph)?;
                    if cuts.is_empty() {
                        left.faceless.push(index);
                    }
                    faces.extend(cuts.into_iter().map(|cut| (image_name(&label), cut.mark)));
                }
                Err(error) => left.failures.push(Failure::new(index, &error)),
            }
            context.advance(index + 1);
        }
        context.finish();
        cutter.tell_limits(context);
        tell_left_out(photographs, &left, context);
        if faces.is_empty() {
            let images = photographs.len();
            return Err(if left.faceless.is_empty() { Error::NoImages } else { Error::NoFaces { images } });
        }
        write_face_marks(&folder.join(TABLE), &faces)?;
        Ok(FaceSheet { faces, left })
    }
}

/// Fails if a folder holds files, which the pictures of faces might replace.
fn refuse_a_full_folder(folder: &Path) -> Result<(), Error> {
    let path: PathBuf = folder.to_path_buf();
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Folder { path, source }),
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(Error::NotEmpty { path })),
    }
}
