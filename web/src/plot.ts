/** Curves over time, by uPlot. */
import uPlot from "uplot";
import { colour, onTheme } from "./theme";

export interface Curve {
  label: string;
  /** Custom property of the colour. */
  colour: string;
  width?: number;
  dash?: number[];
  fill?: boolean;
}

export interface PlotOptions {
  curves: Curve[];
  height: number;
  /** Range of the ordinate; unless set, that of the values. */
  range?: uPlot.Scale.Range;
  /** Drawn over the curves. */
  over?: (plot: uPlot) => void;
  /** The abscissa counts steps, not ms. */
  steps?: boolean;
}

/** Distances of marks on an abscissa that counts steps: there are no halves. */
const STEP_MARKS = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** Curves `[curve][point]` over a common abscissa. */
export class Plot {
  private plot!: uPlot;
  private data: uPlot.AlignedData;
  private span: [number, number] = [0, 1];

  constructor(
    private readonly host: HTMLElement,
    private readonly options: PlotOptions,
  ) {
    this.data = [[], ...options.curves.map(() => [])] as uPlot.AlignedData;
    this.make();
    onTheme(() => this.make());
    new ResizeObserver(() => this.resize()).observe(host);
  }

  private make(): void {
    this.plot?.destroy();
    const { options, host } = this;
    const axis = (size: number, more: uPlot.Axis = {}): uPlot.Axis => ({
      stroke: colour("soft"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
      size,
      gap: 3,
      ...more,
    });
    const seconds: uPlot.Axis = { values: (_, values) => values.map((value) => `${+(value / 1000).toFixed(3)} s`) };
    this.plot = new uPlot(
      {
        width: Math.max(host.clientWidth, 50),
        height: options.height,
        padding: [8, 0, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: () => this.span }, y: options.range ? { range: options.range } : {} },
        // as wide as the marks beside the pictures, so that one moment stands in one line
        axes: [axis(24, options.steps ? { incrs: STEP_MARKS } : seconds), axis(58)],
        series: [
          {},
          ...options.curves.map((curve) => ({
            stroke: colour(curve.colour),
            width: curve.width ?? 1.5,
            dash: curve.dash,
            fill: curve.fill ? `${colour(curve.colour)}2b` : undefined,
            points: { show: false },
          })),
        ],
        hooks: options.over ? { draw: [options.over] } : {},
      },
      this.data,
      host,
    );
    this.plot.root.setAttribute("aria-hidden", "true");
  }

  private resize(): void {
    const width = this.host.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.options.height });
  }

  /** Shows curves over `x`, from the first to the second end of `span`. */
  set(span: [number, number], x: number[], ...curves: (number | null)[][]): void {
    this.span = span;
    this.data = [x, ...curves] as uPlot.AlignedData;
    this.plot.setData(this.data, true);
  }
}

/** The last values of a curve, and the step that they end at. */
export class Window {
  readonly values: (number | null)[] = [];

  constructor(private readonly length: number) {}

  push(value: number | null): void {
    this.values.push(value);
    if (this.values.length > this.length) this.values.shift();
  }

  clear(): void {
    this.values.length = 0;
  }
}
