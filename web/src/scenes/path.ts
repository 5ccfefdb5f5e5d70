/** Pathfinder: are the two ends on one contour? Pixels go in row by row, or one by one, and the decision forms. */
import { Scores } from "../card";
import { Clock } from "../clock";
import { button, choice, el, figure, percent } from "../dom";
import type { Loaded, Models } from "../models";
import { Plot } from "../plot";
import { fetchBytes } from "../recording";
import { Drawing, type Ends, SIDE } from "./drawing";
import { chooser, type Scene, Traces, transport } from "./scene";

/** Time that an image takes to go in at normal speed (ms). */
const READING_MS = 4000;

export class PathScene implements Scene {
  readonly element: HTMLElement;
  private loaded: Loaded | null = null;
  private scores = new Scores("last");
  private readonly drawing: Drawing;
  private readonly clock: Clock;
  private readonly controls: ReturnType<typeof transport>;
  private readonly chooser: ReturnType<typeof chooser>;
  private readonly curve: Plot;
  private readonly answer = el("p", { class: "answer", role: "status" }, "…");
  private readonly how = el("p", { class: "about" });
  private readonly tracesHost = el("div", {});
  private traces: Traces | null = null;
  private examples: Uint8Array = new Uint8Array();
  private example = 0;
  private time = 0;
  private past: { at: number[]; joined: number[] } = { at: [], joined: [] };

  constructor(
    models: Models,
    private readonly failed: (problem: unknown) => void,
  ) {
    this.drawing = new Drawing(() => this.read());
    this.clock = new Clock({ tick: () => this.tick(), draw: () => this.draw() }, READING_MS / SIDE, (is) => this.controls.running(is));
    this.controls = transport(() => this.clock, () => this.read(), [["0.25", "slow"], ["1", "normal"], ["4", "fast"]], "1", false);
    this.clock.speed = this.controls.speed;
    const listed = models.of("path");
    this.chooser = chooser(models, listed, (loaded) => this.take(loaded), failed);
    const curve = el("div", { class: "plot", role: "img", "aria-label": "Probability that the ends are joined, over the steps" });
    const ends = choice<Ends>("Draw a contour with", [["two", "both ends"], ["one", "one end"], ["none", "no end"]], "two", (value) => {
      this.drawing.ends = value;
    });
    this.element = el(
      "section",
      { class: "scene path-scene", "aria-label": "Pathfinder" },
      el(
        "div",
        { class: "side" },
        this.drawing.element,
        ends,
        el(
          "div",
          { class: "row" },
          button("Clear", () => this.drawing.clear()),
          button("Example, joined", () => this.next(0)),
          button("Example, apart", () => this.next(1)),
        ),
        el("p", { class: "hint" }, "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen, the space bar puts it down and lifts it."),
      ),
      el(
        "div",
        { class: "main" },
        el("p", { class: "question" }, "Does one dashed contour join the two bright ends?"),
        listed.length > 0
          ? this.chooser.element
          : el("p", { class: "missing" }, "There is no model of Pathfinder in models/ of this repository yet. One of your own can be put there: elm train --recipe pathfinder."),
        this.how,
        this.controls.element,
        this.answer,
        figure(["Probability of “joined” as the image goes in, step by step"], curve),
        this.tracesHost,
      ),
    );
    this.curve = new Plot(curve, { curves: [{ label: "joined", colour: "accent", width: 2, fill: true }], height: 150, range: [0, 1], steps: true });
    void this.exemplify().then(() => this.chooser.first());
  }

  /** Takes examples of what the model learnt from: drawn contours row by row, images of the published family else. */
  private async exemplify(): Promise<void> {
    const file = this.loaded?.model.facts.inputs === SIDE ? "contours" : "pathfinder";
    try {
      this.examples = await fetchBytes(`recordings/${file}.u8`);
      this.example = 0;
      this.next(0);
    } catch (problem) {
      this.failed(problem);
    }
  }

