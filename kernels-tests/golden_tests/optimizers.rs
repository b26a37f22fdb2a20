//! The optimizers of the `optimizers` and `era` groups: parameters and state after every update, as Keras and PyTorch have
//! them.

use lineament::ops::{Adadelta, Adam, AdamForm, AnyOptimizer, Sgd, Update, padded_channels};
use lineament::plan::{Plan, View};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::golden_tests::data::GoldenError;
use crate::golden_tests::kernels::Fixture;
use crate::golden_tests::train::{Results, near, padded, unpadded};

/// Returns the optimizer that a fixture's name says, with the settings in its manifest, and its learning rate.
fn optimizer_of(fixture: &Fixture) -> Result<(AnyOptimizer, f64), GoldenError> {
    let given = |key: &str| fixture.entry["params"][key].as_f64();
    // Keras 2.2.4 calls it `epsilon`.
    let rate = |keys: &[&str]| keys.iter().find_map(|key| given(key)).ok_or_else(|| fixture.unusable(keys[0]));
    let optimizer = match fixture.file.trim_start_matches("optimizer_").split('_').next() {
        Some("adadelta") => Adadelta { rho: rate(&["rho"])? as f32, epsilon: rate(&["eps", "epsilon"])? as f32 }.into(),
        Some("adam") => {
            let form = if fixture.file.contains("torch") { AdamForm::Pytorch } else { AdamForm::Keras };
            let (betas, epsilon) = ([rate(&["beta1"])?, rate(&["beta2"])?], rate(&["eps", "epsilon"])?);
            Adam { form, epsilon, weight_decay: 0.0, betas }.into()
        }
        Some("sgd") => {
            let momentum = given("momentum").unwrap_or(0.0) as f32;
            let nesterov = fixture.entry["params"]["nesterov"].as_bool().unwrap_or(false);
            Sgd { momentum, nesterov }.into()
        }
        _ => return Err(fixture.unusable("optimizer")),
    };
    Ok((optimizer, rate(&["lr"])?))
}

/// Returns the names of the states: Keras numbers them, PyTorch names them.
fn state_names(optimizer: &AnyOptimizer) -> &'static [[&'static str; 2]] {
    match optimizer.kernel().name {
        "adadelta" => &[["state_0", "state_square_avg"], ["state_1", "state_acc_delta"]],
        "adam" => &[["state_0", "state_exp_avg"], ["state_1", "state_exp_avg_sq"]],
        _ => &[["state_0", "state_momentum_buffer"]],
    }
}

/// Updates parameters with the fixture's gradients, and compares them and the state after every update.
pub fn run(device: &Device, fixture: &Fixture) -> Results {
    let gradients = fixture.arrays.get("grads")?;
    let [steps, count] = gradients.shape[..] else { return Err(fixture.unusable("grads")) };
    let padded_count = padded_channels(count as u32);
    let (optimizer, learning_rate) = optimizer_of(fixture)?;
    let names = state_names(&optimizer);
    let mut plan = Plan::new(fixture.file);
    let mut tensor = |label: &str| plan.persistent(label, 4 * u64::from(padded_count));
    let (gradient, parameter) = (tensor("gradient"), tensor("parameter"));
    let state: Vec<View> = names.iter().map(|names| tensor(names[0])).collect();
    let step = |number| {
        let update = Update { count: padded_count, decays: true, learning_rate, number };
        optimizer.step("update", update, gradient, parameter, &state)
    };
    plan.push(step(1));
    let program = Program::new(device, &plan, &[])?;
    program.write(device, parameter, bytemuck::cast_slice(&padded(&fixture.arrays.get("p0")?.values, count)));

    let views = [&[parameter], &state[..]].concat();
    let mut found = vec![Vec::with_capacity(steps * count); views.len()];
    for (number, values) in (1..).zip(gradients.values.chunks(count)) {
        program.set_params(device, 0, &step(number).params);
        program.write(device, gradient, bytemuck::cast_slice(&padded(values, count)));
        program.run(device)?;
        for (view, values) in views.iter().zip(&mut found) {
            values.extend(unpadded(&program.read(device, *view)?, count));
        }
    }
    let names = [&[["params", "params"]], names].concat();
    let result = |(names, values): ([&str; 2], &Vec<f32>)| {
        let name = names.into_iter().find(|name| fixture.arrays.get(name).is_ok()).unwrap_or(names[0]);
        // PyTorch's momentum does not contain the learning rate.
        let scale = if name == "state_momentum_buffer" { -f64::from(learning_rate as f32) } else { 1.0 };
        let expected: Vec<f64> = fixture.arrays.get(name)?.values.iter().map(|value| scale * value).collect();
        Ok(near(fixture.file, name, values, &expected))
    };
    names.into_iter().zip(&found).map(result).collect()
}
