/** A picture that gets a column a step, rasters and memory traces: it scrolls from right to left, or fills from the left. */
import { onTheme, type Rgb, rgb } from "./theme";

export class Scroll {
  private readonly buffer: HTMLCanvasElement;
  private readonly pen: CanvasRenderingContext2D;
  private readonly out: CanvasRenderingContext2D;
  private readonly column: ImageData;
  private background: Rgb = [0, 0, 0];
  private at = 0;

  /** A window of so many steps and rows; `fills` where all steps fit into it. */
  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly steps: number,
    readonly rows: number,
    private readonly fills: boolean,
  ) {
    this.buffer = document.createElement("canvas");
    this.buffer.width = steps;
    this.buffer.height = rows;
    const pen = this.buffer.getContext("2d", { willReadFrequently: true });
    const out = canvas.getContext("2d");
    if (!pen || !out) throw new Error("This browser draws no canvas.");
    this.pen = pen;
    this.out = out;
    this.column = pen.createImageData(1, rows);
    new ResizeObserver(() => this.draw()).observe(canvas);
    onTheme(() => this.clear());
    this.clear();
  }

  clear(): void {
    this.background = rgb("panel");
    this.pen.fillStyle = `rgb(${this.background.join()})`;
    this.pen.fillRect(0, 0, this.steps, this.rows);
    this.at = 0;
    this.draw();
  }

  /** Adds a column: `paint` mixes colours into rows, from the background on. */
  push(paint: (mix: (row: number, colour: Rgb, share: number) => void) => void): void {
    const { data } = this.column;
    for (let i = 0; i < data.length; i += 4) {
      data[i] = this.background[0];
      data[i + 1] = this.background[1];
      data[i + 2] = this.background[2];
      data[i + 3] = 255;
    }
    paint((row, colour, share) => {
      const i = 4 * row;
      for (let k = 0; k < 3; k++) data[i + k] += (colour[k] - data[i + k]) * share;
    });
    this.pen.putImageData(this.column, this.at, 0);
    this.at = (this.at + 1) % this.steps;
  }

  draw(): void {
    const { canvas, out, at, steps, rows } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    // columns that share a pixel are mixed, but few rows stay sharp
    out.imageSmoothingEnabled = steps > width && 2 * rows > height;
    if (this.fills) {
      out.drawImage(this.buffer, 0, 0, steps, rows, 0, 0, width, height);
      return;
    }
    // the oldest column is the next to be overwritten
    const older = Math.round(((steps - at) / steps) * width);
    if (at < steps) out.drawImage(this.buffer, at, 0, steps - at, rows, 0, 0, older, height);
    if (at > 0) out.drawImage(this.buffer, 0, 0, at, rows, older, 0, width - older, height);
  }
}

/** Smallest value that is drawn in full colour. */
const LEAST_SCALE = 0.5;

/** Mixes values into rows: one colour above 0, another below, as strong as the value against `scales`. */
export function diverging(values: ArrayLike<number>, order: number[], scales: Float32Array) {
  const [above, below] = [rgb("excite"), rgb("inhibit")];
  return (mix: (row: number, colour: Rgb, share: number) => void) => {
    order.forEach((unit, row) => {
      const value = values[unit];
      // the scale follows the largest values, and forgets them slowly
      scales[unit] = Math.max(Math.abs(value), scales[unit] * 0.9995, LEAST_SCALE);
      mix(row, value > 0 ? above : below, Math.min(1, Math.abs(value) / scales[unit]));
    });
  };
}
