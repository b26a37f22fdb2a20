//! `lineament faces`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{FaceSelection, FaceSheet};
use lineament::data::{FoundImages, find_images};

use super::arguments::{Choices, FinderArguments, GpuArguments, OrientationArguments, one_of};
use super::output::tell_left_out;
use super::{Context, Outcome, Verdict};

/// Find the faces in photographs and write them aligned, as CelebA's faces are
#[derive(Args)]
pub struct Faces {
    /// Photographs, or folders of photographs
    #[arg(required = true)]
    photographs: Vec<PathBuf>,
    /// Folder to write the faces to, as PNG files of 178 × 218 pixels, and faces.csv, which says where each was found. The folder
    /// must be empty or not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which faces of each photograph are written
    #[arg(long, value_name = "WHICH", value_parser = one_of(SELECTIONS), default_value = "all")]
    faces: FaceSelection,
    /// Exit with status 0 although some photographs show no face
    #[arg(long)]
    allow_no_face: bool,
    #[command(flatten)]
    finder: FinderArguments,
    #[command(flatten)]
    orientation: OrientationArguments,
    #[command(flatten)]
    device: GpuArguments,
}

const SELECTIONS: &Choices<FaceSelection> =
    &[("largest", "The largest face", FaceSelection::Largest), ("all", "Every face", FaceSelection::All)];

impl Faces {
    pub fn run(&self, context: &Context) -> Verdict {
        let FoundImages { images: photographs, left_out } = find_images(&self.photographs)?;
        tell_left_out(&left_out);
        let device = self.device.open(context)?;
        let how = (self.faces, self.finder.options());
        let sheet = FaceSheet::write(&device, &photographs, &self.out, how, self.orientation.stored(), context)?;
        eprintln!("{}: {} faces of {} photographs", self.out.display(), sheet.faces.len(), photographs.len());
        let all_show_faces = self.allow_no_face || sheet.left.faceless.is_empty();
        Ok(Outcome::complete(sheet.left.failures.is_empty() && all_show_faces))
    }
}
