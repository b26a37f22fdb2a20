//! Chooses the faces of a photograph that a use case works on, and cuts them out.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::finder::{FaceFinder, FaceOptions};
use crate::app::context::Context;
use crate::app::error::Error;
use crate::app::run_folder::write_file;
use crate::data::{FaceMark, Rgb8Image};
use crate::nn::face_detector::FaceAligner;
use crate::ops::AlignmentRecord;
use crate::profiles::Device;

/// Which part of a photograph a use case works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FaceSelection {
    /// The whole picture: it is an aligned face already, as CelebA's are.
    #[default]
    AsIs,
    /// The largest face, aligned.
    Largest,
    /// Every face, aligned.
    All,
}

/// A face that was cut out of a photograph.
#[derive(Debug, Clone)]
pub(in crate::app) struct Cut {
    /// Where the face lies in the photograph.
    pub mark: FaceMark,
    /// The part of the photograph that shows the face.
    pub part: Rgb8Image,
    /// How the face lies in this part.
    pub alignment: AlignmentRecord,
}

/// Finds faces and cuts out those that are selected.
pub struct FaceCutter<'a> {
    finder: FaceFinder<'a>,
    device: &'a Device,
    every: bool,
    landmarks: bool,
    pictures: Option<Pictures>,
}

/// Writes the pictures of aligned faces.
struct Pictures {
    aligner: FaceAligner,
    root: PathBuf,
    /// Name of the folder of the pictures in `root`; empty if it is `root` itself.
    name: String,
    /// The names that are used already, in lower case, because some file systems do not tell the case apart.
    used: HashSet<String>,
}

impl<'a> FaceCutter<'a> {
    /// Returns a cutter, or nothing if pictures are used as they are. Landmarks are kept if `landmarks` is set.
    ///
    /// # Errors
    /// The detector is not found or cannot be used, or an option makes no sense.
    pub fn open(
        device: &'a Device,
        selection: FaceSelection,
        options: FaceOptions,
        landmarks: bool,
    ) -> Result<Option<FaceCutter<'a>>, Error> {
        let every = match selection {
            FaceSelection::AsIs => return Ok(None),
            FaceSelection::Largest => false,
            FaceSelection::All => true,
        };
        Ok(Some(FaceCutter { finder: FaceFinder::open(device, options)?, device, every, landmarks, pictures: None }))
    }

    /// Returns this cutter so that it writes the picture of every face it cuts out to the folder `name` in `root`. The marks name
    /// the pictures relative to `root`.
    pub fn keeping_pictures(self, root: &Path, name: &str) -> FaceCutter<'a> {
        let (root, name) = (root.to_path_buf(), name.to_string());
        FaceCutter { pictures: Some(Pictures { aligner: FaceAligner::default(), root, name, used: HashSet::new() }), ..self }
    }

    /// Tells if smaller faces were asked for than the adapter's limits allow to find.
    pub(in crate::app) fn tell_limits(&self, context: &Context) {
        if let Some(least) = self.finder.limited() {
            context.note(format!(
                "in the largest photographs only faces of at least {least} pixels were looked for; this adapter's memory limits allow no finer \
                 search"
            ));
        }
    }

    /// Returns the path and the SHA-256 of the detector's file.
    pub fn detector_file(&self) -> (&Path, &str) {
        let (path, hash) = &self.finder.detector().file;
        (path, hash)
    }

    /// Returns the selected faces of a photograph, the largest first, and writes their pictures if they are kept. `label` is the
    /// photograph's path.
    ///
    /// # Errors
    /// The device fails, or a picture cannot be written.
    pub(in crate::app) fn cut(&mut self, label: &Path, photograph: &Rgb8Image) -> Result<Vec<Cut>, Error> {
        let mut found = self.finder.find(photograph)?;
        if !self.every {
            found.truncate(1);
        }
        let landmarks = self.landmarks;
        let cuts = found.iter().zip(0..).map(|(found, face)| {
            let (part, alignment) = found.alignment.cut(photograph);
            let mark = FaceMark {
                face,
                bounds: found.face.bounds,
                score: found.face.score,
                landmarks: landmarks.then_some(found.face.landmarks),
                aligned: None,
            };
            Cut { mark, part, alignment }
        });
        let mut cuts: Vec<Cut> = cuts.collect();
        if let Some(pictures) = &mut self.pictures {
            pictures.write(self.device, label, &mut cuts)?;
        }
        Ok(cuts)
    }
}

impl Pictures {
    /// Writes the pictures of a photograph's faces and names them in their marks.
    fn write(&mut self, device: &Device, label: &Path, cuts: &mut [Cut]) -> Result<(), Error> {
        if cuts.is_empty() {
            return Ok(());
        }
        let folder = self.root.join(&self.name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let parts: Vec<_> = cuts.iter().map(|cut| (cut.part.clone(), cut.alignment)).collect();
        let stem = label.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        for (cut, Rgb8Image { width, height, pixels }) in cuts.iter_mut().zip(self.aligner.aligned(device, &parts)?) {
            let mut name = format!("{stem}_{}.png", cut.mark.face);
            // Photographs of the same name can come from several folders.
            let mut copy = 1;
            while !self.used.insert(name.to_lowercase()) {
                copy += 1;
                name = format!("{stem}-{copy}_{}.png", cut.mark.face);
            }
            let mut png = Vec::new();
            PngEncoder::new(&mut png)
                .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
                .map_err(|error| Error::Unwritable { path: folder.join(&name), source: std::io::Error::other(error) })?;
            write_file(&folder.join(&name), &png)?;
            cut.mark.aligned = Some(if self.name.is_empty() { name } else { format!("{}/{name}", self.name) });
        }
        Ok(())
    }
}
