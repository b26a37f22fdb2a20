//! The optimizers of the `optimizers` and `era` groups: parameters and state after every update, as Keras and PyTorch have
//! them.

use lineament::ops::{Adadelta, Adam, AdamForm, Sgd, padded_channels};
use lineament::plan::{Plan, View};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::golden_tests::data::GoldenError;
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::train::{Results, near, padded, unpadded};

/// An optimizer with its rates.
#[derive(Clone, Copy)]
enum Optimizer {
    Adadelta(Adadelta),
    Adam(Adam),
    Sgd(Sgd),
}

impl Optimizer {
    /// The one that a fixture's name says, with the rates in its manifest.
    fn of(fixture: &Fixture, count: u32) -> Result<Optimizer, GoldenError> {
        let given = |key: &str| fixture.entry["params"][key].as_f64();
        // Keras 2.2.4 calls it `epsilon`.
        let rate = |keys: &[&str]| keys.iter().find_map(|key| given(key)).ok_or_else(|| fixture.unusable(keys[0]));
        let learning_rate = rate(&["lr"])?;
        match fixture.file.trim_start_matches("optimizer_").split('_').next() {
            Some("adadelta") => {
                let (rho, epsilon) = (rate(&["rho"])? as f32, rate(&["eps", "epsilon"])? as f32);
                Ok(Optimizer::Adadelta(Adadelta { count, learning_rate: learning_rate as f32, rho, epsilon }))
            }
            Some("adam") => {
                let form = if fixture.file.contains("torch") { AdamForm::Pytorch } else { AdamForm::Keras };
                let (beta1, beta2, epsilon) = (rate(&["beta1"])?, rate(&["beta2"])?, rate(&["eps", "epsilon"])?);
                Ok(Optimizer::Adam(Adam { count, learning_rate, beta1, beta2, epsilon, weight_decay: 0.0, form, update: 1 }))
            }
            Some("sgd") => {
                let momentum = given("momentum").unwrap_or(0.0) as f32;
                let nesterov = fixture.entry["params"]["nesterov"].as_bool().unwrap_or(false);
                Ok(Optimizer::Sgd(Sgd { count, learning_rate: learning_rate as f32, momentum, nesterov }))
            }
            _ => Err(fixture.unusable("optimizer")),
        }
    }

    /// What each tensor of the state is called: Keras numbers them, PyTorch names them.
    fn state(self) -> &'static [[&'static str; 2]] {
        match self {
            Optimizer::Adadelta(_) => &[["state_0", "state_square_avg"], ["state_1", "state_acc_delta"]],
            Optimizer::Adam(_) => &[["state_0", "state_exp_avg"], ["state_1", "state_exp_avg_sq"]],
            Optimizer::Sgd(_) => &[["state_0", "state_momentum_buffer"]],
        }
    }

    fn plan(self, plan: &mut Plan, gradient: View, parameter: View, state: &[View]) {
        plan.push(match self {
            Optimizer::Adadelta(rates) => rates.step("update", gradient, parameter, [state[0], state[1]]),
            Optimizer::Adam(rates) => rates.step("update", gradient, parameter, [state[0], state[1]]),
            Optimizer::Sgd(rates) => rates.step("update", gradient, parameter, state[0]),
        });
    }

    /// The step's parameters at an update, from 1, where they change.
    fn params_at(self, update: u32) -> Option<Vec<u8>> {
        match self {
            Optimizer::Adam(rates) => Some(Adam { update, ..rates }.params()),
            _ => None,
        }
    }

    /// What a library's state is to be multiplied by to be ours: PyTorch's momentum does not hold the learning rate.
    fn scale(self, name: &str) -> f64 {
        match self {
            Optimizer::Sgd(rates) if name == "state_momentum_buffer" => -f64::from(rates.learning_rate),
            _ => 1.0,
        }
    }
}

/// Updates parameters with the fixture's gradients, and compares them and the state after every update.
pub fn run(device: &Device, fixture: &Fixture) -> Results {
    let gradients = fixture.arrays.get("grads")?;
    let [steps, count] = gradients.shape[..] else { return Err(fixture.unusable("grads")) };
    let padded_count = padded_channels(count as u32);
    let optimizer = Optimizer::of(fixture, padded_count)?;
    let mut plan = Plan::new(fixture.file);
    let mut tensor = |label: &str| plan.persistent(label, 4 * u64::from(padded_count));
    let (gradient, parameter) = (tensor("gradient"), tensor("parameter"));
    let state: Vec<View> = optimizer.state().iter().map(|names| tensor(names[0])).collect();
    optimizer.plan(&mut plan, gradient, parameter, &state);
    let program = Program::new(device, &plan, &[])?;
    program.write(device, parameter, bytemuck::cast_slice(&padded(&fixture.arrays.get("p0")?.values, count)));

    let views = [&[parameter], &state[..]].concat();
    let mut found = vec![Vec::with_capacity(steps * count); views.len()];
    for (update, step) in (1..).zip(gradients.values.chunks(count)) {
        if let Some(params) = optimizer.params_at(update) {
            program.set_params(device, 0, &params);
        }
        program.write(device, gradient, bytemuck::cast_slice(&padded(step, count)));
        program.run(device)?;
        for (view, values) in views.iter().zip(&mut found) {
            values.extend(unpadded(&program.read(device, *view)?, count));
        }
    }
    let names = [&[["params", "params"]], optimizer.state()].concat();
    let result = |(names, values): ([&str; 2], &Vec<f32>)| {
        let name = names.into_iter().find(|name| fixture.arrays.get(name).is_ok()).unwrap_or(names[0]);
        let scale = optimizer.scale(name);
        let expected: Vec<f64> = fixture.arrays.get(name)?.values.iter().map(|value| scale * value).collect();
        Ok(near(fixture.file, name, values, &expected))
    };
    names.into_iter().zip(&found).map(result).collect()
}
