//! Activations of a batch of images, and how a batch is cut where an adapter cannot bind it whole.

use std::ops::Range;

use crate::ops::padded_channels;
use crate::plan::{ALIGNMENT, Plan, Precision, View};

/// The activations of a batch: \[batch, height, width, channels\] in one tensor, channels padded to a multiple of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activations {
    /// Where they lie.
    pub view: View,
    /// Images.
    pub batch: u32,
    /// Height and width.
    pub extent: [u32; 2],
    /// Channels, a multiple of four.
    pub channels: u32,
    /// What they are stored as.
    pub precision: Precision,
}

impl Activations {
    /// A transient tensor of a plan; `channels` is padded.
    pub fn transient(
        plan: &mut Plan,
        label: &str,
        precision: Precision,
        batch: u32,
        extent: [u32; 2],
        channels: u32,
    ) -> Activations {
        let channels = padded_channels(channels);
        let bytes = precision.bytes() * u64::from(batch) * u64::from(extent[0] * extent[1]) * u64::from(channels);
        Activations { view: plan.transient(label, bytes), batch, extent, channels, precision }
    }

    /// Pixels of an image.
    pub fn positions(&self) -> u32 {
        self.extent[0] * self.extent[1]
    }

    /// Bytes of an image.
    pub fn image_bytes(&self) -> u64 {
        self.precision.bytes() * u64::from(self.positions()) * u64::from(self.channels)
    }

    /// Some of the images.
    pub fn images(&self, range: &Range<u32>) -> View {
        let each = self.image_bytes();
        let offset = self.view.offset + each * u64::from(range.start);
        View { tensor: self.view.tensor, offset, bytes: each * u64::from(range.end - range.start) }
    }
}

/// The images of a batch in as few dispatches as it takes for each of `tensors` to fit a binding of `binding_bytes`; all
/// but the last have the same number of images, and each starts where every adapter can bind it. Where no cut helps, the
/// batch stays whole and the plan's check names what does not fit.
pub fn dispatches(binding_bytes: u64, tensors: &[Activations]) -> Vec<Range<u32>> {
    let batch = tensors.first().map_or(0, |tensor| tensor.batch);
    let fits = |images: u32| tensors.iter().all(|tensor| u64::from(images) * tensor.image_bytes() <= binding_bytes);
    let aligned = |images: u32| tensors.iter().all(|tensor| u64::from(images) * tensor.image_bytes() % ALIGNMENT == 0);
    let cut = || (1..batch).rev().find(|images| fits(*images) && aligned(*images));
    let images = if fits(batch) { batch } else { cut().unwrap_or(batch) };
    (0..batch).step_by(images.max(1) as usize).map(|first| first..(first + images).min(batch)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_where_every_adapter_can_bind_it() {
        let mut plan = Plan::new("test");
        let large = Activations::transient(&mut plan, "large", Precision::F32, 64, [112, 112], 96);
        let small = Activations::transient(&mut plan, "small", Precision::F32, 64, [7, 7], 10);
        assert_eq!((large.image_bytes(), small.channels, small.image_bytes()), (4_816_896, 12, 2352));
        let whole = 0..64;
        assert_eq!(dispatches(1 << 30, &[large, small]), std::slice::from_ref(&whole));
        // 27 images fit 128 MiB; those of the small tensor start at multiples of 256 bytes only every sixteenth.
        assert_eq!(dispatches(128 << 20, &[large]), [0..27, 27..54, 54..64]);
        assert_eq!(dispatches(128 << 20, &[large, small]), [0..16, 16..32, 32..48, 48..64]);
        assert_eq!(dispatches(1 << 20, &[large]), std::slice::from_ref(&whole));
        let view = large.images(&(27..54));
        assert_eq!((view.offset % 256, view.offset, view.bytes), (0, 27 * 4_816_896, 27 * 4_816_896));
    }
}
