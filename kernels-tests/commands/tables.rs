//! `kernels tables`: makes the table of a device class from the model of time.
//!
//! For every shape of the model's plans and every candidate, each GPU of a class predicts a time. The table is a list of rows; a
//! shape takes the first row whose conditions hold. The list grows by the row that helps most, until no row helps much. So far,
//! this is done for matrix products alone: the model knows too little of how other kernels load to tell their tiles apart.

use std::collections::BTreeSet;

use clap::Args;
use lineament::app::tune::{TunerOptions, candidate_plan, model_shapes};
use lineament::device::AdapterRequest;
use lineament::nn::Model;
use lineament::ops::{ALL, candidates, identity};
use lineament::plan::VariantId;
use lineament::profiles::{Condition, Device, Operation, OperationShape, Quantity};
use serde::{Deserialize, Serialize};

use super::isa::{Error, Inside, OfGpu, on_each_gpu, write_result};
use crate::isa::gpus::Gpu;
use crate::isa::time::predict_step;
use crate::isa::{Driver, StepCompiler};

/// Arguments of `tables`.
#[derive(Debug, Args)]
pub struct TablesArguments {
    /// The GPUs of the class, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    pub gpu: Vec<String>,
    /// Date of the figures, as year-month-day
    #[arg(long, required_unless_present = "name")]
    pub date: Option<String>,
    /// Height and width of the images
    #[arg(long, default_value_t = 224)]
    pub size: u32,
    #[command(flatten)]
    inside: Inside,
}

/// The times of the candidates on a GPU.
#[derive(Debug, Serialize, Deserialize)]
struct Times {
    compiler: String,
    shapes: Vec<ShapeTimes>,
}

/// The times of the candidates for a shape.
#[derive(Debug, Serialize, Deserialize)]
struct ShapeTimes {
    shape: OperationShape,
    /// How often the plans compute it.
    uses: usize,
    candidates: Vec<CandidateTime>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CandidateTime {
    id: VariantId,
    seconds: f64,
    spills: u32,
    share: f64,
}

/// Numbers of images in a batch for which plans are made, beside a training step at the larger ones.
const BATCHES: [u32; 3] = [1, 8, 32];

/// Prints the rows of the table as Rust.
///
/// # Errors
/// A compiler cannot be run, or the model cannot be planned.
pub fn run(arguments: &TablesArguments) -> Result<(), Error> {
    if let Some((gpu, out)) = arguments.inside.get()? {
        return write_result(out, &serde_json::json!(times(arguments, gpu)?).to_string());
    }
    let outputs = on_each_gpu(&arguments.gpu, || {
        let (size, gpus) = (arguments.size.to_string(), arguments.gpu.join(","));
        ["tables", "--gpu", &gpus, "--size", &size].map(String::from).to_vec()
    })?;
    let mut all: Vec<(&Gpu, Times)> = Vec::new();
    for OfGpu { gpu, result, .. } in outputs {
        let times = serde_json::from_str(&result);
        all.push((gpu, times.map_err(|error| Error::File { path: gpu.name.into(), reason: error.to_string() })?));
    }
    print!("{}", table(&all, arguments.date.as_deref().unwrap_or_default()));
    Ok(())
}

/// Predicts the time of every candidate for every shape on a GPU, on whose driver this process runs.
fn times(arguments: &TablesArguments, gpu: &Gpu) -> Result<Times, Error> {
    let planned = |error: &dyn std::fmt::Display| Error::Plan { reason: error.to_string() };
    let driver = Driver::open(None)?;
    let mut device = Device::open(&AdapterRequest::default()).map_err(|error| planned(&error))?;
    let path = lineament::app::model_path(None, lineament::nn::weights::CELEBA_MODEL).map_err(|error| planned(&error))?;
    let model = Model::open(&path, None).map_err(|error| planned(&error))?;
    let options = TunerOptions { batches: BATCHES.to_vec(), size: Some(arguments.size), train: true, ..TunerOptions::default() };
    let shapes = model_shapes(&mut device, &model, &options).map_err(|error| planned(&error))?;
    let mut compiler = StepCompiler::new(&driver, gpu);
    let mut result = Times { compiler: driver.version.clone(), shapes: Vec::new() };
    for (shape, uses) in shapes {
        let mut of_shape = Vec::new();
        // A GPU of the class may have no subgroup size that is known before compilation, and variants of 64-bit integers are for
        // software adapters.
        let standard = candidates::candidates(shape, device.profile()).into_iter();
        let standard = standard.filter(|(_, variant)| !variant.is_native_only() && !variant.subgroup);
        for choice in standard {
            let plan = candidate_plan(device.profile(), shape, choice);
            let (mut seconds, mut spills, mut share, mut shares_loads) = (0.0, 0, 0.0, false);
            for step in plan.steps() {
                let code = compiler.code(step)?;
                seconds += predict_step(gpu, code, step).seconds + gpu.rates.launch;
                spills += code.spills;
                share = code.hot.as_ref().map_or(0.0, |hot| hot.share);
                shares_loads = code.workgroup_memory_bytes > 0;
            }
            // The model cannot say how many loads of a kernel without workgroup memory hit a cache near the threads.
            if !shares_loads {
                continue;
            }
            of_shape.push(CandidateTime { id: identity(choice), seconds, spills, share });
        }
        result.shapes.push(ShapeTimes { shape, uses, candidates: of_shape });
    }
    Ok(result)
}

/// A row: the conditions, and the variant.
#[derive(Clone)]
struct Rule {
    when: Vec<Condition>,
    variant: usize,
}

/// What is known about one operation: its shapes with their uses, its variants, and for each shape and variant the mean of the
/// time relative to the best candidate of the shape, over all GPUs. A variant that spills anywhere, or cannot compute the shape,
/// has no time.
struct Problem {
    shapes: Vec<(OperationShape, usize)>,
    variants: Vec<VariantId>,
    relative: Vec<Vec<Option<f64>>>,
}

impl Problem {
    fn new(all: &[(&Gpu, Times)], operation: Operation) -> Problem {
        let shapes: Vec<(OperationShape, usize)> = all
            .first()
            .map(|(_, times)| times.shapes.iter().filter(|one| one.shape.operation() == operation))
            .into_iter()
            .flatten()
            .map(|one| (one.shape, one.uses))
            .collect();
        let of = |times: &Times, shape: OperationShape| times.shapes.iter().position(|one| one.shape == shape);
        let mut variants: Vec<VariantId> = Vec::new();
        for (_, times) in all {
            for one in times.shapes.iter().filter(|one| one.shape.operation() == operation) {
                for candidate in &one.candidates {
                    if !variants.contains(&candidate.id) {
                        variants.push(candidate.id.clone());
                    }
                }
            }
        }
        let relative_of = |shape: OperationShape, variant: &VariantId| -> Option<f64> {
            let mut sum = 0.0;
            for (_, times) in all {
                let candidates = &times.shapes[of(times, shape)?].candidates;
                let sound = || candidates.iter().filter(|one| one.spills == 0);
                let best = sound().map(|one| one.seconds).min_by(f64::total_cmp)?;
                sum += sound().find(|one| one.id == *variant)?.seconds / best;
            }
            Some(sum / all.len() as f64)
        };
        let relative =
            shapes.iter().map(|(shape, _)| variants.iter().map(|variant| relative_of(*shape, variant)).collect()).collect();
        Problem { shapes, variants, relative }
    }

