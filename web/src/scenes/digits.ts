/** Spoken digits: spikes of a model cochlea go by, and the classes' probabilities follow. */
import { type Card, Scores } from "../card";
import { Clock } from "../clock";
import { button, canvas, choice, el, figure, percent, slider } from "../dom";
import type { Loaded, Models } from "../models";
import { Plot } from "../plot";
import { binned, type Recording, recording } from "../recording";
import { Scroll } from "../scroll";
import { rgb } from "../theme";
import { chooser, type Scene, Traces, transport } from "./scene";

/** What is shown and heard of a recording (ms): a model of spoken digits hears a whole second, silence included. */
const HEARD_MS = 1000;
const RASTER_ROWS = 175;
const SPEAKERS = 2;

export class DigitsScene implements Scene {
  readonly element: HTMLElement;
  private loaded: Loaded | null = null;
  private card: Card | null = null;
  private scores = new Scores("last");
  private readonly clock: Clock;
  private readonly controls: ReturnType<typeof transport>;
  private readonly chooser: ReturnType<typeof chooser>;
  private readonly bars = el("ol", { class: "bars" });
  private readonly answer = el("p", { class: "answer", role: "status" });
  private readonly about = el("p", { class: "source" });
  private readonly buttons: HTMLButtonElement[] = [];
  private readonly rasterHost = el("div", { class: "unmarked" });
  private readonly tracesHost = el("div", {});
  private raster: Scroll | null = null;
  private traces: Traces | null = null;
  private readonly curve: Plot;
  private digit = 3;
  private speaker = 0;
  private dropped = 0;
  private played: Recording | null = null;
  private steps: Uint16Array[] = [];
  private time = 0;
  private past: { at: number[]; right: number[]; other: number[] } = { at: [], right: [], other: [] };

  constructor(
    models: Models,
    private readonly failed: (problem: unknown) => void,
  ) {
    this.clock = new Clock({ tick: () => this.tick(), draw: () => this.draw() }, 10, (is) => this.controls.running(is));
    this.controls = transport(() => this.clock, () => this.play(), [["0.1", "0.1 ×"], ["0.25", "0.25 ×"], ["0.5", "0.5 ×"], ["1", "real time"]], "0.25");
    this.clock.speed = this.controls.speed;
    const listed = models.of("digits");
    this.chooser = chooser(models, listed, (loaded) => this.take(loaded), failed);
    const keys = el("div", { class: "digits", role: "group", "aria-label": "Digit to be heard" });
    for (let digit = 0; digit < 10; digit++) {
      const key = button(`${digit}`, () => this.hear(digit), { "aria-pressed": "false" });
      this.buttons.push(key);
      keys.append(key);
    }
    const curve = el("div", { class: "plot", role: "img", "aria-label": "Probability of the spoken digit and of the likeliest other one" });
    this.element = el(
      "section",
      { class: "scene digits-scene", "aria-label": "Spoken digits" },
      el(
        "div",
        { class: "side" },
        el("div", { class: "block" }, el("h3", {}, "Say a digit"), keys),
        choice("Speaker", [["0", "first"], ["1", "second"]], "0", (value) => {
          this.speaker = Number(value) % SPEAKERS;
          void this.hear(this.digit);
        }),
        slider("Spikes that get lost", [0, 0.95, 0.05, 0], percent, (value) => (this.dropped = value)),
        el("div", { class: "block" }, el("h3", {}, "It hears"), this.answer, this.bars),
      ),
      el(
        "div",
        { class: "main" },
        listed.length > 0 ? this.chooser.element : el("p", { class: "missing" }, "There is no model of spoken digits in models/ of this repository yet. One of your own can be put there: elm train --recipe shd."),
        this.controls.element,
        figure(["Spikes of 700 places of a model cochlea, high tones at the top"], this.rasterHost),
        figure(["Probability of the spoken digit (line) and of the likeliest other one (dashes)"], curve),
        this.tracesHost,
        this.about,
      ),
    );
    this.curve = new Plot(curve, {
      curves: [
        { label: "spoken", colour: "accent", width: 2, fill: true },
        { label: "other", colour: "truth", dash: [5, 4] },
      ],
      height: 130,
      range: [0, 1],
    });
    void this.chooser.first();
  }

