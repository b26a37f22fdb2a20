//! The activations of a batch of images, and the split of a batch into dispatches that fit the adapter's binding limit.

use std::ops::Range;

use crate::ops::padded_channels;
use crate::plan::{ALIGNMENT, Plan, Precision, View};

/// The activations of a batch: a tensor \[batch, height, width, channels\] with channels padded to a multiple of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activations {
    /// The part of a tensor that holds them.
    pub view: View,
    /// Number of images.
    pub batch: u32,
    /// Height and width in pixels.
    pub extent: [u32; 2],
    /// Number of channels with padding, a multiple of four.
    pub channels: u32,
    /// The precision at which they are stored.
    pub precision: Precision,
}

impl Activations {
    /// Declares activations in a new transient tensor. `channels` is padded to a multiple of four.
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

    /// Returns the number of pixels of an image.
    pub fn positions(&self) -> u32 {
        self.extent[0] * self.extent[1]
    }

    /// Returns the number of bytes of an image.
    pub fn image_bytes(&self) -> u64 {
        self.precision.bytes() * u64::from(self.positions()) * u64::from(self.channels)
    }

    /// Returns the view of a range of images.
    pub fn images(&self, range: &Range<u32>) -> View {
        let each = self.image_bytes();
        let offset = self.view.offset + each * u64::from(range.start);
        View { tensor: self.view.tensor, offset, bytes: each * u64::from(range.end - range.start) }
    }
}

/// Splits a batch into as few dispatches as possible such that the images of each dispatch fit a binding of `binding_bytes`
/// bytes in all of `tensors`. Returns the range of images of each dispatch.
///
/// All dispatches but the last have the same number of images, and each starts at a multiple of [`ALIGNMENT`] bytes. If no
/// split fits, the whole batch is returned as one dispatch, and [`Plan::check`] later reports the tensor that is too large.
pub fn dispatches(binding_bytes: u64, tensors: &[Activations]) -> Vec<Range<u32>> {
    let batch = tensors.first().map_or(0, |tensor| tensor.batch);
    let fits = |images: u32| tensors.iter().all(|tensor| u64::from(images) * tensor.image_bytes() <= binding_bytes);
    let aligned = |images: u32| tensors.iter().all(|tensor| u64::from(images) * tensor.image_bytes() % ALIGNMENT == 0);
    let split = || (1..batch).rev().find(|images| fits(*images) && aligned(*images));
    let images = if fits(batch) { batch } else { split().unwrap_or(batch) };
    (0..batch).step_by(images.max(1) as usize).map(|first| first..(first + images).min(batch)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_at_aligned_offsets() {
        let mut plan = Plan::new("test");
        let large = Activations::transient(&mut plan, "large", Precision::F32, 64, [112, 112], 96);
        let small = Activations::transient(&mut plan, "small", Precision::F32, 64, [7, 7], 10);
        assert_eq!((large.image_bytes(), small.channels, small.image_bytes()), (4_816_896, 12, 2352));
        let whole = 0..64;
        assert_eq!(dispatches(1 << 30, &[large, small]), std::slice::from_ref(&whole));
        // 27 images of the large tensor fit 128 MiB. In the small one, only every sixteenth image starts at a multiple of 256
        // bytes.
        assert_eq!(dispatches(128 << 20, &[large]), [0..27, 27..54, 54..64]);
        assert_eq!(dispatches(128 << 20, &[large, small]), [0..16, 16..32, 32..48, 48..64]);
        assert_eq!(dispatches(1 << 20, &[large]), std::slice::from_ref(&whole));
        let view = large.images(&(27..54));
        assert_eq!((view.offset % 256, view.offset, view.bytes), (0, 27 * 4_816_896, 27 * 4_816_896));
    }
}
