/** A cortical neuron: input on its dendritic tree, memory, voltage and spikes. */
import { Clock } from "../clock";
import { canvas, choice, el, figure, key, select, slider } from "../dom";
import type { Loaded, Models } from "../models";
import { Plot, Window } from "../plot";
import { fetchBytes, type Recording, recording } from "../recording";
import { Scroll } from "../scroll";
import { colour, rgb } from "../theme";
import { type Region, type Section, Tree } from "../tree";
import { BURN_IN, threshold, type Verdict, verdict } from "./neuronio";
import { chooser, type Scene, Traces, transport } from "./scene";

/** Steps that the pictures show. */
const SHOWN = 800;
const RASTER_ROWS = 213;
/** The recorded simulations, by their numbers in the test set. */
const RECORDED = ["7", "1", "5"];
/** Steps that a pressed branch is stimulated for, and the share of its synapses that is active at each. */
const BURST_STEPS = 40;
const BURST_SHARE = 0.25;
const REGIONS: [Region, string][] = [
  ["tuft", "Tuft"],
  ["oblique", "Trunk and obliques"],
  ["basal", "Basal"],
];
/** Steps from rest after which spikes of the model are drawn. */
const SETTLING = 20;
/** Output of the model to mV, as NeuronIO scales it. */
const MV = 10;
const REST_MV = -67.7;

interface Burst {
  section: Section;
  index: number;
  left: number;
  inhibits: boolean;
}

export async function neuronScene(models: Models, failed: (problem: unknown) => void): Promise<Scene> {
  const [played, tree] = await Promise.all([recording(`recordings/neuron-${RECORDED[0]}.rec`), fetchBytes("recordings/tree.json")]);
  const { sections } = JSON.parse(new TextDecoder().decode(tree)) as { sections: Section[] };
  return new NeuronScene(models, failed, played, sections);
}

class NeuronScene implements Scene {
  readonly element: HTMLElement;
  private loaded: Loaded | null = null;
  private readonly clock: Clock;
  private readonly tree: Tree;
  private readonly raster: Scroll;
  private readonly traces = new Traces(SHOWN, false);
  private readonly voltage: Plot;
  private readonly chance: Plot;
  private readonly controls: ReturnType<typeof transport>;
  private readonly chooser: ReturnType<typeof chooser>;
  private readonly figures = el("p", { class: "verdict", role: "status" });
  private readonly about = el("p", { class: "source" });
  private readonly recorded: HTMLElement;
  private readonly sliders: HTMLElement;
  private readonly synapses: Record<Region, number[]> = { tuft: [], oblique: [], basal: [] };
  private readonly sectionOf: Uint16Array;
  private readonly rates: Record<Region, [number, number]> = { tuft: [0, 0], oblique: [0, 0], basal: [0, 0] };
  private readonly predicted = new Window(SHOWN);
  private readonly simulated = new Window(SHOWN);
  private readonly probability = new Window(SHOWN);
  private spikes: { at: number; model: boolean }[] = [];
  private bursts: Burst[] = [];
  private source: "recording" | "sliders" = "recording";
  private inhibits = false;
  private level = 0.5;
  private time = 0;
  private sinceSpike = 1000;

  constructor(
    models: Models,
    private readonly failed: (problem: unknown) => void,
    private played: Recording,
    private readonly sections: Section[],
  ) {
    this.sectionOf = new Uint16Array(played.inhibitoryFrom);
    sections.forEach((section, i) => {
      for (let s = section.first; s < section.first + section.segments; s++) {
        this.sectionOf[s] = i;
        this.synapses[section.region].push(s);
      }
    });
    this.clock = new Clock({ tick: () => this.tick(), draw: () => this.draw() }, 1, (is) => this.controls.running(is));
    this.tree = new Tree(sections, (section) => this.stimulate(section));
    this.chooser = chooser(models, models.of("neuron"), (loaded) => this.take(loaded), failed);
    this.controls = transport(() => this.clock, () => this.anew(), [["0.1", "0.1 ×"], ["0.25", "0.25 ×"], ["0.5", "0.5 ×"], ["1", "real time"], ["4", "4 ×"], ["16", "16 ×"]], "0.5");
    this.clock.speed = this.controls.speed;
    this.sliders = this.regions();
    this.recorded = select(
      "Simulation",
      RECORDED.map((number, i) => [number, `${i + 1} of ${RECORDED.length}`]),
      (number) => void this.other(number),
    );
    const rasterCanvas = canvas("Input spikes of all synapses over time", "strip raster");
    this.raster = new Scroll(rasterCanvas, SHOWN, RASTER_ROWS, false);
    const voltage = el("div", { class: "plot", role: "img", "aria-label": "Voltage at the soma, predicted and simulated" });
    const chance = el("div", { class: "plot", role: "img", "aria-label": "Predicted probability of a spike at each millisecond" });
    this.element = this.layout(rasterCanvas, voltage, chance);
    this.voltage = new Plot(voltage, {
      curves: [
        { label: "simulated", colour: "truth", width: 1.5 },
        { label: "predicted", colour: "accent", width: 2 },
      ],
      height: 170,
      range: [-85, -38],
      over: (plot) => this.ticks(plot),
    });
    this.chance = new Plot(chance, {
      curves: [
        { label: "probability", colour: "accent", fill: true },
        { label: "level", colour: "truth", width: 1, dash: [4, 4] },
      ],
      height: 100,
      range: (_, __, max) => [0, Math.min(1, Math.max(0.25, max))],
    });
    void this.chooser.first();
  }

