//! `lineament augment`

use std::path::PathBuf;

use clap::Args;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use lineament::app::train::{AugmentationRanges, augmented_variants, sheet_of};
use lineament::app::{ensure_writable, refuse_overwriting, write_file};
use lineament::data::ImageSource;

use super::arguments::{GpuArguments, OrientationArguments};
use super::{Context, Outcome, Verdict};

/// Number of pictures on the sheet, and in each of its rows.
const VARIANTS: u32 = 10;
const COLUMNS: u32 = 5;

/// Show how augmentation changes an image: ten variants, as ten epochs of `train --augment paper` would use it
#[derive(Args)]
pub struct Augment {
    /// The image file
    image: PathBuf,
    /// Seed from which the variants are drawn
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Height and width of each variant, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 224, value_parser = clap::value_parser!(u32).range(1..=1024))]
    size: u32,
    /// PNG file to write the sheet of variants to
    #[arg(long, value_name = "SHEET.png")]
    out: PathBuf,
    #[command(flatten)]
    orientation: OrientationArguments,
    #[command(flatten)]
    device: GpuArguments,
}

impl Augment {
    pub fn run(&self, context: &Context) -> Verdict {
        refuse_overwriting([self.out.clone()], [self.image.as_path()])?;
        ensure_writable(&self.out)?;
        let image = ImageSource::File(self.image.clone()).decode(self.orientation.stored())?;
        let device = self.device.open(context)?;
        let variants = augmented_variants(&device, &image, &AugmentationRanges::PAPER, self.seed, self.size, VARIANTS)?;
        let sheet = sheet_of(&variants, COLUMNS);
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&sheet.pixels, sheet.width, sheet.height, ExtendedColorType::Rgb8)?;
        write_file(&self.out, &png)?;
        eprintln!("{}: {VARIANTS} variants of {}", self.out.display(), self.image.display());
        Ok(Outcome::Done)
    }
}
