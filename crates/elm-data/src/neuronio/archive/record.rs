//! One simulation as bytes.
//!
//! Plain form, before compression: varint length and bytes of the source name; varints index, duration (ms), number
//! of events, number of output spikes; flags (bit 0: voltage in 16 bits, bit 1: output spikes in 16 bits); then, one
//! after the other so that like lies beside like:
//! - for each ms, the number of events (varint);
//! - for each event, its channel less the one before in the same ms, less one (the first counts from -1), as a sum of
//!   bytes that ends with the first byte below 255 (one symbol per event suits the compressor);
//! - the output spike times (`f32`, or the bits of `f16`);
//! - the voltage: bits of `f32`, or of `f16` as differences of second order (zigzag: the sign in the lowest bit), all low
//!   bytes first, then all high.

use std::io::{Read, Write};

use flate2::Compression;
use half::f16;

use super::Head;
use crate::neuronio::simulation::{MAX_DURATION_MS, NUM_CHANNELS, Simulation, SpikeEvent};

const VOLTAGE_16: u8 = 1;
const SPIKES_16: u8 = 2;
const KNOWN_FLAGS: u8 = VOLTAGE_16 | SPIKES_16;

/// A compressed record.
pub(super) struct Record {
    pub(super) deflated: Vec<u8>,
    pub(super) plain_size: usize,
}

/// What a simulation must satisfy to be written, and what is checked again when it is read.
fn check(simulation: &Simulation) -> Result<(), String> {
    let duration = simulation.duration_ms;
    if simulation.soma_mv.len() != duration as usize {
        return Err(format!(
            "expected {duration} voltages, found {}",
            simulation.soma_mv.len()
        ));
    }
    if let Some(ms) = simulation.soma_mv.iter().position(|v| !v.is_finite()) {
        return Err(format!(
            "expected a voltage at {ms} ms, found {}",
            simulation.soma_mv[ms]
        ));
    }
    if let Some(t) = simulation.output_spikes_ms.iter().find(|t| !t.is_finite()) {
        return Err(format!("expected the time of an output spike, found {t}"));
    }
    if let Some(e) = simulation
        .events
        .iter()
        .find(|e| e.time_ms() >= duration || usize::from(e.channel()) >= NUM_CHANNELS)
    {
        let (time, channel) = (e.time_ms(), e.channel());
        return Err(format!(
            "expected events below {duration} ms and channel {NUM_CHANNELS}, found one at {time} ms in channel {channel}"
        ));
    }
    if simulation.events.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("expected events in order of time and channel, each once".into());
    }
    Ok(())
}

