//! Buffers of the device: allocating, writing and reading back.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{DeviceError, Gpu};

/// Smallest size of a staging buffer in bytes. Small reads grow over time, for example the losses of an epoch; this avoids
/// allocating a new buffer each time.
const SMALLEST_STAGING: u64 = 64 << 10;

/// A buffer on the device. Clones share the memory.
#[derive(Debug, Clone)]
pub struct Buffer(pub(super) wgpu::Buffer);

impl Buffer {
    /// Returns the buffer's size in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.size()
    }
}

/// A copy from the device that may not be complete yet.
#[must_use]
pub struct PendingRead {
    submission: wgpu::SubmissionIndex,
    staging: wgpu::Buffer,
    bytes: u64,
}

/// Number of staging buffers to keep: one for the read that is waited for and one for the next read.
const STAGING_BUFFERS: usize = 2;

impl PendingRead {
    /// Waits until the copy is complete and returns its values.
    ///
    /// # Errors
    /// Returns the device's error.
    pub fn take<T: bytemuck::Pod>(self, gpu: &Gpu) -> Result<Vec<T>, DeviceError> {
        let values = gpu.map(&self.staging, self.bytes, Some(self.submission))?;
        let mut spare = gpu.staging.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(self.staging);
        if spare.len() > STAGING_BUFFERS {
            spare.sort_by_key(|staging| std::cmp::Reverse(staging.size()));
            spare.truncate(STAGING_BUFFERS);
        }
        Ok(values)
    }
}

impl Gpu {
    /// Allocates a storage buffer of `bytes` bytes, rounded up to a multiple of four. It is filled with zeros.
    ///
    /// # Errors
    /// Returns [`DeviceError::OutOfMemory`] if the adapter has not enough memory or does not support buffers of this size.
    pub fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer, DeviceError> {
        self.allocate(label, bytes, wgpu::BufferUsages::STORAGE)
    }

    /// Allocates a uniform buffer of `bytes` bytes, rounded up to a multiple of four. Uniform buffers hold `Params`.
    ///
    /// # Errors
    /// Returns the errors of [`Gpu::buffer`].
    pub fn uniform_buffer(&self, label: &str, bytes: u64) -> Result<Buffer, DeviceError> {
        self.allocate(label, bytes, wgpu::BufferUsages::UNIFORM)
    }

    fn allocate(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer, DeviceError> {
        let size = bytes.max(4).next_multiple_of(4);
        if size > self.limits().max_buffer_size {
            return Err(DeviceError::OutOfMemory { what: label.to_string(), bytes: size });
        }
        let usage = usage | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.count(size);
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer =
            self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false });
        match pollster::block_on(scope.pop()) {
            None => Ok(Buffer(buffer)),
            Some(_) => Err(DeviceError::OutOfMemory { what: label.to_string(), bytes: size }),
        }
    }

    /// Writes `bytes` to `buffer` from byte `offset` on. Work that is submitted later sees them. A number of bytes that is not a
    /// multiple of four is filled up with zeros.
    pub fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) {
        let whole = bytes.len() / 4 * 4;
        self.queue.write_buffer(&buffer.0, offset, &bytes[..whole]);
        if whole < bytes.len() {
            let mut tail = [0; 4];
            tail[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue.write_buffer(&buffer.0, offset + whole as u64, &tail);
        }
    }

    /// Waits until all writes have reached the device, so that the host's copies of the data are freed.
    ///
    /// # Errors
    /// Returns the device's error.
    pub fn flush(&self) -> Result<(), DeviceError> {
        self.queue.submit([]);
        self.wait()
    }

    /// Waits for the GPU and returns `bytes` bytes of `buffer` from byte `offset` on. The number of bytes is rounded up to a
    /// multiple of four.
    ///
    /// # Errors
    /// Returns the device's error.
    pub fn read<T: bytemuck::Pod>(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<Vec<T>, DeviceError> {
        self.read_later(buffer, offset, bytes).take(self)
    }

    /// Submits a copy of `bytes` bytes of `buffer` from byte `offset` on, without waiting for it. The copy holds the state after
    /// all work submitted so far, so later work may overwrite the buffer.
    pub fn read_later(&self, buffer: &Buffer, offset: u64, bytes: u64) -> PendingRead {
        let size = bytes.next_multiple_of(4);
        let spare = {
            let mut spare = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
            let place = spare.iter().position(|staging| staging.size() >= size);
            place.map(|place| spare.swap_remove(place))
        };
        let staging = spare.unwrap_or_else(|| self.staging_buffer(size));
        let mut encoder = self.encoder("read back");
        encoder.copy_buffer_to_buffer(&buffer.0, offset, &staging, 0, size);
        PendingRead { submission: self.submit(encoder), staging, bytes: size }
    }

    /// Creates a staging buffer of at least `size` bytes, rounded up so that later reads are likely to fit.
    fn staging_buffer(&self, size: u64) -> wgpu::Buffer {
        let limit = self.limits().max_buffer_size;
        let size = size.next_power_of_two().max(SMALLEST_STAGING).min(limit / 4 * 4).max(size);
        self.count(size);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Allocates a staging buffer for reads of up to `bytes` bytes, unless there is one. Later reads then allocate nothing.
    pub fn prepare_reads(&self, bytes: u64) {
        let mut spare = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.iter().all(|staging| staging.size() < bytes) {
            *spare = vec![self.staging_buffer(bytes.next_multiple_of(4))];
        }
    }

    /// Returns the number of buffers allocated so far. Tests use it to show that a run allocates nothing.
    pub fn buffers_made(&self) -> u64 {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Returns the total size in bytes of all buffers allocated so far, including those that were freed.
    pub fn bytes_made(&self) -> u64 {
        self.buffer_bytes.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: u64) {
        self.buffers.fetch_add(1, Ordering::Relaxed);
        self.buffer_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Waits for a submission, or for all of them, and returns the first `bytes` bytes of a mappable buffer.
    pub(super) fn map<T: bytemuck::Pod>(
        &self,
        staging: &wgpu::Buffer,
        bytes: u64,
        submission: Option<wgpu::SubmissionIndex>,
    ) -> Result<Vec<T>, DeviceError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            // The receiver is gone only if waiting failed. That error is reported instead.
            let _ = sender.send(result);
        });
        self.wait_for(submission)?;
        let refused = |reason: String| DeviceError::Validation { reason };
        receiver.recv().map_err(|error| refused(error.to_string()))?.map_err(|error| refused(error.to_string()))?;
        let range = staging.get_mapped_range(..bytes).map_err(|error| refused(error.to_string()))?;
        let values = bytemuck::pod_collect_to_vec(&range);
        drop(range);
        staging.unmap();
        Ok(values)
    }
}
