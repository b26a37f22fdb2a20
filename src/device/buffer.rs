//! Buffers and the way to and from them.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{DeviceError, Gpu};

/// The smallest buffer to read back through: what is read grows with the steps of an epoch.
const SMALLEST_STAGING: u64 = 64 << 10;

/// A storage buffer on the device; cloning shares it.
#[derive(Debug, Clone)]
pub struct Buffer(pub(super) wgpu::Buffer);

impl Buffer {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.0.size()
    }
}

/// Bytes on their way back from the device.
#[must_use]
pub struct PendingRead {
    submission: wgpu::SubmissionIndex,
    staging: wgpu::Buffer,
    bytes: u64,
}

/// Buffers that are kept to read back through: one for what is waited for, one for what follows it.
const KEPT_STAGING: usize = 2;

impl PendingRead {
    /// Waits until they are there, as numbers of any four-byte kind.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn take<T: bytemuck::Pod>(self, gpu: &Gpu) -> Result<Vec<T>, DeviceError> {
        let values = gpu.map(&self.staging, self.bytes, Some(self.submission))?;
        let mut kept = gpu.staging.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(self.staging);
        if kept.len() > KEPT_STAGING {
            kept.sort_by_key(|staging| std::cmp::Reverse(staging.size()));
            kept.truncate(KEPT_STAGING);
        }
        Ok(values)
    }
}

impl Gpu {
    /// A zeroed storage buffer that can be copied to and from.
    ///
    /// # Errors
    /// [`DeviceError::OutOfMemory`] where the adapter has not enough, or takes no buffer of this size.
    pub fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer, DeviceError> {
        self.allocate(label, bytes, wgpu::BufferUsages::STORAGE)
    }

    /// A buffer for `Params`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
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

    /// Copies `bytes` to `buffer` before whatever is submitted next; a tail short of four bytes is filled with zeros.
    pub fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) {
        let whole = bytes.len() / 4 * 4;
        self.queue.write_buffer(&buffer.0, offset, &bytes[..whole]);
        if whole < bytes.len() {
            let mut tail = [0; 4];
            tail[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue.write_buffer(&buffer.0, offset + whole as u64, &tail);
        }
    }

    /// Submits what was written and waits until it is there, so that it is held only once.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn flush(&self) -> Result<(), DeviceError> {
        self.queue.submit([]);
        self.wait()
    }

    /// Waits for the GPU and copies `bytes` bytes back, as numbers of any four-byte kind.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn read<T: bytemuck::Pod>(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<Vec<T>, DeviceError> {
        self.read_later(buffer, offset, bytes).take(self)
    }

    /// Copies `bytes` bytes aside once everything submitted so far is done, without waiting for that: what is submitted next may
    /// write the buffer again.
    pub fn read_later(&self, buffer: &Buffer, offset: u64, bytes: u64) -> PendingRead {
        let size = bytes.next_multiple_of(4);
        let kept = {
            let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
            let place = kept.iter().position(|staging| staging.size() >= size);
            place.map(|place| kept.swap_remove(place))
        };
        let staging = kept.unwrap_or_else(|| self.staging_buffer(size));
        let mut encoder = self.encoder("read back");
        encoder.copy_buffer_to_buffer(&buffer.0, offset, &staging, 0, size);
        PendingRead { submission: self.submit(encoder), staging, bytes: size }
    }

    /// A buffer to read back through, large enough for others to come.
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

    /// Makes the buffer to read back through large enough for reads of `bytes` bytes.
    pub fn prepare_reads(&self, bytes: u64) {
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().all(|staging| staging.size() < bytes) {
            *kept = vec![self.staging_buffer(bytes.next_multiple_of(4))];
        }
    }

    /// How many buffers were made so far: it stands still where nothing is allocated.
    pub fn buffers_made(&self) -> u64 {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Bytes of all buffers that were made so far, those that are gone again among them.
    pub fn bytes_made(&self) -> u64 {
        self.buffer_bytes.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: u64) {
        self.buffers.fetch_add(1, Ordering::Relaxed);
        self.buffer_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The first bytes of a mappable buffer, once the GPU is done with a submission, or else with all.
    pub(super) fn map<T: bytemuck::Pod>(
        &self,
        staging: &wgpu::Buffer,
        bytes: u64,
        submission: Option<wgpu::SubmissionIndex>,
    ) -> Result<Vec<T>, DeviceError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            // The receiver is gone only if waiting failed, and then that is the error to report.
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
