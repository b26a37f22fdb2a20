//! Buffers and the way to and from them.

use super::{Gpu, GpuError};

/// A storage buffer on the device; cloning shares it.
#[derive(Debug, Clone)]
pub struct Buffer(pub(super) wgpu::Buffer);

impl Buffer {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.0.size()
    }
}

impl Gpu {
    /// A zeroed storage buffer that can be copied to and from.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`] where the adapter has not enough, or takes no buffer of this size.
    pub fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer, GpuError> {
        self.allocate(label, bytes, wgpu::BufferUsages::STORAGE)
    }

    /// A buffer for `Params`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub fn uniform_buffer(&self, label: &str, bytes: u64) -> Result<Buffer, GpuError> {
        self.allocate(label, bytes, wgpu::BufferUsages::UNIFORM)
    }

    fn allocate(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer, GpuError> {
        let size = bytes.max(4).next_multiple_of(4);
        if size > self.limits().max_buffer_size {
            return Err(GpuError::OutOfMemory { what: label.to_string(), bytes: size });
        }
        let usage = usage | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer =
            self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false });
        match pollster::block_on(scope.pop()) {
            None => Ok(Buffer(buffer)),
            Some(_) => Err(GpuError::OutOfMemory { what: label.to_string(), bytes: size }),
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

    /// Waits for the GPU and copies `bytes` bytes back, as numbers of any four-byte kind.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn read<T: bytemuck::Pod>(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<Vec<T>, GpuError> {
        let size = bytes.next_multiple_of(4);
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.encoder("read back");
        encoder.copy_buffer_to_buffer(&buffer.0, offset, &staging, 0, size);
        self.submit(encoder);
        self.map(&staging)
    }

    /// The contents of a mappable buffer, once the GPU is done with it.
    pub(super) fn map<T: bytemuck::Pod>(&self, staging: &wgpu::Buffer) -> Result<Vec<T>, GpuError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only if waiting failed, and then that is the error to report.
            let _ = sender.send(result);
        });
        self.wait()?;
        let refused = |reason: String| GpuError::Validation { reason };
        receiver.recv().map_err(|error| refused(error.to_string()))?.map_err(|error| refused(error.to_string()))?;
        let range = staging.get_mapped_range(..).map_err(|error| refused(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&range))
    }
}