  /** The next generated image: even ones are joined, odd ones apart. */
  private next(parity: number): void {
    const pixels = SIDE * SIDE;
    const count = this.examples.length / pixels;
    const at = (this.example + parity) % count;
    this.example = (this.example + 2) % count;
    this.drawing.put(this.examples.subarray(at * pixels, (at + 1) * pixels));
  }

  private take(loaded: Loaded): void {
    const { inputs } = loaded.model.facts;
    const byPixel = inputs === 1 || (inputs === 3 && loaded.card.grey?.columns === SIDE);
    if (!byPixel && inputs !== SIDE) {
      this.how.textContent = `This model reads ${inputs} channels; expected 1 (pixel by pixel) or ${SIDE} (row by row).`;
      return;
    }
    this.loaded = loaded;
    this.scores = new Scores(loaded.card.readout);
    this.clock.stepMs = READING_MS / this.steps;
    this.traces = new Traces(this.steps, true);
    this.traces.of(loaded, false);
    this.tracesHost.replaceChildren(this.traces.element);
    this.how.textContent =
      byPixel
        ? `The pixels go in one by one, row after row: ${this.steps} steps.`
        : `The image goes in row by row: ${this.steps} steps. The model learnt from simple images like the examples, not from the crowded ones of Pathfinder.`;
    // what was drawn stays only until another model comes
    void this.exemplify();
  }

  /** Pixels that a step reads: one in each channel, but for channels that tell its column. */
  private get pixels(): number {
    if (this.loaded?.card.grey) return 1;
    return this.loaded?.model.facts.inputs ?? SIDE;
  }

  private get steps(): number {
    return (SIDE * SIDE) / this.pixels;
  }

  /** From the first pixel on. */
  private read(starts = !this.element.hidden): void {
    if (!this.loaded) return;
    this.loaded.model.reset();
    this.scores.reset();
    this.time = 0;
    this.past = { at: [], joined: [] };
    this.traces?.clear();
    this.answer.textContent = "…";
    this.draw();
    if (starts) this.clock.start();
  }

  private tick(): boolean {
    if (!this.loaded || this.time >= this.steps) return false;
    const { model, card } = this.loaded;
    const { input } = model;
    const { grey, scaling } = card;
    for (let i = 0; i < this.pixels; i++) {
      const value = this.drawing.pixels[this.time * this.pixels + i] / 255;
      if (grey) input[i] = (value - grey.mean) / grey.std;
      else if (scaling) input[i] = (value - scaling.offset[i]) / scaling.scale[i];
      else input[i] = value;
    }
    if (grey?.columns && input.length === 3) {
      const turn = (2 * Math.PI * (this.time % grey.columns)) / grey.columns;
      [input[1], input[2]] = [Math.sin(turn), Math.cos(turn)];
    }
    model.step();
    this.traces?.push(model.view);
    const joined = this.joined(this.scores.add(model.output));
    this.past.at.push(this.time);
    this.past.joined.push(joined);
    this.time += 1;
    if (this.time < this.steps) return true;
    this.answer.textContent = joined >= 0.5 ? `Joined, it says (${percent(joined)}).` : `Apart, it says (${percent(1 - joined)}).`;
    return false;
  }

  /** Probability of the class that means joined: the one of that name, or the second. */
  private joined(probabilities: number[]): number {
    const names = this.loaded?.card.classes ?? [];
    const named = names.findIndex((name) => /joined|connected|^1$|^yes$/i.test(name) && !/not|un|dis/i.test(name));
    return probabilities[named >= 0 ? named : probabilities.length - 1];
  }

  private draw(): void {
    this.drawing.draw(this.loaded ? this.time / this.steps : 0);
    this.traces?.draw();
    this.curve.set([0, this.steps], this.past.at, this.past.joined);
    this.controls.rates();
  }

  show(): void {
    this.draw();
    if (this.loaded && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.read();
  }

  hide(): void {
    this.clock.stop();
  }
}
