/** A figure of one number of several runs, over their gradient steps. */
import { el, figure, key } from "../dom";
import { Plot } from "../plot";

/** Colours there are; more runs than these are not compared at once. */
export const MOST_RUNS = 6;
/** Points of a curve that are drawn; the last one always is. */
const MOST_POINTS = 1500;

export interface Series {
  name: string;
  at: number[];
  values: number[];
}

export class Curves {
  readonly element = el("div", {});
  private plot: Plot | null = null;
  private shown = "";

  constructor(
    private readonly caption: string,
    private readonly height: number,
  ) {}

  draw(all: Series[]): void {
    const names = all.map((series) => series.name).join("\n");
    if (names !== this.shown || !this.plot) {
      this.shown = names;
      const host = el("div", { class: "plot", role: "img", "aria-label": this.caption });
      const legend = all.flatMap(({ name }, i) => [key(name, `curve-${i}`), " "]);
      this.element.replaceChildren(figure([`${this.caption}: `, ...legend], host));
      const curves = all.map(({ name }, i) => ({ label: name, colour: `curve-${i}` }));
      this.plot = new Plot(host, { curves, height: this.height, steps: true });
    }
    const thin = all.map((series) => thinned(series));
    // one abscissa for all: where a run has no value there is a gap that is bridged
    const at = [...new Set(thin.flatMap((series) => series.at))].sort((a, b) => a - b);
    const place = new Map(at.map((step, i) => [step, i]));
    const columns = thin.map((series) => {
      const column: (number | null | undefined)[] = new Array(at.length).fill(undefined);
      series.at.forEach((step, i) => (column[place.get(step) as number] = Number.isFinite(series.values[i]) ? series.values[i] : null));
      return column;
    });
    this.plot.set([0, Math.max(1, at[at.length - 1] ?? 1)], at, ...(columns as (number | null)[][]));
  }
}

function thinned({ name, at, values }: Series): Series {
  const every = Math.ceil(at.length / MOST_POINTS);
  const keep = (_: number, i: number) => i % every === 0 || i === at.length - 1;
  return { name, at: at.filter(keep), values: values.filter(keep) };
}
