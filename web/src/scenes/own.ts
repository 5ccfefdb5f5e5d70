/** A visitor's own model on a visitor's own data; both stay in the browser. */
import { Scores } from "../card";
import { parse, type Step } from "../csv";
import { button, el, figure, percent, short } from "../dom";
import { describe, type Loaded, type Models } from "../models";
import { Plot } from "../plot";
import { type Scene, Traces } from "./scene";

/** Most curves that are drawn, and points of each. */
const MOST_CURVES = 6;
const MOST_POINTS = 2000;
/** Columns of the picture of the memory. */
const SHOWN = 600;
/** Steps between two looks at the time, and time after which the page gets a turn (ms). */
const GROUP = 256;
const TURN_MS = 30;
const RANDOM_STEPS = 1000;

export class OwnScene implements Scene {
  readonly element: HTMLElement;
  private loaded: Loaded | null = null;
  private table: { name: string; text: string } | null = null;
  private readonly status = el("p", { class: "status", role: "status" }, "Nothing is loaded yet.");
  private readonly results = el("div", { class: "results" });
  private run = 0;

  constructor(
    private readonly models: Models,
    private readonly failed: (problem: unknown) => void,
  ) {
    const input = el("input", { type: "file", multiple: "", accept: ".safetensors,.csv,.tsv,.txt", id: "own-files" });
    input.addEventListener("change", () => {
      void this.take(Array.from(input.files ?? []));
      input.value = "";
    });
    const random = button(`Run ${RANDOM_STEPS} steps of random spikes`, () => {
      if (this.loaded) void this.play(randomSpikes(this.loaded), "random spikes");
      else this.failed(new Error("Choose a model first."));
    });
    this.element = el(
      "section",
      { class: "scene own", "aria-label": "Your own model" },
      el(
        "div",
        { class: "main" },
        el(
          "div",
          { class: "drop" },
          el("label", { for: "own-files" }, el("strong", {}, "Drop a model and a table here"), " or choose files"),
          input,
          el(
            "p",
            {},
            "A ",
            el("code", {}, "model.safetensors"),
            " of ",
            el("code", {}, "elm train"),
            " (a neuron or a network) or a published checkpoint, and a CSV: a row is a time step, a column an input channel; or lines of ",
            el("code", {}, "channel:value"),
            " for spikes. Nothing is sent anywhere.",
          ),
          random,
        ),
        this.status,
        this.results,
      ),
    );
  }

  /** Takes files: a model, a table, or both. */
  async take(files: File[]): Promise<void> {
    const isModel = (file: File) => /\.(safetensors|pt|bin|pth)$/i.test(file.name);
    try {
      for (const file of files.filter(isModel)) {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const loaded = named(file.name, () => this.models.take(file.name, bytes));
        this.loaded?.model.unload();
        this.loaded = loaded;
      }
      for (const file of files.filter((file) => !isModel(file))) {
        this.table = { name: file.name, text: await file.text() };
      }
      await this.begin();
    } catch (problem) {
      this.failed(problem);
    }
  }

  private async begin(): Promise<void> {
    const { loaded, table } = this;
    if (!loaded) {
      this.status.textContent = table ? `${table.name} is here; it needs a model.` : "Nothing is loaded yet.";
      return;
    }
    const { facts } = loaded.model;
    this.results.replaceChildren();
    this.status.textContent = `${loaded.name}: ${describe(loaded)}, ${facts.outputs} outputs. ${table ? "" : "It needs a table."}`;
    if (!table) return;
    const channels = facts.tokens ? 1 : facts.inputs;
    await this.play(named(table.name, () => parse(table.text, channels).steps), table.name);
  }

