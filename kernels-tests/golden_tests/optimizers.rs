//! The optimizers of the `optimizers` and `era` groups: compares parameters and states after every update with Keras and
//! PyTorch.

use lineament::ops::{Adadelta, Adam, AdamForm, AnyOptimizer, Sgd, Update, padded_channels};
use lineament::plan::{Plan, Step, View};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::golden_tests::data::GoldenError;
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::train::{Results, near, padded, unpadded};

/// An optimizer as a fixture uses it.
struct Trial {
    rule: AnyOptimizer,
    learning_rate: f64,
    /// The two names of each state: Keras numbers them, and PyTorch names them.
    states: &'static [[&'static str; 2]],
    /// The factor from PyTorch's momentum to the velocity of the library. PyTorch's does not include the learning rate.
    scale: f64,
}

impl Trial {
    /// Returns the optimizer in the name of a fixture, with the settings in its manifest.
    fn of(fixture: &Fixture) -> Result<Trial, GoldenError> {
        let given = |key: &str| fixture.entry["params"][key].as_f64();
        // The fixtures of Keras 2.2.4 say `epsilon` instead of `eps`.
        let number = |keys: &[&str]| keys.iter().find_map(|key| given(key)).ok_or_else(|| fixture.unusable(keys[0]));
        let learning_rate = number(&["lr"])?;
        let (rule, states): (AnyOptimizer, &[[&str; 2]]) = match fixture.file.trim_start_matches("optimizer_").split('_').next() {
            Some("adadelta") => {
                let (rho, epsilon) = (number(&["rho"])? as f32, number(&["eps", "epsilon"])? as f32);
                let states = &[["state_0", "state_square_avg"], ["state_1", "state_acc_delta"]];
                (Adadelta { rho, epsilon }.into(), states)
            }
            Some("adam") => {
                let form = if fixture.file.contains("torch") { AdamForm::Pytorch } else { AdamForm::Keras };
                let (betas, epsilon) = ([number(&["beta1"])?, number(&["beta2"])?], number(&["eps", "epsilon"])?);
                let states = &[["state_0", "state_exp_avg"], ["state_1", "state_exp_avg_sq"]];
                (Adam { form, betas, epsilon, weight_decay: 0.0 }.into(), states)
            }
            Some("sgd") => {
                let momentum = given("momentum").unwrap_or(0.0) as f32;
                let nesterov = fixture.entry["params"]["nesterov"].as_bool().unwrap_or(false);
                (Sgd { momentum, nesterov }.into(), &[["state_0", "state_momentum_buffer"]])
            }
            _ => return Err(fixture.unusable("optimizer")),
        };
        // The kernel computes with the learning rate in 32 bits.
        Ok(Trial { rule, learning_rate, states, scale: -f64::from(learning_rate as f32) })
    }

    fn step(&self, count: u32, number: u32, [gradient, parameter]: [View; 2], states: &[View]) -> Step {
        let update = Update { count, decays: true, learning_rate: self.learning_rate, number };
        self.rule.step("update", update, gradient, parameter, states)
    }
}

/// Updates parameters with the fixture's gradients, and compares them and the state after every update.
pub fn run(device: &Device, fixture: &Fixture) -> Results {
    let gradients = fixture.arrays.get("grads")?;
    let [steps, count] = gradients.shape[..] else { return Err(fixture.unusable("grads")) };
    let padded_count = padded_channels(count as u32);
    let optimizer = Trial::of(fixture)?;
    let mut plan = Plan::new(fixture.file);
    let mut tensor = |label: &str| plan.persistent(label, 4 * u64::from(padded_count));
    let (gradient, parameter) = (tensor("gradient"), tensor("parameter"));
    let state: Vec<View> = optimizer.states.iter().map(|names| tensor(names[0])).collect();
    plan.push(optimizer.step(padded_count, 1, [gradient, parameter], &state));
    let program = Program::new(device, &plan, &[])?;
    program.write(device, parameter, bytemuck::cast_slice(&padded(&fixture.arrays.get("p0")?.values, count)));

    let views = [&[parameter], &state[..]].concat();
    let mut found = vec![Vec::with_capacity(steps * count); views.len()];
    for (update, step) in (1..).zip(gradients.values.chunks(count)) {
        let step_of_update = optimizer.step(padded_count, update, [gradient, parameter], &state);
        program.set_params(device, 0, &step_of_update.params);
        program.write(device, gradient, bytemuck::cast_slice(&padded(step, count)));
        program.run(device)?;
        for (view, values) in views.iter().zip(&mut found) {
            values.extend(unpadded(&program.read(device, *view)?, count));
        }
    }
    let names = [&[["params", "params"]], optimizer.states].concat();
    let result = |(names, values): ([&str; 2], &Vec<f32>)| {
        let name = names.into_iter().find(|name| fixture.arrays.get(name).is_ok()).unwrap_or(names[0]);
        let scale = if name == "state_momentum_buffer" { optimizer.scale } else { 1.0 };
        let expected: Vec<f64> = fixture.arrays.get(name)?.values.iter().map(|value| scale * value).collect();
        Ok(near(fixture.file, name, values, &expected))
    };
    names.into_iter().zip(&found).map(result).collect()
}
