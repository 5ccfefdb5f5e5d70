//! A neuron that listens to a live source: a thread sends spikes as they happen, the neuron answers each millisecond. Neither
//! Burn nor an allocation is needed for a step; `elm-stream` alone reads the model that ships.

use std::error::Error;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use elm_stream::file::from_safetensors;

const MODEL: &[u8] = include_bytes!("../../../crates/elm-train/models/neuronio-m20.safetensors");
const MILLISECONDS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut neuron = from_safetensors(MODEL)?.stream()?;
    let spikes = source(neuron.inputs());
    let (mut slowest, mut above) = (Duration::ZERO, 0);
    for (ms, events) in spikes.iter().enumerate() {
        let begun = Instant::now();
        let y = neuron.step_events(&events)?;
        slowest = slowest.max(begun.elapsed());
        // the logit of a spike, and a tenth of the voltage's distance to -67.7 mV
        let (probability, voltage) = (1.0 / (1.0 + (-y[0]).exp()), y[1] * 10.0 - 67.7);
        above += usize::from(probability > 0.1);
        if ms % 100 == 0 {
            println!("{ms:>5} ms  spike {probability:.4}  soma {voltage:.1} mV");
        }
    }
    println!("{above} steps with a spike probability above 0.1; the slowest step took {slowest:?}");
    Ok(())
}

/// Sends what spikes in each millisecond; a volley of a hundred excitatory synapses comes every 200.
fn source(channels: usize) -> Receiver<Vec<(usize, f32)>> {
    // a source that is faster than the neuron waits for it
    let (sender, receiver) = mpsc::sync_channel(16);
    thread::spawn(move || {
        for ms in 0..MILLISECONDS {
            let background = (ms * 37 % 11 == 0).then_some((ms * 53 % channels, 1.0));
            let volley = (0..100).filter(|_| ms % 200 == 150);
            let events = volley.map(|i| (i * 6 % (channels / 2), 1.0));
            if sender.send(events.chain(background).collect()).is_err() {
                return;
            }
        }
    });
    receiver
}
