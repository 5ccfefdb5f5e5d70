//! A neuron that listens to a live source: a thread sends spikes as they happen, the neuron answers each millisecond. Neither
//! Burn nor an allocation is needed for a step; `elm-stream` alone reads the model that ships.

use std::error::Error;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use elm_stream::file::from_safetensors;

const MODEL: &[u8] = include_bytes!("../../../crates/elm-train/models/neuronio-m20.safetensors");
const MILLISECONDS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut neuron = from_safetensors(MODEL)?.stream()?;
    let spikes = source(neuron.inputs());
    let (mut slowest, mut expected) = (Duration::ZERO, 0.0);
    for (ms, events) in (1..).zip(&spikes) {
        let begun = Instant::now();
        let y = neuron.step_events(&events)?;
        slowest = slowest.max(begun.elapsed());
        // the logit of a spike, and a tenth of the voltage's distance to -67.7 mV
        expected += 1.0 / (1.0 + (-y[0]).exp());
        if ms % 200 == 0 {
            let voltage = y[1] * 10.0 - 67.7;
            println!(
                "{ms:>5} ms  spikes expected in the last 200 ms: {expected:.2}  soma now: {voltage:.1} mV"
            );
            expected = 0.0;
        }
    }
    println!("the slowest step took {slowest:?}");
    Ok(())
}

/// Sends what spikes in each millisecond: the first half of the channels excites (1), the other inhibits (-1). Excitation comes
/// and goes.
fn source(channels: usize) -> Receiver<Vec<(usize, f32)>> {
    // a source that is faster than the neuron waits for it
    let (sender, receiver) = mpsc::sync_channel(16);
    let (half, mut random) = (channels / 2, 1_u32);
    thread::spawn(move || {
        for ms in 0..MILLISECONDS {
            let excitation = if ms / 400 % 2 == 0 { 6 } else { 2 };
            let mut draw = |_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 8) as usize % half
            };
            let mut events: Vec<(usize, f32)> = Vec::new();
            events.extend((0..excitation).map(&mut draw).map(|synapse| (synapse, 1.0)));
            events.extend((0..2).map(&mut draw).map(|synapse| (half + synapse, -1.0)));
            if sender.send(events).is_err() {
                return;
            }
        }
    });
    receiver
}
