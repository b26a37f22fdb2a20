//! Compiles the pipelines of a plan on several threads.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pipeline::PipelineKey;
use super::{DeviceError, Gpu, Pipeline};
use crate::plan::Step;
use crate::wgsl::expand;

/// Size in bytes of the placeholder buffers of a dispatch that only triggers compilation. It must hold one element of any
/// binding.
const PLACEHOLDER_BYTES: u64 = 256;

impl Gpu {
    /// Sets the number of threads that [`Gpu::compile_all`] uses. With one thread, each pipeline is compiled at its first use.
    pub fn compile_on(&mut self, threads: usize) {
        self.compilers = threads;
    }

    /// Adapts [`Gpu::compile_all`] to a driver that compiles a pipeline at its first dispatch, on a single thread per device, and
    /// caches the result on disk for all devices. Each compiling thread then opens a device of its own and dispatches a grid of
    /// no workgroups for each pipeline.
    pub fn compile_by_dispatching(&mut self) {
        self.compiles_at_dispatch = true;
    }

    /// Compiles the pipelines of `steps` that are not compiled yet. Does nothing unless [`Gpu::compile_on`] set several threads.
    ///
    /// # Errors
    /// Returns an error if a shader does not expand or the adapter rejects it.
    pub fn compile_all(&self, steps: &[Step]) -> Result<(), DeviceError> {
        if self.compilers < 2 {
            return Ok(());
        }
        let mut seen = HashSet::new();
        let mut missing: Vec<&Step> = steps
            .iter()
            .filter(|step| {
                let key = PipelineKey::new(step);
                !self.has_pipeline(&key) && seen.insert(key)
            })
            .collect();
        let threads = self.compilers.min(missing.len());
        if threads < 2 {
            return Ok(());
        }
        // Start with the longest shaders, because they take longest to compile: at the end no thread should wait for a slow one.
        missing.sort_by_cached_key(|step| {
            Reverse(expand(&step.source, &step.constants, &step.fields).map_or(0, |source| source.len()))
        });
        let next = AtomicUsize::new(0);
        let compile = |device: &Gpu| -> Result<(), DeviceError> {
            while let Some(step) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.pipeline(step)?;
                if self.compiles_at_dispatch {
                    let pipeline = device.pipeline(step)?;
                    device.dispatch_nothing(step, &pipeline)?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads)
                .map(|_| {
                    scope.spawn(|| match self.compiles_at_dispatch {
                        // If the adapter opens only one device, the main thread compiles all pipelines.
                        true => self.open_another().map_or(Ok(()), |device| compile(&device)),
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

    /// Dispatches a step's pipeline with placeholder buffers and a grid of no workgroups, so that the driver compiles it.
    fn dispatch_nothing(&self, step: &Step, pipeline: &Pipeline) -> Result<(), DeviceError> {
        let label = step.kernel.as_ref();
        // A driver may specialise the shader for its parameters, so these must be the step's own.
        let params = self.uniform_buffer(label, PLACEHOLDER_BYTES.max(step.params.len() as u64))?;
        self.write(&params, 0, &step.params);
        let bindings = step.access.iter().map(|_| self.buffer(label, PLACEHOLDER_BYTES)).collect::<Result<Vec<_>, _>>()?;
        let entries: Vec<_> = std::iter::once(&params).chain(&bindings).map(|buffer| (buffer, 0, buffer.bytes())).collect();
        let bindings = self.bind(label, pipeline, &entries)?;
        self.record(label, |pass| pass.dispatch(label, pipeline, &bindings, [0, 0, 0]));
        self.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Access, Cost, Dispatch, Name, Precision};

    fn step(kernel: &'static str, source: &'static str) -> Step {
        Step {
            label: kernel.into(),
            kernel: Name::Borrowed(kernel),
            variant: "default".into(),
            precision: Precision::F32,
            source: source.into(),
            constants: Vec::new(),
            overrides: Vec::new(),
            fields: Vec::new().into(),
            params: vec![0; 16],
            bindings: Vec::new(),
            access: vec![Access::ReadWrite],
            dispatch: Dispatch([1, 1, 1]),
            cost: Cost::default(),
        }
    }

    #[test]
    fn all_pipelines_are_compiled_and_an_error_names_the_kernel() {
        const BINDING: &str = "@group(0) @binding(1) var<storage, read_write> y: array<u32>;";
        let Some(mut gpu) = crate::testing::gpu() else { return };
        let sources =
            ["1u", "2u"].map(|value| &*format!("{BINDING} @compute @workgroup_size(1) fn main() {{ y[0] = {value}; }}").leak());
        let wanted = [step("one", sources[0]), step("two", sources[1]), step("one", sources[0])];
        gpu.compile_all(&wanted).expect("nothing to do on one thread");
        assert!(!gpu.has_pipeline(&PipelineKey::new(&wanted[0])));
        gpu.compile_on(2);
        gpu.compile_all(&wanted).expect("pipelines");
        assert!(wanted.iter().all(|wanted| gpu.has_pipeline(&PipelineKey::new(wanted))));
        let broken = step("broken", "@compute @workgroup_size(1) fn main() { nothing(); }");
        let other = step("three", "@compute @workgroup_size(1) fn main() { }");
        let error = gpu.compile_all(&[broken, other]).expect_err("a shader that calls nothing");
        assert!(error.to_string().contains("broken"), "{error}");
    }
}
