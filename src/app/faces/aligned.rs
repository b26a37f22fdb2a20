//! Looks at pictures that are used as they are, and warns if they are not aligned faces.

use super::finder::{FaceFinder, FaceOptions, FoundFace};
use crate::app::context::Context;
use crate::app::error::Error;
use crate::data::{ImageSource, Rgb8Image, StoredOrientation};
use crate::nn::face_detector::{FRAME, TARGETS};
use crate::profiles::Device;

/// Number of pictures that are looked at.
const SAMPLE: usize = 5;

/// The largest distance of eyes and mouth from where they lie in an aligned face, as a share of the picture's width and height.
/// The mean over the three is compared. A model still works on portraits that are cropped somewhat wider than CelebA's.
const FARTHEST: f64 = 0.2;

/// Looks at a few of the pictures and warns if most of those that can be read are not aligned faces.
///
/// # Errors
/// The device fails, or the context is cancelled.
pub(in crate::app) fn look_at_pictures(
    device: &Device,
    pictures: &[ImageSource],
    orientation: StoredOrientation,
    context: &Context,
) -> Result<(), Error> {
    let mut finder = match FaceFinder::open(device, FaceOptions::default()) {
        Ok(finder) => finder,
        Err(error) => {
            context.note(format!("whether the pictures are aligned faces is not checked: {error}"));
            return Ok(());
        }
    };
    let (mut seen, mut others) = (0, Vec::new());
    let step = pictures.len().div_ceil(SAMPLE).max(1);
    for picture in pictures.iter().step_by(step) {
        context.check("predicting")?;
        // Whoever uses the pictures reports those that cannot be read.
        let Ok(image) = picture.decode(orientation) else { continue };
        seen += 1;
        if !finder.find(&image)?.first().is_some_and(|found| is_aligned(found, &image)) {
            others.push(picture.label());
        }
    }
    if let Some(first) = others.first().filter(|_| 2 * others.len() > seen) {
        context.send(crate::app::event::Event::Warning(format!(
            "{} of {seen} pictures that were looked at, such as {}, are not aligned faces, and predictions for them may be no better \
             than chance; --faces largest or --faces all finds and aligns the faces in photographs",
            others.len(),
            first.display()
        )));
    }
    Ok(())
}

/// Returns whether a face lies in its picture about as CelebA's faces do.
fn is_aligned(found: &FoundFace, picture: &Rgb8Image) -> bool {
    let [height, width] = FRAME.map(f64::from);
    let distances = TARGETS.map(|target| {
        let [x, y] = found.alignment.place(target);
        let wanted = [target[0] / width, target[1] / height];
        (x / f64::from(picture.width) - wanted[0]).hypot(y / f64::from(picture.height) - wanted[1])
    });
    distances.iter().sum::<f64>() / 3.0 <= FARTHEST
}
