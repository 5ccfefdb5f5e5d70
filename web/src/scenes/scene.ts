/** What all scenes have. */
import { Clock } from "../clock";
import { button, canvas, el, key, rough, select, short } from "../dom";
import { describe, type Listed, type Loaded, type Models, order } from "../models";
import { diverging, Scroll } from "../scroll";

export interface Scene {
  readonly element: HTMLElement;
  /** The scene can be seen from now on, or no more. */
  show(): void;
  hide(): void;
}

/** Memory traces, one row for each unit, sorted by timescale. */
export class Traces {
  readonly element: HTMLElement;
  private scroll: Scroll | null = null;
  private rows: number[] = [];
  private scales = new Float32Array();

  /** A window of so many steps; `fills` where a run is no longer. */
  constructor(
    private readonly steps: number,
    private readonly fills: boolean,
  ) {
    this.element = el("figure", { class: "traces" });
  }

  /** Of another model; `isTime` where a step is a time. */
  of(loaded: Loaded, isTime = true): void {
    const { facts } = loaded.model;
    this.rows = order(loaded.model);
    this.scales = new Float32Array(this.rows.length);
    const neuron = facts.kind === "neuron";
    const picture = canvas(neuron ? "Memory of each unit over time" : "Activity of each neuron over time", "strip tall");
    const taus = this.rows.map((row) => facts.taus[row]);
    const marks = neuron
      ? [taus[0], taus[Math.floor(taus.length / 2)], taus[taus.length - 1]].map((tau) => el("span", {}, rough(tau)))
      : [el("span", {}, "first"), el("span", {}, "last")];
    this.element.replaceChildren(
      el(
        "figcaption",
        {},
        neuron ? `Memory units, by timescale (${isTime ? "ms" : "steps"}): ` : "Neurons, from the input on: ",
        key("above 0", "excite"),
        " ",
        key("below 0", "inhibit"),
      ),
      el("div", { class: "marked" }, el("div", { class: "marks", "aria-hidden": "true" }, ...marks), picture),
    );
    this.scroll = new Scroll(picture, this.steps, this.rows.length, this.fills);
  }

  push(view: Float32Array): void {
    this.scroll?.push(diverging(view, this.rows, this.scales));
  }

  draw(): void {
    this.scroll?.draw();
  }

  clear(): void {
    this.scales.fill(0);
    this.scroll?.clear();
  }
}

/** Play, step and start anew; and how fast it goes, against real time where steps are times. */
export function transport(clock: () => Clock, anew: () => void, speeds: [string, string][], chosen: string, isTime = true) {
  const play = button("Play", () => clock().toggle(), { class: "play" });
  const speed = select("Speed", speeds, (value) => {
    clock().speed = Number(value);
  });
  const list = speed.querySelector("select") as HTMLSelectElement;
  list.value = chosen;
  const rate = el("span", { class: "rate", "aria-live": "off" });
  const element = el(
    "div",
    { class: "transport" },
    play,
    button("Step", () => clock().single()),
    button("Start anew", anew),
    speed,
    rate,
  );
  return {
    element,
    speed: Number(chosen),
    running(is: boolean) {
      play.textContent = is ? "Pause" : "Play";
      play.setAttribute("aria-pressed", `${is}`);
    },
    rates() {
      const rates = clock().rates();
      if (!rates) return;
      const against = isTime ? `, ${short(rates.realtime)} × real time` : "";
      rate.textContent = `${short(rates.microseconds)} µs a step with drawing${against}`;
    },
  };
}

/** A list of the models of a scene, and what there is to say of the one that runs. */
export function chooser(models: Models, listed: Listed[], taken: (loaded: Loaded) => void, failed: (problem: unknown) => void) {
  const about = el("p", { class: "about" });
  let current: Loaded | null = null;
  const take = (loaded: Loaded) => {
    current?.model.unload();
    current = loaded;
    about.textContent = `${describe(loaded)}.`;
    taken(loaded);
  };
  const load = async (name: string) => {
    const found = listed.find((model) => model.name === name);
    try {
      if (found) take(await models.load(found));
    } catch (problem) {
      failed(problem);
    }
  };
  const list = select(
    "Model",
    listed.map(({ name }) => [name, name.replaceAll(/[-_]+/g, " ")]),
    load,
  );
  const first = async () => {
    if (listed.length > 0) await load(listed[0].name);
  };
  return { element: el("div", { class: "chooser" }, list, about), first };
}