  private layout(raster: HTMLCanvasElement, voltage: HTMLElement, chance: HTMLElement): HTMLElement {
    const source = choice("Input", [["recording", "recorded"], ["sliders", "by sliders"]], this.source, (value) => {
      this.source = value;
      this.sliders.hidden = value !== "sliders";
      this.recorded.hidden = value !== "recording";
      this.anew();
    });
    const kind = choice("Press a branch to", [["excite", "excite it"], ["inhibit", "inhibit it"]], "excite", (value) => {
      this.inhibits = value === "inhibit";
    });
    return el(
      "section",
      { class: "scene neuron", "aria-label": "Cortical neuron" },
      el(
        "div",
        { class: "side" },
        el("div", { class: "tree-frame" }, this.tree.svg, this.legend()),
        kind,
        source,
        this.recorded,
        this.sliders,
      ),
      el(
        "div",
        { class: "main" },
        this.chooser.element,
        this.controls.element,
        figure(
          ["Input spikes of 1278 synapses: ", key("excitatory", "excite"), " ", key("inhibitory", "inhibit")],
          el("div", { class: "marked" }, el("div", { class: "marks", "aria-hidden": "true" }, el("span", {}, "basal"), el("span", {}, "apical"), el("span", {}, "basal"), el("span", {}, "apical")), raster),
        ),
        this.traces.element,
        figure(["Voltage at the soma (mV) and spikes: ", key("predicted", "accent"), " ", key("biophysical model", "truth")], voltage),
        figure(["Probability of a spike at each millisecond, and the level from which on one is drawn"], chance),
        this.figures,
        this.about,
      ),
    );
  }

  private legend(): HTMLElement {
    return el("div", { class: "tree-legend", "aria-hidden": "true" }, el("span", {}, "tuft"), el("span", {}, "trunk"), el("span", {}, "basal"));
  }

  /** Excitation and inhibition of each region, in spikes in 100 ms as the simulations count them. */
  private regions(): HTMLElement {
    const box = el("div", { class: "regions" });
    for (const [region, name] of REGIONS) {
      const most = Math.round((1600 * this.synapses[region].length) / this.sectionOf.length / 50) * 50;
      // at these the cell fires a few times a second
      const start = (share: number) => Math.round((share * most) / 5) * 5;
      const say = (value: number) => `${value} / 100 ms`;
      box.append(
        el(
          "fieldset",
          { class: "region" },
          el("legend", {}, name),
          slider("Excitation", [0, most, 5, start(0.65)], say, (value) => (this.rates[region][0] = value), "excite"),
          slider("Inhibition", [0, most, 5, start(0.3)], say, (value) => (this.rates[region][1] = value), "inhibit"),
        ),
      );
    }
    box.hidden = true;
    return box;
  }

  /** Another recorded simulation. */
  private async other(number: string): Promise<void> {
    try {
      this.played = await recording(`recordings/neuron-${number}.rec`);
      if (this.loaded) this.take(this.loaded);
    } catch (problem) {
      this.failed(problem);
    }
  }

