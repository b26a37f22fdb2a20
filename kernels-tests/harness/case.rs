//! Cases: a small plan, its inputs, and the outputs that it must give.

use lineament::plan::{Capabilities, Plan, Precision, Variant, View};

/// What the cases depend on: the adapter, and what they are for.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// What the adapter can do.
    pub capabilities: Capabilities,
    /// Tests or benchmarks. A file of cases makes only those that are asked for, because the tensors of benchmarks are large.
    pub purpose: Purpose,
}

impl Context {
    /// Returns whether the adapter can run a variant.
    pub fn runs(self, variant: &Variant) -> bool {
        variant.lacks(&self.capabilities).is_none()
    }
}

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Small and awkward shapes, compared with the reference.
    Test,
    /// Shapes of the model, timed and not compared.
    Benchmark,
}

/// Computes an output in f64, row-major, with the padding channels.
pub type Expected = Box<dyn Fn() -> Vec<f64>>;

/// An output and how close it must be to its reference.
pub struct Output {
    /// The name of the output in messages.
    pub label: &'static str,
    /// Where the plan writes it. [`Case::output`] puts guard bands around it.
    pub view: View,
    /// Which elements of the view are compared.
    pub elements: Elements,
    /// The reference.
    pub expected: Expected,
    /// The type of the elements.
    pub numbers: Numbers,
    /// Largest normalised mean squared error, Σ(y − e)² / Σe².
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
}

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Floats, stored at this precision.
    Floats(Precision),
    /// `u32`. They must be equal to the reference.
    Integers,
}

impl Numbers {
    fn bytes(self) -> u64 {
        match self {
            Numbers::Floats(precision) => precision.bytes(),
            Numbers::Integers => 4,
        }
    }
}

/// Which elements of a view belong to an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// All of them.
    All,
    /// The first or the second of every two vectors of `width` elements: one of the two tensors in \[parts, 2, width\].
    Half {
        /// 0 or 1.
        which: usize,
        /// Elements of a vector.
        width: usize,
    },
}

impl Elements {
    /// Returns these elements of a view.
    pub fn of(self, values: &[f32]) -> Vec<f32> {
        match self {
            Elements::All => values.to_vec(),
            Elements::Half { which, width } => values.chunks(width).skip(which).step_by(2).flatten().copied().collect(),
        }
    }
}

/// Interleaves two tensors \[parts, width\] to one tensor \[parts, 2, width\], as the batch norm kernels bind them.
pub fn paired(width: usize, [first, second]: [&[f32]; 2]) -> Vec<f32> {
    first.chunks(width).zip(second.chunks(width)).flat_map(|(first, second)| [first, second].concat()).collect()
}

/// One shape of one kernel and variant.
pub struct Case {
    /// Name of the kernel under test.
    pub kernel: &'static str,
    /// Name of its variant.
    pub variant: &'static str,
    /// Shape and options in words. Kernel, variant and this name identify the case.
    pub name: String,
    /// Test or benchmark.
    pub purpose: Purpose,
    /// The steps, usually one.
    pub plan: Plan,
    /// The inputs, written before each run.
    pub inputs: Vec<(View, Vec<u8>)>,
    /// The outputs, compared after each run.
    pub outputs: Vec<Output>,
}

/// Number of bytes before and behind an output that a kernel must not write.
pub const GUARD: u64 = 256;

impl Case {
    /// Returns a case without inputs and outputs.
    pub fn new(kernel: &'static str, variant: &'static str, name: String, purpose: Purpose) -> Case {
        let plan = Plan::new(&format!("{kernel} {variant} {name}"));
        Case { kernel, variant, name, purpose, plan, inputs: Vec::new(), outputs: Vec::new() }
    }

    /// Returns what `--filter` selects by: kernel, variant and name.
    pub fn label(&self) -> String {
        format!("{} {} {}", self.kernel, self.variant, self.name)
    }

    /// Returns the case with its grids folded over two dimensions, as grids of more than 65,535 workgroups are. Returns `None` if
    /// every grid is a single workgroup.
    pub fn folded(mut self) -> Option<Case> {
        self.name += ", folded";
        self.plan.fold_lines().then_some(self)
    }

    /// Adds an input tensor with these values (`f32`, `u32` or bytes). The binding includes a guard band of NaN behind the tensor.
    /// Without it, the adapter would clamp reads past the end and hide the mistake.
    pub fn input<T: bytemuck::NoUninit>(&mut self, label: &str, values: &[T]) -> View {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let view = self.plan.persistent(label, (bytes.len() as u64).next_multiple_of(4) + GUARD);
        self.inputs.push((view, bytes.to_vec()));
        view
    }

