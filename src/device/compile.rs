//! Pipelines of a plan compiled at once, each on a thread.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pipeline::key;
use super::{Device, DeviceError, Pipeline};
use crate::ops::Kernel;
use crate::wgsl::expand;

/// What makes a pipeline: a kernel, constants of the expander, and overrides.
pub(super) type PipelineKey<'a> = (&'static Kernel, &'a [(&'static str, i64)], &'a [(&'static str, f64)]);

/// A pipeline that will be needed.
#[derive(Debug, Clone, Copy)]
pub struct WantedPipeline<'a> {
    /// What it runs.
    pub kernel: &'static Kernel,
    /// The expander's constants.
    pub constants: &'a [(&'static str, i64)],
    /// Override constants.
    pub overrides: &'a [(&'static str, f64)],
    /// The `Params` it will see: a driver may compile another shader by them.
    pub params: &'a [u8],
}

impl<'a> WantedPipeline<'a> {
    fn key(self) -> PipelineKey<'a> {
        (self.kernel, self.constants, self.overrides)
    }
}

/// Bytes of the buffers that a pipeline is compiled with where it takes a dispatch: more than one element of any binding.
const LEAST_BINDING: u64 = 256;

impl Device {
    /// Compiles the pipelines of a plan on so many threads from now on. By itself a pipeline is compiled at its first use, one after
    /// the other.
    pub fn compile_on(&mut self, threads: usize) {
        self.compilers = threads;
    }

    /// Compiles those of `wanted` that are not compiled yet, if there are several threads to do so.
    ///
    /// Most drivers compile where a pipeline is made. llvmpipe does at the first dispatch, on the one thread of its device, and keeps what
    /// it compiled on disk for every device. So there each thread has a device of its own, and dispatches no workgroups on it.
    ///
    /// # Errors
    /// The first shader that does not expand, or that the adapter refuses.
    pub fn compile_all(&self, wanted: &[WantedPipeline]) -> Result<(), DeviceError> {
        let mut seen = HashSet::new();
        let mut missing: Vec<&WantedPipeline> =
            wanted.iter().filter(|wanted| !self.has_pipeline(wanted.key()) && seen.insert(key(wanted.key()))).collect();
        let threads = self.compilers.min(missing.len());
        if threads < 2 {
            return Ok(());
        }
        // What takes longest, begun last, would keep one thread at work and the others waiting. Long shaders take long.
        missing.sort_by_cached_key(|wanted| {
            Reverse(expand(wanted.kernel.source, wanted.constants).map_or(0, |source| source.len()))
        });
        let next = AtomicUsize::new(0);
        let compile = |beside: &Device| -> Result<(), DeviceError> {
            while let Some(wanted) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (kernel, constants, overrides) = wanted.key();
                self.pipeline(kernel, constants, overrides)?;
                if self.compiles_at_dispatch() {
                    let pipeline = beside.pipeline(kernel, constants, overrides)?;
                    beside.dispatch_nothing(wanted, &pipeline)?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads)
                .map(|_| {
                    scope.spawn(|| match self.compiles_at_dispatch() {
                        // Where the adapter opens once only, the others compile what this thread would have.
                        true => self.beside().map_or(Ok(()), |beside| compile(&beside)),
                        false => compile(self),
                    })
                })
                .collect();
            let own = compile(self);
            helpers.into_iter().fold(own, |all, helper| match helper.join() {
                Ok(compiled) => all.and(compiled),
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// Whether the driver compiles a pipeline when it is first dispatched, and not when it is made.
    fn compiles_at_dispatch(&self) -> bool {
        let report = self.report();
        report.backend == "vulkan" && report.driver.starts_with("llvmpipe")
    }

    fn dispatch_nothing(&self, wanted: &WantedPipeline, pipeline: &Pipeline) -> Result<(), DeviceError> {
        let kernel = wanted.kernel;
        let params = self.uniform_buffer(kernel.name, LEAST_BINDING.max(wanted.params.len() as u64))?;
        self.write(&params, 0, wanted.params);
        let bindings = kernel.bindings.iter().map(|_| self.buffer(kernel.name, LEAST_BINDING)).collect::<Result<Vec<_>, _>>()?;
        let entries: Vec<_> = std::iter::once(&params).chain(&bindings).map(|buffer| (buffer, 0, buffer.bytes())).collect();
        let bind_group = self.bind_group(kernel.name, pipeline, &entries)?;
        let mut encoder = self.encoder(kernel.name);
        {
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(kernel.name), timestamp_writes: None });
            pass.set_pipeline(pipeline.raw());
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(0, 0, 0);
        }
        self.submit(encoder);
        self.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{ADD, STREAM};

    #[test]
    fn all_pipelines_are_compiled_and_what_does_not_compile_is_named() {
        static BROKEN: Kernel = Kernel {
            name: "broken",
            group: "",
            source: "@compute @workgroup_size(1) fn main() { nothing(); }",
            params: &[],
            bindings: &[],
            variants: &[],
            overrides: &[],
        };
        let mut gpu = Device::open(&Default::default()).expect("an adapter; run tools/setup");
        let constants = [&STREAM, &ADD].map(|kernel| kernel.variants[0].expansion(None));
        let wanted = [(&STREAM, &constants[0]), (&ADD, &constants[1]), (&STREAM, &constants[0])]
            .map(|(kernel, constants)| WantedPipeline { kernel, constants, overrides: &[], params: &[0; 64] });
        gpu.compile_all(&wanted).expect("nothing to do on one thread");
        assert!(!gpu.has_pipeline(wanted[0].key()));
        gpu.compile_on(2);
        gpu.compile_all(&wanted).expect("pipelines");
        assert!(wanted.iter().all(|wanted| gpu.has_pipeline(wanted.key())));
        let broken = WantedPipeline { kernel: &BROKEN, constants: &[], ..wanted[0] };
        let other = WantedPipeline { constants: &constants[1], ..broken };
        let error = gpu.compile_all(&[broken, other]).expect_err("a shader that calls nothing");
        assert!(error.to_string().contains("broken"), "{error}");
    }
}
