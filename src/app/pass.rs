//! Runs a network on many images, or on the faces in them, in batches.

use std::path::Path;

use super::context::Context;
use super::error::Error;
use super::faces::{Cut, FaceCutter};
use super::left_out::{Failure, LeftOut};
use crate::data::prefetch::decoding_threads;
use crate::data::{Crop, FaceMark, ImageSource, Rgb8Image, StoredOrientation, decode_ahead};
use crate::nn::{ImageRunner, ModelError, Started, StoredImage};
use crate::ops::AlignmentRecord;
use crate::profiles::Device;

/// What a place in a batch shows: an image, or a face in it.
struct Shown {
    index: usize,
    /// Width and height of the image before anything was left out.
    size: (u32, u32),
    image: StoredImage<'static>,
    face: Option<(FaceMark, AlignmentRecord)>,
}

/// A batch that is running on the device: its results, and for each place the index of the image and the face.
type Running = (Started, Vec<(usize, Option<FaceMark>)>);

/// The settings of a pass over images.
pub(super) struct Pass<'t> {
    pub images: Vec<ImageSource>,
    /// Number of images in a batch.
    pub batch: u32,
    pub crop: Option<Crop>,
    pub orientation: StoredOrientation,
    /// Name of the work, for the observer; may be empty.
    pub task: &'t str,
}

/// Runs every image, or every face that `cutter` finds, through the network in batches. Images are decoded in parallel ahead of
/// the GPU, and the next batch is submitted before the results of the last one are read. `use_row` receives the results in order.
/// Returns the images that were left out.
pub(super) fn run_images(
    device: &Device,
    runner: &mut ImageRunner,
    mut cutter: Option<&mut FaceCutter>,
    Pass { images, batch, crop, orientation, task }: Pass,
    context: &Context,
    mut use_row: impl FnMut(usize, Option<&FaceMark>, &[f32]),
) -> Result<LeftOut, Error> {
    context.start(task, "images", images.len());
    let batch = batch as usize;
    let (mut left, mut pending) = (LeftOut::default(), Vec::with_capacity(batch));
    let limit = device.capabilities().binding_bytes;
    // A photograph in which faces are looked for can be large, so fewer are decoded ahead.
    let ahead = if cutter.is_some() { 2 * decoding_threads() } else { 2 * batch };
    let mut decoded = decode_ahead(images.clone(), decoding_threads(), ahead, orientation);
    let mut started: Option<Running> = None;
    let mut use_rows = |runner: &ImageRunner, (started, shown): Running| {
        let rows = runner.finish(device, started)?;
        for ((index, mark), row) in shown.iter().zip(rows.chunks_exact(rows.len() / shown.len())) {
            use_row(*index, mark.as_ref(), row);
        }
        context.advance(shown.last().map_or(0, |(index, _)| index + 1));
        Ok::<(), ModelError>(())
    };
    loop {
        context.check("predicting")?;
        let next = decoded.next();
        let last = next.is_none();
        match next {
            Some((index, Ok(whole))) => {
                for shown in shown(runner, (index, &images[index]), whole, crop, cutter.as_deref_mut(), &mut left)? {
                    if shown.image.bytes() > limit {
                        let reason = too_large(&images[index].label(), shown.size, limit);
                        left.failures.push(Failure { index, reason, kind: "too large" });
                    } else {
                        pending.push(shown);
                    }
                }
            }
            Some((index, Err(error))) => left.failures.push(Failure::new(index, &error)),
            None => {}
        }
        // Large images would be run in several parts anyway. Not waiting for the others bounds the memory.
        let bytes = |pending: &[Shown]| pending.iter().map(|shown| shown.image.bytes()).sum::<u64>();
        while pending.len() >= batch || (!pending.is_empty() && (last || bytes(&pending) >= limit)) {
            let rest = pending.split_off(pending.len().min(batch));
            let next = submit(device, runner, std::mem::replace(&mut pending, rest))?;
            if let Some(before) = started.replace(next) {
                use_rows(runner, before)?;
            }
        }
        if last {
            if let Some(before) = started.take() {
                use_rows(runner, before)?;
            }
            context.finish();
            return Ok(left);
        }
    }
}

/// Returns what is shown of an image: the image or a part of it, or the faces that `cutter` finds.
fn shown(
    runner: &ImageRunner,
    (index, source): (usize, &ImageSource),
    whole: Rgb8Image,
    crop: Option<Crop>,
    cutter: Option<&mut FaceCutter>,
    left: &mut LeftOut,
) -> Result<Vec<Shown>, Error> {
    let Some(cutter) = cutter else {
        let image = if let Some(crop) = crop { crop.of(&whole) } else { whole };
        let size = (image.width, image.height);
        return Ok(vec![Shown { index, size, image: runner.stored(image), face: None }]);
    };
    let cuts = cutter.cut(&source.label(), &whole)?;
    if cuts.is_empty() {
        left.faceless.push(index);
    }
    let shown = |cut: Cut| Shown {
        index,
        size: (cut.part.width, cut.part.height),
        image: cut.part.into(),
        face: Some((cut.mark, cut.alignment)),
    };
    Ok(cuts.into_iter().map(shown).collect())
}

/// Submits a batch and returns it with what its places show.
fn submit(device: &Device, runner: &mut ImageRunner, batch: Vec<Shown>) -> Result<Running, ModelError> {
    let alignments: Vec<AlignmentRecord> = batch.iter().filter_map(|shown| Some(shown.face.as_ref()?.1)).collect();
    let (images, shown): (Vec<StoredImage>, Vec<_>) =
        batch.into_iter().map(|shown| (shown.image, (shown.index, shown.face.map(|(mark, _)| mark)))).unzip();
    Ok((runner.start_stored(device, &images, &alignments)?, shown))
}

fn too_large(path: &Path, (width, height): (u32, u32), limit: u64) -> String {
    let (path, most) = (path.display(), limit / 3_000_000);
    format!(
        "{path}: {width} × {height} pixels, more in its wide rows than the {most} megapixels that this adapter can process at \
         once; make the image smaller, or use --resize nearest"
    )
}