    /// Returns the sum over all shapes, weighted by their uses, of the relative time under a list of rules. A shape without a
    /// usable rule costs a lot.
    fn cost(&self, rules: &[Rule]) -> f64 {
        const UNUSABLE: f64 = 100.0;
        let of_shape = |index: usize| {
            let (shape, uses) = self.shapes[index];
            let usable = rules.iter().filter(|rule| rule.when.iter().all(|condition| condition.holds(shape)));
            let time = usable.filter_map(|rule| self.relative[index][rule.variant]).next();
            uses as f64 * time.unwrap_or(UNUSABLE)
        };
        (0..self.shapes.len()).map(of_shape).sum()
    }

    /// Returns the rules, first those that are tried first.
    fn solve(&self) -> Vec<Rule> {
        /// A further row must save this share.
        const WORTH: f64 = 0.005;
        let conditions = self.conditions();
        let mut sets: Vec<Vec<Condition>> = vec![Vec::new()];
        sets.extend(conditions.iter().map(|one| vec![*one]));
        for (index, one) in conditions.iter().enumerate() {
            let others = conditions[index + 1..].iter().filter(|other| other.quantity() != one.quantity());
            sets.extend(others.map(|other| vec![*one, *other]));
        }
        let mut rules: Vec<Rule> = Vec::new();
        let mut cost = self.cost(&rules);
        loop {
            let mut best: Option<(f64, Vec<Rule>)> = None;
            // The first row is for every shape.
            for when in sets.iter().take(if rules.is_empty() { 1 } else { sets.len() }) {
                for variant in 0..self.variants.len() {
                    let mut longer = vec![Rule { when: when.clone(), variant }];
                    longer.extend(rules.iter().cloned());
                    let its = self.cost(&longer);
                    if best.as_ref().is_none_or(|(least, _)| its < *least - 1e-9) {
                        best = Some((its, longer));
                    }
                }
            }
            match best {
                Some((its, longer)) if rules.is_empty() || its < cost * (1.0 - WORTH) => (cost, rules) = (its, longer),
                _ => return rules,
            }
        }
    }