/// The 16-bit floats equal to `values`, if there are such (bit for bit).
fn half_floats(values: &[f32]) -> Option<Vec<u16>> {
    let exact = |v: &f32| {
        Some(f16::from_f32(*v))
            .filter(|h| h.to_f32().to_bits() == v.to_bits())
            .map(f16::to_bits)
    };
    values.iter().map(exact).collect()
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub(super) fn encode(simulation: &Simulation) -> Result<Record, String> {
    let of = |problem: String| {
        format!(
            "simulation {} of {}: {problem}",
            simulation.index, simulation.source
        )
    };
    check(simulation).map_err(of)?;
    let plain = plain(simulation);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    let deflated = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let deflated = deflated.map_err(|e| of(format!("cannot be compressed ({e})")))?;
    Ok(Record {
        deflated,
        plain_size: plain.len(),
    })
}

/// Differences of the differences, zigzag.
fn second_differences(bits: &[u16]) -> Vec<u16> {
    let (mut value, mut slope) = (0u16, 0u16);
    let code = |&next: &u16| {
        let difference = next.wrapping_sub(value).wrapping_sub(slope);
        slope = next.wrapping_sub(value);
        value = next;
        (difference << 1) ^ (difference.cast_signed() >> 15).cast_unsigned()
    };
    bits.iter().map(code).collect()
}

fn plain(simulation: &Simulation) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, simulation.source.len() as u64);
    out.extend_from_slice(simulation.source.as_bytes());
    put_varint(&mut out, u64::from(simulation.index));
    put_varint(&mut out, u64::from(simulation.duration_ms));
    put_varint(&mut out, simulation.events.len() as u64);
    put_varint(&mut out, simulation.output_spikes_ms.len() as u64);
    let voltage_16 = half_floats(&simulation.soma_mv);
    let spikes_16 = half_floats(&simulation.output_spikes_ms);
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(flag(voltage_16.is_some(), VOLTAGE_16) | flag(spikes_16.is_some(), SPIKES_16));
    let mut events = simulation.events.as_slice();
    for ms in 0..simulation.duration_ms {
        let n = events.iter().take_while(|e| e.time_ms() == ms).count();
        put_varint(&mut out, n as u64);
        events = &events[n..];
    }
    let (mut ms, mut next) = (0, 0);
    for event in &simulation.events {
        if event.time_ms() != ms {
            (ms, next) = (event.time_ms(), 0);
        }
        let skipped = event.channel() - next;
        out.extend(std::iter::repeat_n(u8::MAX, usize::from(skipped / 255)));
        out.push((skipped % 255) as u8);
        next = event.channel() + 1;
    }
    match spikes_16 {
        Some(bits) => out.extend(bits.iter().flat_map(|b| b.to_le_bytes())),
        None => out.extend(
            simulation
                .output_spikes_ms
                .iter()
                .flat_map(|v| v.to_le_bytes()),
        ),
    }
    match voltage_16 {
        Some(bits) => {
            let codes = second_differences(&bits);
            out.extend(codes.iter().map(|d| *d as u8));
            out.extend(codes.iter().map(|d| (d >> 8) as u8));
        }
        None => out.extend(simulation.soma_mv.iter().flat_map(|v| v.to_le_bytes())),
    }
    out
}

/// A cursor on a plain record.
struct Plain<'a> {
    rest: &'a [u8],
}

/// What a plain record begins with.
struct Start<'a> {
    source: &'a str,
    index: u32,
    duration_ms: u32,
    events: u32,
    spikes: u32,
    flags: u8,
}

impl<'a> Plain<'a> {
    fn start(&mut self) -> Result<Start<'a>, String> {
        let name = self.varint()? as usize;
        let source = std::str::from_utf8(self.bytes(name)?)
            .map_err(|_| "the name of its source is not text")?;
        let (index, duration_ms) = (self.varint()?, self.varint()?);
        let (events, spikes) = (self.varint()?, self.varint()?);
        let flags = self.bytes(1)?[0];
        if flags & !KNOWN_FLAGS != 0 {
            return Err(format!("unknown flags {flags:#04x}"));
        }
        if duration_ms >= MAX_DURATION_MS {
            return Err(format!(
                "expected less than {MAX_DURATION_MS} ms, found {duration_ms}"
            ));
        }
        Ok(Start {
            source,
            index,
            duration_ms,
            events,
            spikes,
            flags,
        })
    }

    fn bytes(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or("it is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u32, String> {
        let mut n = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.bytes(1)?[0];
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(n).map_err(|_| format!("the number {n} is too large"));
            }
        }
        Err("a number has too many bytes".into())
    }

    /// A sum of bytes that ends with the first below 255.
    fn skipped(&mut self) -> Result<usize, String> {
        let mut sum = 0;
        loop {
            let byte = self.bytes(1)?[0];
            sum += usize::from(byte);
            if byte < u8::MAX {
                return Ok(sum);
            }
        }
    }

    /// `n` floats of 32 bits, or of 16.
    fn floats(&mut self, n: usize, in_16: bool) -> Result<Vec<f32>, String> {
        let raw = self.bytes(
            n.checked_mul(if in_16 { 2 } else { 4 })
                .ok_or("it is cut off")?,
        )?;
        Ok(if in_16 {
            raw.as_chunks::<2>()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f32())
                .collect()
        } else {
            raw.as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect()
        })
    }

    fn voltage(&mut self, n: usize, in_16: bool) -> Result<Vec<f32>, String> {
        if !in_16 {
            return self.floats(n, false);
        }
        let (low, high) = (self.bytes(n)?, self.bytes(n)?);
        let (mut value, mut slope) = (0u16, 0u16);
        let sums = low.iter().zip(high).map(|(l, h)| {
            let code = u16::from_le_bytes([*l, *h]);
            slope = slope.wrapping_add((code >> 1) ^ (code & 1).wrapping_neg());
            value = value.wrapping_add(slope);
            f16::from_bits(value).to_f32()
        });
        Ok(sums.collect())
    }

    fn events(&mut self, duration: u32, total: u32) -> Result<Vec<SpikeEvent>, String> {
        let mut times = Plain { rest: self.rest };
        for _ in 0..duration {
            self.varint()?; // the counts; `times` reads them again beside the channels
        }
        if total as usize > self.rest.len() {
            return Err(format!(
                "it claims {total} events in {} bytes",
                self.rest.len()
            ));
        }
        let mut events = Vec::with_capacity(total as usize);
        for time_ms in 0..duration {
            let mut next = 0;
            for _ in 0..times.varint()? {
                let channel = next + self.skipped()?;
                if channel >= NUM_CHANNELS {
                    return Err(format!(
                        "an event at {time_ms} ms is in channel {channel} of {NUM_CHANNELS}"
                    ));
                }
                if events.len() == total as usize {
                    return Err(format!("it holds more than the {total} events it claims"));
                }
                let event = SpikeEvent::new(time_ms, channel as u16);
                events.push(event.ok_or("it is too long")?);
                next = channel + 1;
            }
        }
        if events.len() != total as usize {
            return Err(format!("expected {total} events, found {}", events.len()));
        }
        Ok(events)
    }
}

