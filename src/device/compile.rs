//! Pipelines of a plan compiled at once, each on a thread.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pipeline::PipelineKey;
use super::{DeviceError, Gpu, Pipeline};
use crate::plan::Step;
use crate::wgsl::expand;

/// Bytes of the buffers that a pipeline is compiled with where it takes a dispatch: more than one element of any binding.
const LEAST_BINDING: u64 = 256;

impl Gpu {
    /// Compiles the pipelines of a plan on several threads from now on. Otherwise each pipeline is compiled at its first use.
    pub fn compile_on(&mut self, threads: usize) {
        self.compilers = threads;
    }

    /// States that the driver compiles a pipeline when it is first dispatched, on the one thread of its device, and keeps the
    /// result on disk for every device. Each compiling thread then opens a device of its own and dispatches no workgroups on it.
    pub fn compile_by_dispatching(&mut self) {
        self.compiles_at_dispatch = true;
    }

    /// Compiles the pipelines of some steps that are not compiled yet, if there are several threads to do so.
    ///
    /// # Errors
    /// The first shader that does not expand, or that the adapter refuses.
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
        // The pipeline that takes longest must not start last, while the other threads wait. Long shaders take long.
        missing.sort_by_cached_key(|step| {
            Reverse(expand(&step.source, &step.constants, &step.fields).map_or(0, |source| source.len()))
        });
        let next = AtomicUsize::new(0);
        let compile = |beside: &Gpu| -> Result<(), DeviceError> {
            while let Some(step) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.pipeline(step)?;
                if self.compiles_at_dispatch {
                    let pipeline = beside.pipeline(step)?;
                    beside.dispatch_nothing(step, &pipeline)?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads)
                .map(|_| {
                    scope.spawn(|| match self.compiles_at_dispatch {
                        // Where the adapter opens only once, the other threads compile this thread's share.
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

    fn dispatch_nothing(&self, step: &Step, pipeline: &Pipeline) -> Result<(), DeviceError> {
        let label = step.kernel.as_ref();
        // A driver may compile another shader for other parameters, so these are the step's own.
        let params = self.uniform_buffer(label, LEAST_BINDING.max(step.params.len() as u64))?;
        self.write(&params, 0, &step.params);
        let bindings = step.access.iter().map(|_| self.buffer(label, LEAST_BINDING)).collect::<Result<Vec<_>, _>>()?;
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
    fn all_pipelines_are_compiled_and_what_does_not_compile_is_named() {
        const BINDING: &str = "@group(0) @binding(1) var<storage, read_write> y: array<u32>;";
        let mut gpu = Gpu::open(&Default::default()).expect("an adapter; run tools/setup");
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