    /// Returns the conditions that split the shapes.
    fn conditions(&self) -> Vec<Condition> {
        use Quantity::*;
        let mut conditions = Vec::new();
        for quantity in [Stride, Outputs, Inputs, Rows, Results, OutWidth] {
            let values: BTreeSet<u64> = self.shapes.iter().filter_map(|(shape, _)| shape.quantity(quantity)).collect();
            if values.len() < 2 {
                continue;
            }
            for value in values {
                match quantity {
                    Stride => conditions.push(Condition::Is(quantity, value)),
                    _ => conditions.extend([Condition::AtMost(quantity, value), Condition::AtLeast(quantity, value)]),
                }
            }
        }
        conditions
    }
}

/// Returns the table as Rust.
fn table(all: &[(&Gpu, Times)], date: &str) -> String {
    let names: Vec<&str> = all.iter().map(|(gpu, _)| gpu.description).collect();
    let compilers: BTreeSet<&str> = all.iter().map(|(_, times)| times.compiler.as_str()).collect();
    let gpus = all.iter().map(|(gpu, _)| gpu.name).collect::<Vec<_>>().join(",");
    let mut text = format!(
        "//! Generated by `kernels tables --gpu {gpus} --date {date}`. Do not edit it; change the model of time or the kernels.\n\n\
         use crate::profiles::Condition::*;\nuse crate::profiles::Operation::*;\nuse crate::profiles::Quantity::*;\n\
         use crate::profiles::{{Provenance, Row}};\n\n\
         /// Returns the provenance of a row: what the compilers made of the variant. No hardware ran it.\n\
         const fn modelled(figure: &'static str) -> Provenance {{\n    Provenance {{\n        \
         tool: \"kernels tables\",\n        device: \"{}; {}\",\n        date: \"{date}\",\n        figure,\n    }}\n}}\n\n\
         /// The rows, in the order in which they are tried.\npub const TABLE: &[Row] = &[\n",
        names.join(", "),
        compilers.into_iter().collect::<Vec<_>>().join(", ")
    );
    let operation = Operation::Pointwise;
    let problem = Problem::new(all, operation);
    for rule in problem.solve() {
        let id = &problem.variants[rule.variant];
        let shares = all.iter().filter_map(|(gpu, times)| {
            let mut candidates = times.shapes.iter().flat_map(|one| &one.candidates);
            candidates.find(|one| one.id == *id).map(|one| format!("{:.2} ({})", one.share, gpu.name))
        });
        let figure = format!("share of multiply-adds {}; no spills", shares.collect::<Vec<_>>().join(", "));
        let when: Vec<String> = rule.when.iter().map(|condition| format!("{condition:?}")).collect();
        let mut row = |constructor: &str, variant: &str| {
            text += &format!(
                "    Row::{constructor}(\n        {operation:?},\n        &[{}],\n        {:?},\n        {variant:?},\n        \
                     modelled({figure:?}),\n    ),\n",
                when.join(", "),
                id.kernel
            );
        };
        row("new", &id.variant);
        let half = format!("{} of f16", id.variant);
        let exists = ALL.iter().any(|kernel| kernel.name == id.kernel && kernel.variants.iter().any(|one| one.name == half));
        if exists {
            row("half", &half);
        }
    }
    text + "];\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineament::plan::WeightLayout;

    fn shape(rows: u32, outputs: u32) -> OperationShape {
        OperationShape::Pointwise { rows, inputs: 32, outputs, layout: WeightLayout::Panels }
    }

    #[test]
    fn the_list_of_rules_takes_the_best_variant_for_every_shape_if_conditions_can_tell_them_apart() {
        let shapes = [(49, 320), (196, 96), (12_544, 16), (12_544, 96), (100_352, 16), (100_352, 144)];
        // Small tiles are best for few results, narrow ones for few outputs.
        let relative = shapes.map(|(rows, outputs)| {
            let large = if rows > 1000 { 1.0 } else { 3.0 };
            let small = if rows > 1000 { 1.5 } else { 1.0 };
            let narrow = if outputs == 16 { Some(0.7) } else { None };
            vec![Some(large), Some(small), narrow]
        });
        let variants = ["large", "small", "narrow"].map(|name| VariantId::new("k", name)).to_vec();
        let problem = Problem {
            shapes: shapes.map(|(rows, outputs)| (shape(rows, outputs), 1)).to_vec(),
            variants,
            relative: relative.to_vec(),
        };
        let rules = problem.solve();
        let chosen: Vec<usize> = (0..shapes.len())
            .map(|index| {
                let holds = |rule: &&Rule| rule.when.iter().all(|condition| condition.holds(problem.shapes[index].0));
                let usable = |rule: &&Rule| problem.relative[index][rule.variant].is_some();
                rules.iter().filter(holds).find(usable).expect("a rule").variant
            })
            .collect();
        assert_eq!(chosen, [1, 1, 2, 0, 2, 0]);
        assert_eq!(rules.len(), 3);
    }
}
