//! What the native stream makes of a model and of spikes from a simple generator: the browser test compares its numbers.
//!
//! `reference MODEL STEPS RESTART OUT` writes `[step, output]` as little-endian f32; every RESTART steps, unless that is
//! 0, the model is brought to rest.

use std::error::Error;
use std::f64::consts::TAU;

use elm_web::Runner;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, steps, restart, out] = arguments.as_slice() else {
        return Err("expected MODEL STEPS RESTART OUT".into());
    };
    let mut runner = Runner::load(&std::fs::read(model)?)?;
    let mut spikes = Spikes(1);
    let mut bytes = Vec::new();
    let restart = restart.parse::<usize>()?;
    for step in 0..steps.parse::<usize>()? {
        if restart > 0 && step % restart == 0 {
            runner.reset();
        }
        spikes.fill(&mut runner.input);
        // a picture's pixel and its column, as the page tells them
        if let ([_, sine, cosine], 1024) = (runner.input.as_mut_slice(), restart) {
            let turn = TAU * (step % 32) as f64 / 32.0;
            (*sine, *cosine) = (turn.sin() as f32, turn.cos() as f32);
        }
        runner.step()?;
        for y in &runner.output {
            bytes.extend_from_slice(&y.to_le_bytes());
        }
    }
    std::fs::write(out, bytes)?;
    Ok(())
}

/// Numerical Recipes' linear congruential generator, as `web/test/browser.mjs` has it.
struct Spikes(u32);

impl Spikes {
    /// About one channel in 64 spikes; those of the second half are inhibitory.
    fn fill(&mut self, input: &mut [f32]) {
        let half = input.len() / 2;
        for (channel, x) in input.iter_mut().enumerate() {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let spike = self.0 >> 26 == 0;
            *x = match (spike, channel < half) {
                (false, _) => 0.0,
                (true, true) => 1.0,
                (true, false) => -1.0,
            };
        }
    }
}
