/** What a model file says of its task: the part of its card that the page uses. */
import type { Facts } from "./engine";

export interface Card {
  task: string;
  about: string;
  stepMs: number | null;
  /** Names of the outputs of a classifier. */
  classes: string[] | null;
  /** Where a classifier answers: at the last step, or on average over all. */
  readout: "last" | "mean";
  binMs: number;
  /** A channel of grey, with `columns` two more that tell the column of a pixel, or null. */
  grey: { mean: number; std: number; columns?: number } | null;
  /** `(x − offset) / scale` for each channel, or null. */
  scaling: { offset: number[]; scale: number[] } | null;
  simulations: boolean;
}

/** What a file holds has no type. */
type Loose = any;

export function card(facts: Facts): Card {
  let task: Loose = null;
  try {
    task = JSON.parse(facts.metadata.elm_model_card ?? "null")?.task ?? null;
  } catch {
    // a card that is no JSON says nothing
  }
  const input = task?.input ?? null;
  const files = input?.files ?? null;
  const scaling = input?.arrays?.normalisation ?? null;
  const classes = task?.output?.meaning?.classes;
  return {
    task: task?.name ?? "",
    about: task?.about ?? "",
    stepMs: task?.step_ms ?? null,
    classes: Array.isArray(classes) && classes.length === facts.outputs ? classes.map(String) : null,
    readout: task?.output?.readout === "mean" ? "mean" : "last",
    binMs: files?.reading?.binning?.bin_ms ?? facts.step,
    grey: files?.encoding?.grey ?? null,
    scaling: scaling?.scale?.length === facts.inputs ? scaling : null,
    // published neurons of NeuronIO carry no card
    simulations: input === "simulations" || (task === null && facts.inputs === 1278 && facts.outputs === 2),
  };
}

/** Probabilities of classes from their scores. */
export function softmax(scores: ArrayLike<number>): number[] {
  const list = Array.from(scores);
  const top = Math.max(...list);
  const exps = list.map((score) => Math.exp(score - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

/** Scores that a classifier answers with: those of the last step, or the mean over the steps so far. */
export class Scores {
  private sum: number[] = [];
  private steps = 0;

  constructor(private readonly readout: Card["readout"]) {}

  reset(): void {
    this.sum = [];
    this.steps = 0;
  }

  /** Takes a step's output; the probabilities now. */
  add(output: Float32Array): number[] {
    if (this.readout === "last") return softmax(output);
    this.steps += 1;
    if (this.sum.length === 0) this.sum = new Array(output.length).fill(0);
    output.forEach((y, i) => (this.sum[i] += y));
    return softmax(this.sum.map((sum) => sum / this.steps));
  }
}
