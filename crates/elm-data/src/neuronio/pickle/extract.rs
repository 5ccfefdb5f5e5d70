//! From the values of a pickle to simulations, checked.

use std::sync::Arc;

use crate::neuronio::simulation::{MAX_DURATION_MS, NUM_SEGMENTS, Simulation, SpikeEvent};
use crate::pickle::{Heap, List, Object, Value};

/// Keys whose values are read; large arrays under other keys are skipped.
pub(super) const NEEDED: [&str; 9] = [
    "Params",
    "Results",
    "listOfSingleSimulationDicts",
    "totalSimDurationInSec",
    "allSegmentsType",
    "exInputSpikeTimes",
    "inhInputSpikeTimes",
    "outputSpikeTimes",
    "somaVoltageLowRes",
];

/// All simulations under `root`, if they take at most `most_memory` bytes.
pub(super) fn simulations(
    heap: &Heap,
    root: Value,
    source: &Arc<str>,
    most_memory: u64,
) -> Result<Vec<Simulation>, String> {
    let Some(root_dict) = heap.dict(root) else {
        return Err(format!(
            "expected a dict with Params and Results, found {}",
            heap.describe(root)
        ));
    };
    let params = dict_field(heap, root_dict, "Params")?;
    let duration_ms = duration(heap, params)?;
    let segments = field(heap, params, "allSegmentsType")?;
    match heap.get(segments) {
        Some(Object::List(list)) if list.len() == NUM_SEGMENTS => {}
        Some(Object::Tuple(items)) if items.len() == NUM_SEGMENTS => {}
        Some(Object::Array(Some(array))) if array.shape == [NUM_SEGMENTS as i64] => {}
        _ => {
            let found = heap.describe(segments);
            return Err(format!(
                "Params.allSegmentsType: expected a list of {NUM_SEGMENTS}, found {found}"
            ));
        }
    }
    let results = dict_field(heap, root_dict, "Results")?;
    let list = field(heap, results, "listOfSingleSimulationDicts")?;
    let Some(items) = heap.items(list) else {
        let found = heap.describe(list);
        return Err(format!(
            "Results.listOfSingleSimulationDicts: expected a list of dicts, found {found}"
        ));
    };
    if items.is_empty() {
        return Err(
            "Results.listOfSingleSimulationDicts: expected at least one simulation, found none"
                .into(),
        );
    }
    let mut simulations = Vec::new();
    let mut taken = 0;
    for (index, item) in items.iter().enumerate() {
        let one = simulation(heap, *item, source, index as u32, duration_ms);
        let one = one.map_err(|problem| format!("simulation {index}: {problem}"))?;
        taken += one.size() as u64;
        if taken > most_memory {
            return Err(format!(
                "the first {} simulations take more than {most_memory} bytes, which the file cannot hold",
                index + 1
            ));
        }
        simulations.push(one);
    }
    Ok(simulations)
}

fn field(heap: &Heap, dict: &[(Value, Value)], key: &str) -> Result<Value, String> {
    heap.field(dict, key)
        .ok_or_else(|| format!("the field {key} is missing"))
}

fn dict_field<'a>(
    heap: &'a Heap,
    dict: &[(Value, Value)],
    key: &str,
) -> Result<&'a [(Value, Value)], String> {
    let value = field(heap, dict, key)?;
    heap.dict(value)
        .ok_or_else(|| format!("{key}: expected a dict, found {}", heap.describe(value)))
}

fn duration(heap: &Heap, params: &[(Value, Value)]) -> Result<u32, String> {
    let value = field(heap, params, "totalSimDurationInSec")?;
    let seconds = match value {
        Value::Int(i) => i as f64,
        Value::Float(f) => f,
        _ => f64::NAN,
    };
    let ms = (seconds * 1000.0).round();
    if ms >= 1.0 && ms < f64::from(MAX_DURATION_MS) {
        return Ok(ms as u32);
    }
    Err(format!(
        "Params.totalSimDurationInSec: expected a number of seconds from 0.001 to {}, found {}",
        MAX_DURATION_MS / 1000,
        heap.describe(value)
    ))
}

fn simulation(
    heap: &Heap,
    value: Value,
    source: &Arc<str>,
    index: u32,
    duration_ms: u32,
) -> Result<Simulation, String> {
    let Some(dict) = heap.dict(value) else {
        return Err(format!("expected a dict, found {}", heap.describe(value)));
    };
    // The voltage comes first: its checked length bounds what the spikes allocate.
    let soma_mv = soma(heap, field(heap, dict, "somaVoltageLowRes")?, duration_ms)?;
    let spikes = field(heap, dict, "outputSpikeTimes")?;
    let output_spikes_ms = floats(heap, spikes)
        .filter(|times| times.iter().all(|t| t.is_finite()))
        .ok_or_else(|| {
            format!(
                "outputSpikeTimes: expected a row of finite times, found {}",
                heap.describe(spikes)
            )
        })?;
    // The bin of a spike is half a ms before it: one at the very end is inside.
    let inside = |t: &f32| *t >= 0.0 && f64::from(*t) < f64::from(duration_ms) + 0.5;
    if let Some(t) = output_spikes_ms.iter().find(|t| !inside(t)) {
        return Err(format!(
            "outputSpikeTimes: expected times of 0 to {duration_ms} ms, found {t} ms"
        ));
    }
    let mut trains: Vec<Train> = vec![Train::default(); 2 * NUM_SEGMENTS];
    let (excitatory, inhibitory) = trains.split_at_mut(NUM_SEGMENTS);
    spike_trains(heap, dict, "exInputSpikeTimes", excitatory)?;
    spike_trains(heap, dict, "inhInputSpikeTimes", inhibitory)?;
    let events = sorted_events(&trains, duration_ms)?;
    // A cell without any input was not simulated: the file lacks what it should hold.
    if events.is_empty() {
        return Err(format!(
            "exInputSpikeTimes and inhInputSpikeTimes: expected input spikes, found none on all {} synapses",
            2 * NUM_SEGMENTS
        ));
    }
    Ok(Simulation {
        source: source.clone(),
        index,
        duration_ms,
        events,
        output_spikes_ms,
        soma_mv,
    })
}

