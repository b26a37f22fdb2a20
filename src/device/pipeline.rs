//! Compute pipelines with explicit layouts. Each combination of source, constants and overrides is compiled once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::pass::Bindings;
use super::{Buffer, DeviceError, Gpu};
use crate::plan::{Access, Name, Step};
use crate::wgsl::expand;

/// A compiled kernel and the layout of its bindings.
#[derive(Debug)]
pub struct Pipeline {
    raw: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Pipeline {
    pub(super) fn raw(&self) -> &wgpu::ComputePipeline {
        &self.raw
    }
}

/// The properties of a step that determine its pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PipelineKey {
    source: Name,
    constants: Vec<(Name, i64)>,
    /// Override constants, with the bits of their values.
    overrides: Vec<(Name, u64)>,
}

impl PipelineKey {
    /// Returns the key of a step's pipeline.
    pub(super) fn new(step: &Step) -> PipelineKey {
        let overrides = step.overrides.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect();
        PipelineKey { source: step.source.clone(), constants: step.constants.clone(), overrides }
    }
}

/// The pipelines that were compiled so far.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<PipelineKey, Arc<Pipeline>>>);

impl Gpu {
    /// Returns whether the pipeline is in the cache.
    pub(super) fn has_pipeline(&self, key: &PipelineKey) -> bool {
        lock(&self.pipelines.0).contains_key(key)
    }

    /// Returns the pipeline of a step. Compiles it at its first use.
    ///
    /// # Errors
    /// Returns an error if the shader does not expand or the adapter rejects it.
    pub fn pipeline(&self, step: &Step) -> Result<Arc<Pipeline>, DeviceError> {
        let key = PipelineKey::new(step);
        if let Some(pipeline) = lock(&self.pipelines.0).get(&key) {
            return Ok(pipeline.clone());
        }
        let source = expand(&step.source, &step.constants, &step.fields)?;
        let pipeline = Arc::new(self.compile(&step.kernel, &step.access, &source, &step.overrides)?);
        lock(&self.pipelines.0).insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Compiles expanded WGSL without caching the pipeline. `access` says how the shader uses each storage binding, from binding
    /// 1.
    ///
    /// # Errors
    /// Returns [`DeviceError::Validation`] with wgpu's message.
    pub fn compile(
        &self,
        label: &str,
        access: &[Access],
        source: &str,
        overrides: &[(Name, f64)],
    ) -> Result<Pipeline, DeviceError> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(
            access
                .iter()
                .zip(1..)
                .map(|(access, number)| entry(number, wgpu::BufferBindingType::Storage { read_only: *access == Access::Read })),
        );
        let overrides: Vec<(&str, f64)> = overrides.iter().map(|(name, value)| (name.as_ref(), *value)).collect();
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
            compilation_options: wgpu::PipelineCompilationOptions { constants: &overrides, ..Default::default() },
            cache: self.pipeline_cache.as_ref().map(|file| &file.cache),
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(Pipeline { raw, layout }),
            Some(error) => Err(DeviceError::Validation { reason: format!("kernel {label}: {error}") }),
        }
    }

    /// Creates the bind group of a pipeline from (buffer, offset, bytes) of each binding, in order from binding 0.
    ///
    /// # Errors
    /// Returns [`DeviceError::Validation`] with wgpu's message.
    pub fn bind(&self, label: &str, pipeline: &Pipeline, bindings: &[(&Buffer, u64, u64)]) -> Result<Bindings, DeviceError> {
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
            None => Ok(Bindings(group)),
            Some(error) => Err(DeviceError::Validation { reason: format!("step {label}: {error}") }),
        }
    }
}

/// Locks the cache. A panic while it was locked leaves it intact, so a poisoned lock is no problem.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