  private async play(steps: Step[], name: string): Promise<void> {
    const { loaded } = this;
    if (!loaded) return;
    const run = ++this.run;
    const { model, card } = loaded;
    const traces = new Traces(Math.ceil(steps.length / Math.ceil(steps.length / SHOWN)), true);
    traces.of(loaded, card.stepMs !== null || card.simulations);
    const every = Math.max(1, Math.ceil(steps.length / SHOWN));
    const outputs: Float32Array[] = [];
    const scores = new Scores(card.readout);
    let probabilities: number[] = [];
    let busy = 0;
    let turn = performance.now();
    for (let at = 0; at < steps.length; at++) {
      const step = steps[at];
      if (step.first) {
        model.reset();
        scores.reset();
      }
      const start = performance.now();
      feed(loaded, step);
      busy += performance.now() - start;
      outputs.push(model.output.slice());
      if (card.classes) probabilities = scores.add(model.output);
      if (at % every === 0) traces.push(model.view);
      if (at % GROUP === 0 && performance.now() - turn > TURN_MS) {
        this.status.textContent = `Step ${at.toLocaleString("en")} of ${steps.length.toLocaleString("en")}`;
        await new Promise((resolve) => setTimeout(resolve));
        turn = performance.now();
        // another file came meanwhile
        if (run !== this.run) return;
      }
    }
    this.status.textContent =
      `${loaded.name} on ${name}: ${steps.length.toLocaleString("en")} steps,` +
      ` ${short((1000 * busy) / steps.length)} µs each. ${describe(loaded)}, ${model.facts.outputs} outputs.`;
    this.showResults(loaded, outputs, probabilities, traces);
  }

  private showResults(loaded: Loaded, outputs: Float32Array[], probabilities: number[], traces: Traces): void {
    const { card, model } = loaded;
    const host = el("div", { class: "plot", role: "img", "aria-label": "Outputs over the steps" });
    const names = card.classes ?? Array.from({ length: model.facts.outputs }, (_, i) => (card.simulations ? ["spike logit", "voltage / 10 mV"][i] : `output ${i}`));
    const count = Math.min(MOST_CURVES, names.length);
    const every = Math.max(1, Math.ceil(outputs.length / MOST_POINTS));
    const shown = outputs.filter((_, i) => i % every === 0);
    const legend = names.slice(0, count).flatMap((name, i) => [el("span", { class: `key curve-${i}` }, name), " "]);
    const link = el("a", { class: "button", download: "outputs.csv", href: table(names, outputs) }, "Save the outputs as CSV");
    this.results.replaceChildren(figure(["Outputs over the steps: ", ...legend], host), traces.element, el("p", {}, link));
    if (probabilities.length > 0) {
      const best = probabilities.indexOf(Math.max(...probabilities));
      this.results.prepend(el("p", { class: "answer" }, `“${names[best]}”, ${percent(probabilities[best])}`));
    }
    const plot = new Plot(host, {
      curves: names.slice(0, count).map((label, i) => ({ label, colour: `curve-${i}` })),
      height: 220,
      steps: true,
    });
    const columns = Array.from({ length: count }, (_, i) => shown.map((row) => (Number.isFinite(row[i]) ? row[i] : null)));
    plot.set([0, outputs.length], shown.map((_, i) => i * every), ...columns);
    traces.draw();
  }

  show(): void {}

  hide(): void {}
}

/** One step, normalised as the model was trained. */
function feed({ model, card }: Loaded, step: Step): void {
  if (model.facts.tokens && "values" in step) {
    const [token] = step.values;
    if (!Number.isInteger(token) || token < 0) throw new Error(`Expected the number of a token, found ${token}.`);
    return model.stepToken(token);
  }
  const { input } = model;
  if ("values" in step) input.set(step.values);
  else {
    input.fill(0);
    for (const [channel, value] of step.events) input[channel] += value;
  }
  if (card.scaling) {
    const { offset, scale } = card.scaling;
    for (let i = 0; i < input.length; i++) input[i] = (input[i] - offset[i]) / scale[i];
  }
  model.step();
}

function randomSpikes({ model: { facts }, card }: Loaded): Step[] {
  const { inputs, tokens } = facts;
  const event = (): [number, number] => {
    const channel = Math.floor(Math.random() * inputs);
    return [channel, card.simulations && channel >= inputs / 2 ? -1 : 1];
  };
  return Array.from({ length: RANDOM_STEPS }, (_, i): Step => {
    const first = i === 0;
    if (tokens) return { first, values: [Math.floor(Math.random() * inputs)] };
    return { first, events: Array.from({ length: Math.ceil(inputs / 100) }, event) };
  });
}

/** The outputs as a file that is in the browser alone. */
function table(names: string[], outputs: Float32Array[]): string {
  const quoted = names.map((name) => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name));
  const rows = outputs.map((row) => Array.from(row).join(","));
  return URL.createObjectURL(new Blob([`${[quoted.join(","), ...rows].join("\n")}\n`], { type: "text/csv" }));
}

/** Says of an error in which file it was found. */
function named<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (problem) {
    throw new Error(`${file}: ${problem instanceof Error ? problem.message : problem}`);
  }
}
