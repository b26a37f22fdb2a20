//! Records dispatches into compute passes.

use super::{Gpu, Pipeline};

/// The buffers that a dispatch binds.
#[derive(Debug)]
pub struct Bindings(pub(super) wgpu::BindGroup);

/// A compute pass while it is recorded.
pub struct Pass<'a>(pub(super) wgpu::ComputePass<'a>);

impl Pass<'_> {
    /// Records a dispatch of `x` × `y` × `z` workgroups. Graphics debuggers show its label.
    pub fn dispatch(&mut self, label: &str, pipeline: &Pipeline, bindings: &Bindings, [x, y, z]: [u32; 3]) {
        self.0.push_debug_group(label);
        self.0.set_pipeline(pipeline.raw());
        self.0.set_bind_group(0, &bindings.0, &[]);
        self.0.dispatch_workgroups(x, y, z);
        self.0.pop_debug_group();
    }
}

impl Gpu {
    /// Records one pass and submits it without waiting for it.
    pub fn record(&self, label: &str, record: impl FnOnce(&mut Pass)) {
        let mut encoder = self.encoder(label);
        {
            let descriptor = wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None };
            record(&mut Pass(encoder.begin_compute_pass(&descriptor)));
        }
        self.submit(encoder);
    }
}