  private take(loaded: Loaded): void {
    this.loaded = loaded;
    this.about.textContent = `Recorded input: ${this.played.source} The tree is that cell's.`;
    const outcome = this.rehearse(loaded);
    this.level = outcome.level;
    this.figures.textContent =
      `On the recorded input, which the model did not learn from: ${outcome.found} of ${outcome.real} spikes found within` +
      ` 5 ms, ${outcome.wrong} where there are none; the voltage is off by ${outcome.errorMv.toFixed(1)} mV (root mean square).`;
    this.traces.of(loaded);
    this.anew();
    // not an empty picture at first
    for (let step = 0; step < SHOWN / 2; step++) this.tick();
    this.draw();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches && this.element.isConnected && !this.element.hidden) {
      this.clock.start();
    }
  }

  /** Runs the whole recording: at which probability the model fires as often as the cell, and how right it is then. */
  private rehearse({ model }: Loaded): Verdict {
    const { played } = this;
    const [chances, voltages] = [new Float32Array(played.spikes.length), new Float32Array(played.spikes.length)];
    model.reset();
    played.spikes.forEach((_, step) => {
      this.fillRecorded(model.input, step);
      model.step();
      chances[step] = sigmoid(model.output[0]);
      voltages[step] = REST_MV + MV * model.output[1];
    });
    chances.fill(0, 0, BURN_IN);
    const real = played.outputSpikes.filter((step) => step >= BURN_IN);
    return verdict(chances, voltages, threshold(chances, real.length), real, played.signals.voltage);
  }

  private fillRecorded(input: Float32Array, step: number): void {
    input.fill(0);
    const { played } = this;
    for (const channel of played.spikes[step]) input[channel] = channel < played.inhibitoryFrom ? 1 : -1;
  }

  private anew(): void {
    this.loaded?.model.reset();
    this.time = 0;
    this.sinceSpike = 1000;
    this.bursts = [];
    this.spikes = [];
    this.raster.clear();
    this.traces.clear();
    for (const window of [this.predicted, this.simulated, this.probability]) window.clear();
    this.draw();
  }

  private stimulate(index: number): void {
    this.bursts.push({ section: this.sections[index], index, left: BURST_STEPS, inhibits: this.inhibits });
    this.clock.start();
  }

  private tick(): boolean {
    if (!this.loaded) return false;
    const { model } = this.loaded;
    const step = this.source === "recording" ? this.time % this.played.spikes.length : -1;
    if (step === 0 && this.time > 0) model.reset();
    if (step >= 0) this.fillRecorded(model.input, step);
    else this.fillDrawn(model.input);
    this.fillBursts(model.input);
    model.step();
    this.record(model.output, step);
    this.pushRaster(model.input);
    this.traces.push(model.view);
    this.time += 1;
    return true;
  }

  /** Poisson spikes at the sliders' rates. */
  private fillDrawn(input: Float32Array): void {
    input.fill(0);
    for (const [region] of REGIONS) {
      const synapses = this.synapses[region];
      this.rates[region].forEach((rate, inhibitory) => {
        for (let spikes = poisson(rate / 100); spikes > 0; spikes--) {
          const segment = synapses[Math.floor(Math.random() * synapses.length)];
          input[segment + inhibitory * this.played.inhibitoryFrom] = inhibitory ? -1 : 1;
        }
      });
    }
  }

  private fillBursts(input: Float32Array): void {
    for (const burst of this.bursts) {
      const { first, segments } = burst.section;
      for (let segment = first; segment < first + segments; segment++) {
        if (Math.random() > BURST_SHARE) continue;
        input[segment + (burst.inhibits ? this.played.inhibitoryFrom : 0)] = burst.inhibits ? -1 : 1;
      }
      this.tree.excite(burst.index, burst.inhibits ? -0.2 : 0.2);
      burst.left -= 1;
    }
    this.bursts = this.bursts.filter((burst) => burst.left > 0);
  }

  private record(output: Float32Array, step: number): void {
    const chance = sigmoid(output[0]);
    this.probability.push(chance);
    this.predicted.push(Math.min(REST_MV + MV * output[1], -40));
    this.simulated.push(step < 0 ? null : Math.min(this.played.signals.voltage[step], -40));
    this.sinceSpike += 1;
    if (chance >= this.level && this.sinceSpike > 3 && this.time > SETTLING) {
      this.sinceSpike = 0;
      this.spikes.push({ at: this.time, model: true });
    }
    if (step >= 0 && this.played.outputSpikes.includes(step)) this.spikes.push({ at: this.time, model: false });
    while (this.spikes.length > 0 && this.spikes[0].at < this.time - SHOWN) this.spikes.shift();
  }

  private pushRaster(input: Float32Array): void {
    const [excite, inhibit] = [rgb("excite"), rgb("inhibit")];
    this.raster.push((mix) => {
      for (let channel = 0; channel < input.length; channel++) {
        if (input[channel] === 0) continue;
        const inhibitory = channel >= this.played.inhibitoryFrom;
        mix(Math.floor((channel * RASTER_ROWS) / input.length), inhibitory ? inhibit : excite, 0.75);
        const section = this.sectionOf[inhibitory ? channel - this.played.inhibitoryFrom : channel];
        this.tree.excite(section, (inhibitory ? -0.06 : 0.06) / Math.sqrt(this.sections[section].segments));
      }
    });
  }

  /** Spikes as marks over the voltage: the model's above, the cell's below them. */
  private ticks(plot: import("uplot")): void {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio || 1;
    for (const spike of this.spikes) {
      const x = plot.valToPos(spike.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const top = bbox.top + (spike.model ? 0 : 13) * scale;
      ctx.fillStyle = colour(spike.model ? "accent" : "truth");
      ctx.fillRect(x - scale, top, 2 * scale, 11 * scale);
    }
  }

  private draw(): void {
    this.raster.draw();
    this.traces.draw();
    const { time, predicted } = this;
    const first = time - predicted.values.length;
    const x = predicted.values.map((_, i) => first + i);
    const span: [number, number] = [time - SHOWN, time];
    this.voltage.set(span, x, this.simulated.values, predicted.values);
    this.chance.set(span, x, this.probability.values, x.map(() => this.level));
    this.tree.fade(0.85);
    this.tree.fire(this.clock.isRunning && this.sinceSpike < 12);
    this.controls.rates();
  }

  show(): void {
    if (this.loaded && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.clock.start();
  }

  hide(): void {
    this.clock.stop();
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** A number of events of which so many are expected. */
function poisson(expected: number): number {
  const limit = Math.exp(-expected);
  let events = 0;
  for (let product = Math.random(); product > limit; product *= Math.random()) events += 1;
  return events;
}