  private take(loaded: Loaded): void {
    this.loaded = loaded;
    this.card = loaded.card;
    this.scores = new Scores(loaded.card.readout);
    this.clock.stepMs = loaded.card.binMs;
    const shown = Math.ceil(HEARD_MS / this.clock.stepMs);
    const picture = canvas("Spikes of the recording over time", "strip raster");
    this.rasterHost.replaceChildren(picture);
    this.raster = new Scroll(picture, shown, RASTER_ROWS, true);
    this.traces = new Traces(shown, true);
    this.traces.of(loaded);
    this.tracesHost.replaceChildren(this.traces.element);
    void this.hear(this.digit, !this.element.hidden);
  }

  private async hear(digit: number, plays = true): Promise<void> {
    this.digit = digit;
    this.buttons.forEach((key, i) => key.setAttribute("aria-pressed", `${i === digit}`));
    try {
      this.played = await recording(`recordings/digit-${digit}-${this.speaker}.rec`);
    } catch (problem) {
      return this.failed(problem);
    }
    this.about.textContent = `${this.played.title}. ${this.played.source} The recordings are of the part that the model was not trained on.`;
    this.play(plays);
  }

  private play(starts = true): void {
    if (!this.loaded || !this.played || !this.card) return;
    this.loaded.model.reset();
    this.scores.reset();
    this.steps = binned(this.played, this.card.binMs);
    this.time = 0;
    this.past = { at: [], right: [], other: [] };
    this.raster?.clear();
    this.traces?.clear();
    this.answerWith(new Array(this.loaded.model.facts.outputs).fill(1 / this.loaded.model.facts.outputs));
    this.draw();
    if (starts) this.clock.start();
  }

  private tick(): boolean {
    if (!this.loaded || !this.card || this.time * this.card.binMs >= HEARD_MS) return false;
    const { model } = this.loaded;
    const { input } = model;
    input.fill(0);
    for (const channel of this.steps[this.time] ?? []) {
      if (Math.random() >= this.dropped) input[channel] += 1;
    }
    model.step();
    const ink = rgb("ink");
    this.raster?.push((mix) => {
      for (let channel = 0; channel < input.length; channel++) {
        if (input[channel] > 0) mix(Math.floor((channel * RASTER_ROWS) / input.length), ink, Math.min(0.8, 0.3 * input[channel]));
      }
    });
    this.traces?.push(model.view);
    const probabilities = this.scores.add(model.output);
    this.past.at.push(this.time * this.card.binMs);
    this.past.right.push(probabilities[this.digit]);
    this.past.other.push(Math.max(...probabilities.filter((_, i) => i !== this.digit)));
    this.answerWith(probabilities);
    this.time += 1;
    return this.time * this.card.binMs < HEARD_MS;
  }

  /** The bars; classes that can hardly be meant (the German digits of a data set that has none) are left out. */
  private answerWith(probabilities: number[]): void {
    const names = this.card?.classes ?? probabilities.map((_, i) => `${i}`);
    const shown = Math.min(10, probabilities.length);
    if (this.bars.children.length !== shown) {
      this.bars.replaceChildren(
        ...Array.from({ length: shown }, (_, i) => el("li", {}, el("span", { class: "name" }, names[i]), el("span", { class: "bar" }, el("span", {})), el("span", { class: "share" }))),
      );
    }
    const best = probabilities.indexOf(Math.max(...probabilities));
    Array.from(this.bars.children).forEach((item, i) => {
      item.classList.toggle("best", i === best && this.time > 0);
      (item.querySelector(".bar span") as HTMLElement).style.transform = `scaleX(${probabilities[i].toFixed(3)})`;
      (item.querySelector(".share") as HTMLElement).textContent = percent(probabilities[i]);
    });
    // said once it has been heard to the end
    const heard = this.card !== null && (this.time + 1) * this.card.binMs >= HEARD_MS;
    this.answer.textContent = heard ? `“${names[best]}”, ${percent(probabilities[best])}${best === this.digit ? "" : " (spoken: “" + names[this.digit] + "”)"}` : "…";
  }

  private draw(): void {
    this.raster?.draw();
    this.traces?.draw();
    this.curve.set([0, HEARD_MS], this.past.at, this.past.right, this.past.other);
    this.controls.rates();
  }

  show(): void {
    if (this.loaded && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
  }

  hide(): void {
    this.clock.stop();
  }
}
