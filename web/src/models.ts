/** The models that are served with the page, and those that a visitor brought. */
import { type Card, card } from "./card";
import type { Engine, Model } from "./engine";
import { fetchBytes } from "./recording";

export type SceneName = "neuron" | "digits" | "path";

export interface Listed {
  name: string;
  file: string;
  scene: SceneName;
  bytes: number;
}

export interface Loaded {
  name: string;
  model: Model;
  card: Card;
}

export class Models {
  private constructor(
    private readonly engine: Engine,
    private readonly listed: Listed[],
  ) {}

  static async list(engine: Engine): Promise<Models> {
    const response = await fetch("models.json");
    if (!response.ok) throw new Error(`The list of models could not be loaded (${response.status}).`);
    return new Models(engine, (await response.json()) as Listed[]);
  }

  of(scene: SceneName): Listed[] {
    return this.listed.filter((model) => model.scene === scene);
  }

  async load(listed: Listed): Promise<Loaded> {
    return this.take(listed.name, await fetchBytes(listed.file));
  }

  /** Makes a model of bytes; the error's message is a sentence for the visitor. */
  take(name: string, bytes: Uint8Array): Loaded {
    const model = this.engine.load(bytes);
    return { name, model, card: card(model.facts) };
  }
}

/** What there is to say of a model in one line. */
export function describe({ model: { facts } }: Loaded): string {
  const units =
    facts.kind === "neuron" ? `${facts.taus.length} memory units` : `layers of ${facts.neurons.join(", ")} neurons`;
  return `${facts.trained.toLocaleString("en")} trained parameters, ${units}, ${facts.inputs === 1 ? "1 input channel" : `${facts.inputs.toLocaleString("en")} input channels`}`;
}

/** Memory units from the fastest to the slowest; neurons as they come. */
export function order({ facts, view }: Model): number[] {
  const units = Array.from(view, (_, i) => i);
  return facts.taus.length === units.length ? units.sort((a, b) => facts.taus[a] - facts.taus[b]) : units;
}