fn soma(heap: &Heap, value: Value, duration_ms: u32) -> Result<Vec<f32>, String> {
    let voltages = floats(heap, value)
        .filter(|v| v.len() == duration_ms as usize)
        .ok_or_else(|| {
            format!(
                "somaVoltageLowRes: expected {duration_ms} voltages in a row, found {}",
                heap.describe(value)
            )
        })?;
    match voltages.iter().position(|v| !v.is_finite()) {
        Some(ms) => Err(format!(
            "somaVoltageLowRes: expected a voltage at {ms} ms, found {}",
            voltages[ms]
        )),
        None => Ok(voltages),
    }
}

/// A row of numbers: a one-dimensional numeric array, or a list or tuple of numbers.
fn floats(heap: &Heap, value: Value) -> Option<Vec<f32>> {
    let number = |v: Value| match v {
        Value::Float(f) => Some(f as f32),
        Value::Int(i) => Some(i as f32),
        _ => None,
    };
    match heap.get(value)? {
        Object::Array(Some(array)) if array.shape.len() == 1 && array.dtype.size > 0 => array
            .data
            .as_ref()?
            .chunks(array.dtype.size as usize)
            .map(|raw| number(array.dtype.element(raw)))
            .collect(),
        Object::List(List::Ints(ints)) => Some(ints.iter().map(|&i| i as f32).collect()),
        _ => heap.items(value)?.iter().map(|&v| number(v)).collect(),
    }
}

/// Spike times (ms) of one channel.
#[derive(Debug, Clone, Default)]
enum Train<'a> {
    #[default]
    Silent,
    Borrowed(&'a [i32]),
    Owned(Vec<i32>),
}

impl Train<'_> {
    fn times(&self) -> &[i32] {
        match self {
            Train::Silent => &[],
            Train::Borrowed(times) => times,
            Train::Owned(times) => times,
        }
    }
}

/// Reads the dict segment -> times under `key` into `trains`, one per segment.
fn spike_trains<'a>(
    heap: &'a Heap,
    simulation: &[(Value, Value)],
    key: &str,
    trains: &mut [Train<'a>],
) -> Result<(), String> {
    for (segment, times) in dict_field(heap, simulation, key)? {
        let slot = match segment {
            Value::Int(i) => usize::try_from(*i).ok().and_then(|i| trains.get_mut(i)),
            _ => None,
        };
        let Some(slot) = slot else {
            let found = heap.describe(*segment);
            return Err(format!(
                "{key}: expected segments 0 to {}, found {found}",
                NUM_SEGMENTS - 1
            ));
        };
        *slot = train(heap, *times).ok_or_else(|| {
            let (segment, found) = (heap.describe(*segment), heap.describe(*times));
            format!("{key}: expected a list of whole milliseconds under {segment}, found {found}")
        })?;
    }
    Ok(())
}

fn train(heap: &Heap, value: Value) -> Option<Train<'_>> {
    let integer = |v: Value| match v {
        Value::Int(i) => i32::try_from(i).ok(),
        Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e9 => Some(f as i32),
        _ => None,
    };
    match heap.get(value)? {
        Object::List(List::Ints(ints)) => Some(Train::Borrowed(ints)),
        Object::Array(Some(array)) if array.shape.len() == 1 && array.dtype.size > 0 => {
            let elements = array.data.as_ref()?.chunks(array.dtype.size as usize);
            elements
                .map(|raw| integer(array.dtype.element(raw)))
                .collect::<Option<_>>()
                .map(Train::Owned)
        }
        _ => heap
            .items(value)?
            .iter()
            .map(|&v| integer(v))
            .collect::<Option<_>>()
            .map(Train::Owned),
    }
}

/// All spikes by (time, channel), each once: a counting sort over time, which keeps the order of the channels.
fn sorted_events(trains: &[Train<'_>], duration_ms: u32) -> Result<Vec<SpikeEvent>, String> {
    let mut ends = vec![0u32; duration_ms as usize + 1];
    for (channel, train) in trains.iter().enumerate() {
        for &time in train.times() {
            let time = usize::try_from(time)
                .ok()
                .filter(|t| *t < duration_ms as usize)
                .ok_or_else(|| {
                    let (kind, segment) = if channel < NUM_SEGMENTS {
                        ("exInputSpikeTimes", channel)
                    } else {
                        ("inhInputSpikeTimes", channel - NUM_SEGMENTS)
                    };
                    format!(
                        "{kind}: segment {segment} has a spike at {time} ms, outside 0 to {} ms",
                        duration_ms - 1
                    )
                })?;
            ends[time + 1] += 1;
        }
    }
    for t in 1..ends.len() {
        ends[t] += ends[t - 1];
    }
    let total = ends.last().copied().unwrap_or(0) as usize;
    let mut events = vec![SpikeEvent::default(); total];
    for (channel, train) in trains.iter().enumerate() {
        for &time in train.times() {
            let place = &mut ends[time as usize];
            let event = SpikeEvent::new(time as u32, channel as u16);
            events[*place as usize] = event.unwrap_or_default(); // both were checked above
            *place += 1;
        }
    }
    events.dedup();
    Ok(events)
}
