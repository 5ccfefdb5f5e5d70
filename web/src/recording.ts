/** Recorded spikes; the format is described in `recordings/make.py`. */

export interface Recording {
  title: string;
  source: string;
  channels: number;
  stepMs: number;
  /** Channels that spike, step by step; a channel may occur twice. */
  spikes: Uint16Array[];
  inhibitoryFrom: number;
  label: number | null;
  outputSpikes: number[];
  signals: Record<string, Float32Array>;
}

export async function fetchBytes(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded (${response.status}).`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function recording(path: string): Promise<Recording> {
  return decode(await fetchBytes(path));
}

function decode(bytes: Uint8Array): Recording {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const spikes: Uint16Array[] = [];
  for (let step = 0; step < header.steps; step++) {
    const channels = new Uint16Array(number());
    let channel = 0;
    for (let i = 0; i < channels.length; i++) {
      channel += number();
      channels[i] = channel;
    }
    spikes.push(channels);
  }
  const signals: Record<string, Float32Array> = {};
  for (const { name, offset, scale } of header.signals) {
    const values = new Float32Array(header.steps);
    for (let i = 0; i < values.length; i++, at += 2) values[i] = offset + scale * view.getInt16(at, true);
    signals[name] = values;
  }
  return {
    title: header.title,
    source: header.source,
    channels: header.channels,
    stepMs: header.step_ms,
    spikes,
    inhibitoryFrom: header.inhibitory_from ?? Number.POSITIVE_INFINITY,
    label: header.label ?? null,
    outputSpikes: header.output_spikes ?? [],
    signals,
  };
}

/** The same spikes in steps of another length (ms). */
export function binned(from: Recording, stepMs: number): Uint16Array[] {
  const steps = Math.ceil((from.spikes.length * from.stepMs) / stepMs);
  const bins: number[][] = Array.from({ length: steps }, () => []);
  from.spikes.forEach((channels, step) => bins[Math.floor((step * from.stepMs) / stepMs)].push(...channels));
  return bins.map((channels) => Uint16Array.from(channels));
}
