//! A case: one small plan, what goes in, and what must come out.

use lineament::plan::{Capabilities, Plan, Precision, Variant, View};

/// What an adapter offers that a case depends on.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// What its shaders can do.
    pub capabilities: Capabilities,
    /// Which cases are wanted: the tensors of benchmarks are large, so a case file makes no others.
    pub purpose: Purpose,
}

impl Context {
    /// Whether the adapter can run a variant.
    pub fn runs(self, variant: &Variant) -> bool {
        variant.lacks(&self.capabilities).is_none()
    }
}

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Compared with the reference; small and awkward shapes.
    Test,
    /// Timed; shapes of the model. Not compared.
    Benchmark,
}

/// Computes what an output must hold, in f64, row-major with the padding channels.
pub type Expected = Box<dyn Fn() -> Vec<f64>>;

/// An output and how near it must come.
pub struct Output {
    /// What a failure calls it.
    pub label: &'static str,
    /// Where the plan leaves it; made by [`Case::output`], between two guard bands.
    pub view: View,
    /// Which elements of the view are compared.
    pub elements: Elements,
    /// The reference.
    pub expected: Expected,
    /// What the tensor holds.
    pub numbers: Numbers,
    /// Largest normalised mean squared error, Σ(y − e)² / Σe².
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
}

/// What a tensor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Floats of one precision or the other.
    Floats(Precision),
    /// `u32`, which must be equal.
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

/// The elements of a view that an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// All of them.
    All,
    /// The first or the second of every two vectors of `width` elements: one tensor of \[parts, 2, width\].
    Half {
        /// 0 or 1.
        which: usize,
        /// Elements of a vector.
        width: usize,
    },
}

impl Elements {
    /// Those of a view's elements.
    pub fn of(self, values: &[f32]) -> Vec<f32> {
        match self {
            Elements::All => values.to_vec(),
            Elements::Half { which, width } => values.chunks(width).skip(which).step_by(2).flatten().copied().collect(),
        }
    }
}

/// Two vectors \[parts, width\] as one tensor \[parts, 2, width\], as the batch norm kernels bind them.
pub fn paired(width: usize, [first, second]: [&[f32]; 2]) -> Vec<f32> {
    first.chunks(width).zip(second.chunks(width)).flat_map(|(first, second)| [first, second].concat()).collect()
}

/// One shape of one kernel and variant.
pub struct Case {
    /// Name of the kernel under test.
    pub kernel: &'static str,
    /// Name of its variant.
    pub variant: &'static str,
    /// Shape and options, in words: with kernel and variant it names the case.
    pub name: String,
    /// Test or benchmark.
    pub purpose: Purpose,
    /// The steps; usually one.
    pub plan: Plan,
    /// Bytes to write before the run.
    pub inputs: Vec<(View, Vec<u8>)>,
    /// What to compare after it.
    pub outputs: Vec<Output>,
}

/// Bytes on either side of an output that a kernel must leave alone.
pub const GUARD: u64 = 256;

impl Case {
    /// A case without inputs and outputs.
    pub fn new(kernel: &'static str, variant: &'static str, name: String, purpose: Purpose) -> Case {
        let plan = Plan::new(&format!("{kernel} {variant} {name}"));
        Case { kernel, variant, name, purpose, plan, inputs: Vec::new(), outputs: Vec::new() }
    }

    /// What names the case, for filters and for the line that replays it.
    pub fn label(&self) -> String {
        format!("{} {} {}", self.kernel, self.variant, self.name)
    }

    /// The case with its lines of workgroups folded over two dimensions, as those past 65,535 are; `None` if each is a
    /// single workgroup.
    pub fn folded(mut self) -> Option<Case> {
        self.name += ", folded";
        self.plan.fold_lines().then_some(self)
    }

    /// An input tensor holding `values` (`f32`, `u32` or plain bytes). The kernel's binding reaches into a guard band of NaN
    /// behind it: an adapter clamps what is read beyond a binding, and so would hide it.
    pub fn input<T: bytemuck::NoUninit>(&mut self, label: &str, values: &[T]) -> View {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let view = self.plan.persistent(label, (bytes.len() as u64).next_multiple_of(4) + GUARD);
        self.inputs.push((view, bytes.to_vec()));
        view
    }

    /// An output tensor that the kernel also reads: `values` before the run.
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

    /// An input tensor holding `values`, stored in a precision that they do not lose anything by.
    pub fn stored(&mut self, label: &str, precision: Precision, values: &[f32]) -> View {
        self.input(label, &precision.stored(values))
    }

    /// An output tensor of `elements` numbers between guard bands, poisoned before the run. The kernel's binding
    /// reaches into the band behind it: what is written beyond a binding would be lost, and not seen.
    pub fn output(&mut self, label: &'static str, elements: usize, bounds: Bounds, expected: Expected) -> View {
        let view = self.guarded(label, bounds.numbers.bytes() * elements as u64);
        self.compare(label, view, Elements::All, bounds, expected);
        View { bytes: view.bytes.next_multiple_of(GUARD) + GUARD, ..view }
    }

    /// Two outputs \[parts, width\] in one tensor \[parts, 2, width\], each compared by itself; otherwise as
    /// [`Case::output`].
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

    /// Two outputs \[width\] in one tensor \[2, width\] that the kernel also reads: `values` before the run.
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

    /// A tensor of `bytes` bytes between guard bands.
    fn guarded(&mut self, label: &str, bytes: u64) -> View {
        let whole = self.plan.persistent(label, bytes.next_multiple_of(GUARD) + 2 * GUARD);
        View { offset: GUARD, bytes, ..whole }
    }

    fn compare(&mut self, label: &'static str, view: View, elements: Elements, bounds: Bounds, expected: Expected) {
        let Bounds { nmse, max_abs, numbers } = bounds;
        self.outputs.push(Output { label, view, elements, expected, numbers, nmse, max_abs });
    }
}

/// How near an output must come to its reference.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest normalised mean squared error.
    pub nmse: f64,
    /// Largest absolute error.
    pub max_abs: f64,
    /// What the tensor holds.
    pub numbers: Numbers,
}

impl Bounds {
    /// A tensor of 32-bit floats: NMSE and largest absolute error.
    pub const fn float(nmse: f64, max_abs: f64) -> Bounds {
        Bounds { nmse, max_abs, numbers: Numbers::Floats(Precision::F32) }
    }

    /// A tensor of 16-bit floats, which round to 11 bits.
    pub const fn half(nmse: f64, max_abs: f64) -> Bounds {
        Bounds { nmse, max_abs, numbers: Numbers::Floats(Precision::F16) }
    }

    /// A tensor whose values are f32 until they are stored in a precision; `single` is the largest error in f32. Below 32 half a unit
    /// of the last place of 16-bit floats is 2⁻⁷.
    pub fn stored(precision: Precision, single: f64) -> Bounds {
        match precision {
            Precision::F32 => Bounds::float(1e-11, single),
            Precision::F16 => Bounds::half(1e-7, single + 1.0 / 128.0),
        }
    }

    /// A tensor of `u32` that must be equal.
    pub fn integers() -> Bounds {
        Bounds { nmse: 0.0, max_abs: 0.0, numbers: Numbers::Integers }
    }
}
