//! Compute pipelines with explicit layouts, made once for a kernel, its constants and its overrides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::compile::PipelineKey;
use super::{Buffer, Device, DeviceError};
use crate::ops::{Access, Kernel};
use crate::wgsl::expand;

/// A compiled kernel and the layout of what it binds.
#[derive(Debug)]
pub struct Pipeline {
    raw: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Pipeline {
    pub(crate) fn raw(&self) -> &wgpu::ComputePipeline {
        &self.raw
    }
}

type Key = (&'static str, Vec<(&'static str, i64)>, Vec<(&'static str, u64)>);

/// Pipelines made so far.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<Key, Arc<Pipeline>>>);

pub(super) fn key((kernel, constants, overrides): PipelineKey) -> Key {
    let bits = overrides.iter().map(|(name, value)| (*name, value.to_bits())).collect();
    (kernel.name, constants.to_vec(), bits)
}

impl Device {
    /// Whether that pipeline was compiled before.
    pub(super) fn has_pipeline(&self, wanted: PipelineKey) -> bool {
        lock(&self.pipelines.0).contains_key(&key(wanted))
    }

    /// The pipeline of a kernel with these constants and overrides, compiled at its first use.
    ///
    /// # Errors
    /// The shader does not expand, or the adapter refuses it.
    pub fn pipeline(
        &self,
        kernel: &'static Kernel,
        constants: &[(&'static str, i64)],
        overrides: &[(&'static str, f64)],
    ) -> Result<Arc<Pipeline>, DeviceError> {
        let key = key((kernel, constants, overrides));
        if let Some(pipeline) = lock(&self.pipelines.0).get(&key) {
            return Ok(pipeline.clone());
        }
        let source = expand(kernel.source, constants)?;
        let pipeline = Arc::new(self.compile(kernel.name, kernel, &source, overrides)?);
        lock(&self.pipelines.0).insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Compiles `source` as if it were the kernel's own, uncached: for shaders that are not the shipped ones.
    ///
    /// # Errors
    /// [`DeviceError::Validation`] with the adapter's words.
    pub fn compile(
        &self,
        label: &str,
        kernel: &Kernel,
        source: &str,
        overrides: &[(&'static str, f64)],
    ) -> Result<Pipeline, DeviceError> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(kernel.bindings.iter().zip(1..).map(|(binding, number)| {
            entry(number, wgpu::BufferBindingType::Storage { read_only: binding.access == Access::Read })
        }));
        let layout =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let raw = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: overrides, ..Default::default() },
            cache: self.kept_pipelines.as_ref().map(|kept| &kept.cache),
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(Pipeline { raw, layout }),
            Some(error) => Err(DeviceError::Validation { reason: format!("kernel {label}: {error}") }),
        }
    }

    /// Binds (buffer, offset, bytes) in order from binding 0.
    ///
    /// # Errors
    /// [`DeviceError::Validation`] with wgpu's words.
    pub fn bind_group(
        &self,
        label: &str,
        pipeline: &Pipeline,
        bindings: &[(&Buffer, u64, u64)],
    ) -> Result<wgpu::BindGroup, DeviceError> {
        let entries: Vec<wgpu::BindGroupEntry> = bindings
            .iter()
            .zip(0..)
            .map(|((buffer, offset, bytes), binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffer.0,
                    offset: *offset,
                    size: wgpu::BufferSize::new(*bytes),
                }),
            })
            .collect();
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout: &pipeline.layout, entries: &entries };
        let group = self.device.create_bind_group(&descriptor);
        match pollster::block_on(scope.pop()) {
            None => Ok(group),
            Some(error) => Err(DeviceError::Validation { reason: format!("step {label}: {error}") }),
        }
    }
}

/// A panic while the cache was locked leaves it whole, so a poisoned lock is used as it is.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
