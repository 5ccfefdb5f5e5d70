/** The dendritic tree of the simulated cell, drawn from its sections; each can be pressed. */

export type Region = "basal" | "oblique" | "tuft";

export interface Section {
  parent: number;
  region: Region;
  length_um: number;
  /** First of its segments; each has an excitatory and an inhibitory synapse. */
  first: number;
  segments: number;
}

interface Placed {
  x: number;
  y: number;
  angle: number;
}

const SVG = "http://www.w3.org/2000/svg";

export class Tree {
  readonly svg: SVGSVGElement;
  private readonly lines: SVGPathElement[] = [];
  private readonly widths: number[] = [];
  private readonly glow: Float32Array;
  private readonly shown: Int8Array;
  private chosen = 0;

  constructor(
    readonly sections: Section[],
    private readonly pressed: (section: number) => void,
  ) {
    this.glow = new Float32Array(sections.length);
    this.shown = new Int8Array(sections.length);
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "tree");
    this.svg.setAttribute("role", "application");
    this.svg.setAttribute("tabindex", "0");
    this.draw();
    this.keys();
    this.choose(0, false);
  }

  /** Ends of all sections; the soma is at 0, 0 and y points down. */
  private place(): Placed[] {
    const { sections } = this;
    const children = sections.map(() => [] as number[]);
    const roots: Record<string, number[]> = { basal: [], apical: [] };
    sections.forEach((section, i) => {
      if (section.parent >= 0) children[section.parent].push(i);
      else roots[section.region === "basal" ? "basal" : "apical"].push(i);
    });
    const weight = sections.map(() => 1);
    for (let i = sections.length - 1; i >= 0; i--) {
      const { parent } = sections[i];
      if (parent >= 0) weight[parent] += weight[i];
    }
    const placed: Placed[] = [];
    const grow = (i: number, from: Placed, angle: number, side: number, reach: number) => {
      const { length_um: length, region } = sections[i];
      const scale = region === "basal" ? 1.25 : 1;
      const end = { x: from.x + Math.cos(angle) * length * scale, y: from.y + Math.sin(angle) * length * scale, angle };
      placed[i] = end;
      const own = children[i].slice().sort((a, b) => weight[b] - weight[a]);
      if (own.length === 1) return grow(own[0], end, angle, side, reach);
      if (own.length === 0) return;
      const share = weight[own[1]] / (weight[own[0]] + weight[own[1]]);
      // a thin side branch leaves at a wide angle, equal ones part evenly; the trunk stays upright
      const apart = reach * (region === "tuft" || sections[own[1]].region === "tuft" ? 0.8 : 1);
      const up = region === "oblique" && share < 0.4 ? (-Math.PI / 2 - angle) * 0.5 : 0;
      grow(own[0], end, angle + up - side * apart * share, -side, reach * 0.94);
      grow(own[1], end, angle + side * apart * (1 - share), -side, reach * 0.94);
    };
    const soma = { x: 0, y: 0, angle: 0 };
    const total = roots.basal.reduce((sum, i) => sum + weight[i], 0);
    let before = 0;
    roots.basal.forEach((i, k) => {
      const middle = (before + weight[i] / 2) / total;
      before += weight[i];
      grow(i, soma, Math.PI * (-0.02 + 1.04 * middle), k % 2 ? 1 : -1, 0.75);
    });
    roots.apical.forEach((i) => grow(i, soma, -Math.PI / 2, 1, 1.0));
    return placed;
  }

  private draw(): void {
    const placed = this.place();
    const start = (i: number) => {
      const { parent } = this.sections[i];
      return parent < 0 ? { x: 0, y: 0, angle: placed[i].angle } : placed[parent];
    };
    const xs = placed.map((p) => p.x);
    const ys = placed.map((p) => p.y);
    const margin = 30;
    const box = [Math.min(...xs) - margin, Math.min(...ys) - margin];
    const size = [Math.max(...xs) - box[0] + margin, Math.max(...ys) - box[1] + margin];
    this.svg.setAttribute("viewBox", [...box, ...size].map(Math.round).join(" "));
    placed.forEach((end, i) => {
      const from = start(i);
      const { length_um: length, region } = this.sections[i];
      // leaves in the direction of its parent and turns to its own
      const bend = length * 0.4;
      const [cx, cy] = [from.x + Math.cos(from.angle) * bend, from.y + Math.sin(from.angle) * bend];
      const shape = `M${from.x.toFixed(1)} ${from.y.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
      const line = document.createElementNS(SVG, "path");
      line.setAttribute("d", shape);
      line.setAttribute("class", `dendrite ${region}`);
      this.widths.push(this.thickness(i));
      line.style.strokeWidth = `${this.widths[i]}`;
      const target = document.createElementNS(SVG, "path");
      target.setAttribute("d", shape);
      target.setAttribute("class", "target");
      target.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.svg.focus({ preventScroll: true });
        this.choose(i, false);
        this.pressed(i);
      });
      this.svg.append(line, target);
      this.lines.push(line);
    });
    const soma = document.createElementNS(SVG, "path");
    soma.setAttribute("d", "M0 -46 L28 22 Q0 38 -28 22 Z");
    soma.setAttribute("class", "soma");
    this.svg.append(soma);
  }

  /** Thicker near the soma. */
  private thickness(i: number): number {
    let depth = 0;
    for (let at = i; at >= 0; at = this.sections[at].parent) depth += 1;
    return Math.max(5, 15 - depth * 0.9);
  }

  private keys(): void {
    this.svg.addEventListener("keydown", (event) => {
      const last = this.sections.length - 1;
      const moves: Record<string, number> = { ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, ArrowUp: 1, PageUp: 10, PageDown: -10 };
      if (event.key === "Enter" || event.key === " ") this.pressed(this.chosen);
      else if (event.key === "Home") this.choose(0, true);
      else if (event.key === "End") this.choose(last, true);
      else if (event.key in moves) this.choose(Math.min(last, Math.max(0, this.chosen + moves[event.key])), true);
      else return;
      event.preventDefault();
    });
  }

  private choose(section: number, shown: boolean): void {
    this.lines[this.chosen].classList.remove("chosen");
    this.chosen = section;
    if (shown) this.lines[section].classList.add("chosen");
    const { region } = this.sections[section];
    this.svg.setAttribute(
      "aria-label",
      `Dendritic tree: arrow keys choose a branch, Enter stimulates it. Branch ${section + 1} of ${this.sections.length}, ${region}.`,
    );
  }

  /** Input of a branch: above 0 it glows in the colour of excitation, below in that of inhibition. */
  excite(section: number, amount: number): void {
    this.glow[section] += amount;
  }

  /** Shows and fades the glow. */
  fade(share: number): void {
    this.glow.forEach((glow, i) => {
      // few levels, so that little has to be styled anew
      const level = Math.max(-4, Math.min(4, Math.round(glow * 4)));
      if (level !== this.shown[i]) {
        const { style } = this.lines[i];
        const much = Math.abs(level);
        style.stroke = much === 0 ? "" : `color-mix(in srgb, var(--${level > 0 ? "excite" : "inhibit"}) ${much * 25}%, var(--dendrite))`;
        style.strokeWidth = `${this.widths[i] + (much > 2 ? 9 : 0)}`;
        this.shown[i] = level;
      }
      this.glow[i] *= share;
    });
  }

  /** The soma lights up. */
  fire(on: boolean): void {
    this.svg.classList.toggle("fires", on);
  }
}