/// Plain bytes of a record that its head is looked for in; longer names are refused.
const HEAD: u64 = 2048;

/// The head of a record, without what follows.
pub(super) fn head(deflated: &[u8]) -> Result<Head, String> {
    let mut plain = Vec::with_capacity(HEAD as usize);
    flate2::bufread::DeflateDecoder::new(deflated)
        .take(HEAD)
        .read_to_end(&mut plain)
        .map_err(|e| format!("cannot be decompressed ({e})"))?;
    let mut plain = Plain { rest: &plain };
    let start = plain.start()?;
    let first = start.duration_ms.min(Head::COUNTED_MS);
    let counts = (0..first)
        .map(|_| plain.varint())
        .collect::<Result<Vec<u32>, String>>()?;
    let totals = [start.duration_ms, start.events, start.spikes];
    Ok(Head::new(start.source.into(), start.index, totals, &counts))
}

/// Reads a record; `plain_size` has been checked against what deflate can do.
pub(super) fn decode(deflated: &[u8], plain_size: usize) -> Result<Simulation, String> {
    let mut plain = Vec::with_capacity(plain_size);
    let decoder = flate2::bufread::DeflateDecoder::new(deflated);
    decoder
        .take(plain_size as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|e| format!("cannot be decompressed ({e})"))?;
    if plain.len() != plain_size {
        return Err(format!(
            "expected {plain_size} bytes, found {}",
            if plain.len() > plain_size {
                "more"
            } else {
                "fewer"
            }
        ));
    }
    let mut plain = Plain { rest: &plain };
    let Start {
        source,
        index,
        duration_ms,
        events,
        spikes,
        flags,
    } = plain.start()?;
    let simulation = Simulation {
        source: source.into(),
        index,
        duration_ms,
        events: plain.events(duration_ms, events)?,
        output_spikes_ms: plain.floats(spikes as usize, flags & SPIKES_16 != 0)?,
        soma_mv: plain.voltage(duration_ms as usize, flags & VOLTAGE_16 != 0)?,
    };
    if !plain.rest.is_empty() {
        return Err(format!("{} bytes are left over", plain.rest.len()));
    }
    check(&simulation)?;
    Ok(simulation)
}
