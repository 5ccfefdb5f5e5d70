/** How right a neuron is on a recorded simulation. */

/** Steps after a spike in which there is no other. */
const REFRACTORY = 3;
/** Steps by which a predicted spike may be off. */
const NEAR = 5;
/** Steps at the start that do not count: the model starts at rest, the cell does not. */
export const BURN_IN = 150;
/** Voltage above which the cell spikes, and the model is not asked to follow (mV). */
const CLIP_MV = -55;

export interface Verdict {
  level: number;
  real: number;
  found: number;
  wrong: number;
  errorMv: number;
}

/** Steps at which the probability reaches a level, apart by more than the refractory time. */
export function spikesAt(chances: Float32Array, level: number): number[] {
  const spikes: number[] = [];
  chances.forEach((chance, step) => {
    if (chance >= level && (spikes.length === 0 || step - spikes[spikes.length - 1] > REFRACTORY)) spikes.push(step);
  });
  return spikes;
}

/** Level at which there are as many spikes as wanted. */
export function threshold(chances: Float32Array, wanted: number): number {
  let [low, high] = [1e-4, 1];
  for (let i = 0; i < 40; i++) {
    const middle = Math.sqrt(low * high);
    if (spikesAt(chances, middle).length > wanted) low = middle;
    else high = middle;
  }
  return high;
}

export function verdict(
  chances: Float32Array,
  voltages: Float32Array,
  level: number,
  real: number[],
  voltage: Float32Array,
): Verdict {
  const fired = spikesAt(chances, level);
  const near = (list: number[], step: number) => list.some((other) => Math.abs(other - step) <= NEAR);
  let squares = 0;
  for (let step = BURN_IN; step < voltage.length; step++) {
    const error = voltages[step] - Math.min(voltage[step], CLIP_MV);
    squares += error * error;
  }
  return {
    level,
    real: real.length,
    found: real.filter((step) => near(fired, step)).length,
    wrong: fired.filter((step) => !near(real, step)).length,
    errorMv: Math.sqrt(squares / Math.max(1, voltage.length - BURN_IN)),
  };
}