    /// Adds an output tensor that the kernel also reads. It holds `values` before the run.
    pub fn updated<T: bytemuck::NoUninit>(
        &mut self,
        label: &'static str,
        values: &[T],
        bounds: Bounds,
        expected: Expected,
    ) -> View {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let view = self.output(label, bytes.len() / 4, bounds, expected);
        self.inputs.push((view, bytes.to_vec()));
        view
    }

    /// Adds an input tensor stored at this precision. The values must be exact in it.
    pub fn stored(&mut self, label: &str, precision: Precision, values: &[f32]) -> View {
        self.input(label, &precision.stored(values))
    }

    /// Adds an output tensor of `elements` numbers between guard bands, poisoned before the run. The binding includes the band
    /// behind it. Without it, the adapter would drop writes past the end and hide the mistake.
    pub fn output(&mut self, label: &'static str, elements: usize, bounds: Bounds, expected: Expected) -> View {
        let view = self.guarded(label, bounds.numbers.bytes() * elements as u64);
        self.compare(label, view, Elements::All, bounds, expected);
        View { bytes: view.bytes.next_multiple_of(GUARD) + GUARD, ..view }
    }

    /// Adds two outputs \[parts, width\] in one tensor \[parts, 2, width\]. Each is compared by itself. See [`Case::output`].
    pub fn output_pair(
        &mut self,
        labels: [&'static str; 2],
        [parts, width]: [usize; 2],
        bounds: Bounds,
        expected: [Expected; 2],
    ) -> View {
        let view = self.guarded(&labels.join(" and "), 8 * (parts * width) as u64);
        for ((which, label), expected) in labels.into_iter().enumerate().zip(expected) {
            self.compare(label, view, Elements::Half { which, width }, bounds, expected);
        }
        View { bytes: view.bytes.next_multiple_of(GUARD) + GUARD, ..view }
    }

    /// Adds two outputs \[width\] in one tensor \[2, width\] that the kernel also reads. They hold `values` before the run.
    pub fn updated_pair(
        &mut self,
        labels: [&'static str; 2],
        values: [&[f32]; 2],
        bounds: Bounds,
        expected: [Expected; 2],
    ) -> View {
        let view = self.output_pair(labels, [1, values[0].len()], bounds, expected);
        self.inputs.push((view, bytemuck::cast_slice(&values.concat()).to_vec()));
        view
    }

    /// Adds a tensor of `bytes` bytes between guard bands.
    fn guarded(&mut self, label: &str, bytes: u64) -> View {
        let whole = self.plan.persistent(label, bytes.next_multiple_of(GUARD) + 2 * GUARD);
        View { offset: GUARD, bytes, ..whole }
    }

    fn compare(&mut self, label: &'static str, view: View, elements: Elements, bounds: Bounds, expected: Expected) {
        let Bounds { nmse, max_abs, numbers } = bounds;
        self.outputs.push(Output { label, view, elements, expected, numbers, nmse, max_abs });
    }
}

/// How close an output must be to its reference.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest normalised mean squared error.
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
    /// The type of the elements.
    pub numbers: Numbers,
}

impl Bounds {
    /// Bounds for a tensor of 32-bit floats: NMSE and largest absolute error.
    pub const fn float(nmse: f64, max_abs: f64) -> Bounds {
        Bounds { nmse, max_abs, numbers: Numbers::Floats(Precision::F32) }
    }

    /// Bounds for a tensor of 16-bit floats, which round to 11 bits.
    pub const fn half(nmse: f64, max_abs: f64) -> Bounds {
        Bounds { nmse, max_abs, numbers: Numbers::Floats(Precision::F16) }
    }

    /// Bounds for a tensor that is computed in f32 and stored at a precision. `single` bounds the absolute error in f32. Rounding to
    /// 16 bits adds at most 2⁻⁷ to values below 32.
    pub fn stored(precision: Precision, single: f64) -> Bounds {
        match precision {
            Precision::F32 => Bounds::float(1e-11, single),
            Precision::F16 => Bounds::half(1e-7, single + 1.0 / 128.0),
        }
    }

    /// Bounds for a tensor of `u32`, which must be equal to the reference.
    pub fn integers() -> Bounds {
        Bounds { nmse: 0.0, max_abs: 0.0, numbers: Numbers::Integers }
    }
}
