//! `lineament augment`

use std::path::PathBuf;

use clap::Args;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use lineament::app::ensure_writable;
use lineament::app::train::{AugmentationRanges, augmented_variants, sheet_of};
use lineament::data::decode;

use super::arguments::GpuArguments;
use super::display::Display;
use super::output::write_out;
use super::{Outcome, Verdict};

/// Pictures on the sheet, and in a row of it.
const VARIANTS: u32 = 10;
const COLUMNS: u32 = 5;

/// Show what augmentation makes of an image: ten variants, as ten epochs of training would see it
#[derive(Args)]
pub struct Augment {
    /// The image
    image: PathBuf,
    /// What the variants are drawn from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Height and width of a variant, in pixels
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(1..=1024))]
    size: u32,
    /// The contact sheet, a PNG
    #[arg(long, value_name = "SHEET.png")]
    out: PathBuf,
    #[command(flatten)]
    device: GpuArguments,
}

impl Augment {
    pub fn run(&self) -> Verdict {
        ensure_writable(&self.out)?;
        let image = decode(&self.image)?;
        let display = Display::default();
        let device = self.device.open(&display.context())?;
        let variants = augmented_variants(&device, &image, &AugmentationRanges::PAPER, self.seed, self.size, VARIANTS)?;
        let sheet = sheet_of(&variants, COLUMNS);
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&sheet.pixels, sheet.width, sheet.height, ExtendedColorType::Rgb8)?;
        write_out(Some(&self.out), &png)?;
        eprintln!("{}: {VARIANTS} variants of {}", self.out.display(), self.image.display());
        Ok(Outcome::Done)
    }
}
