//! `kernels`: tests and times every kernel on the adapter of this machine.

mod case;
mod cases;
mod random;
mod reference;

fn main() {
    let gpu = lineament::gpu::Gpu::open(&Default::default()).unwrap();
    let context = case::Context { lanes: gpu.lanes() };
    println!("{:?}", gpu.report());
    let only = std::env::args().nth(1).unwrap_or_default();
    for case in cases::all(context) {
        let label = format!("{} {} {}", case.kernel, case.variant, case.name);
        if !label.contains(&only) {
            continue;
        }
        let program =
            lineament::scheduler::Program::new(&gpu, &case.plan, &[]).unwrap_or_else(|error| panic!("{label}: {error}"));
        for (view, bytes) in &case.inputs {
            program.write(&gpu, *view, bytes);
        }
        if case.purpose == case::Purpose::Benchmark {
            let mut times: Vec<f64> = (0..5).map(|_| program.run_timed(&gpu).unwrap()[0].seconds).collect();
            times.sort_by(f64::total_cmp);
            let cost = case.plan.cost();
            println!("{label}: {:.3} ms, {:.1} GFLOP/s", times[2] * 1e3, cost.flops as f64 / times[2] / 1e9);
        } else {
            program.run(&gpu).unwrap();
            for output in &case.outputs {
                let y: Vec<f32> = program.read(&gpu, output.view).unwrap();
                let y: Vec<f64> =
                    y.iter().map(|y| if output.integers { f64::from(y.to_bits()) } else { f64::from(*y) }).collect();
                let expected = (output.expected)();
                let error: f64 = y.iter().zip(&expected).map(|(y, e)| (y - e).powi(2)).sum::<f64>();
                let norm: f64 = expected.iter().map(|e| e * e).sum::<f64>().max(1e-300);
                println!("{label}: nmse {:.2e} {}", error / norm, if error / norm <= output.nmse { "ok" } else { "FAILED" });
            }
        }
    }
}
