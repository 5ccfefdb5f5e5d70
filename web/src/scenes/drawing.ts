/** A small grey image that one draws dashed contours into, with mouse, finger or keys. */
import { canvas } from "../dom";
import { colour } from "../theme";

/** Pixels of a side. */
export const SIDE = 32;
/** Which ends of a contour get a bright dot. */
export type Ends = "two" | "one" | "none";

/** Length of dashes and gaps, thickness and grey as the generated images have them (pixels). */
const DASH = [2.6, 2.2];
const THICKNESS = 0.9;
const GREY = "#b4b4b4";
const DOT_RADIUS = 1.43;
/** Nothing is drawn nearer to the border (pixels): the images that models learnt from have nothing there. */
const MARGIN = 2;

type Point = [number, number];

function inside(at: number): number {
  return Math.min(SIDE - MARGIN, Math.max(MARGIN, at));
}

export class Drawing {
  readonly element: HTMLCanvasElement;
  /** Grey of each pixel, row by row. */
  pixels: Uint8Array<ArrayBufferLike> = new Uint8Array(SIDE * SIDE);
  ends: Ends = "two";
  private readonly small: CanvasRenderingContext2D;
  private base: ImageData;
  private stroke: Point[] = [];
  private pen: Point = [SIDE / 2, SIDE / 2];
  private penDown = false;
  private withKeys = false;
  private share = 0;

  constructor(private readonly finished: () => void) {
    this.element = canvas("Image to draw in, 32 by 32 pixels", "drawing");
    this.element.tabIndex = 0;
    const image = document.createElement("canvas");
    image.width = image.height = SIDE;
    const small = image.getContext("2d", { willReadFrequently: true });
    if (!small) throw new Error("This browser draws no canvas.");
    this.small = small;
    small.fillRect(0, 0, SIDE, SIDE);
    this.base = small.getImageData(0, 0, SIDE, SIDE);
    this.pointer();
    this.keys();
    new ResizeObserver(() => this.draw(this.share)).observe(this.element);
  }

  clear(): void {
    this.put(new Uint8Array(SIDE * SIDE));
  }

  /** Shows another image. */
  put(pixels: Uint8Array): void {
    const image = this.small.createImageData(SIDE, SIDE);
    pixels.forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
    this.small.putImageData(image, 0, 0);
    this.keep();
    this.finished();
  }

  private keep(): void {
    this.base = this.small.getImageData(0, 0, SIDE, SIDE);
    this.pixels = this.base.data.filter((_, i) => i % 4 === 0) as unknown as Uint8Array;
    this.draw(0);
  }

  private place(event: PointerEvent): Point {
    const box = this.element.getBoundingClientRect();
    return [inside(((event.clientX - box.left) / box.width) * SIDE), inside(((event.clientY - box.top) / box.height) * SIDE)];
  }

  private pointer(): void {
    const { element } = this;
    element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      element.focus({ preventScroll: true });
      element.setPointerCapture(event.pointerId);
      this.withKeys = false;
      this.stroke = [this.place(event)];
    });
    element.addEventListener("pointermove", (event) => {
      if (this.stroke.length > 0 && !this.withKeys) this.extend(this.place(event));
    });
    for (const end of ["pointerup", "pointercancel"] as const) element.addEventListener(end, () => this.end());
  }

  private keys(): void {
    const moves: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    this.element.addEventListener("keydown", (event) => {
      const move = moves[event.key];
      if (!move && event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      this.withKeys = true;
      if (move) {
        this.pen = [inside(this.pen[0] + move[0]), inside(this.pen[1] + move[1])];
        if (this.penDown) this.extend(this.pen);
      } else if (this.penDown) this.end();
      else {
        this.penDown = true;
        this.stroke = [this.pen];
      }
      this.draw(this.share);
    });
    this.element.addEventListener("blur", () => this.end());
  }

  private extend(point: Point): void {
    this.stroke.push(point);
    this.ink();
    this.draw(0);
  }

  private end(): void {
    this.penDown = false;
    if (this.stroke.length === 0) return;
    this.ink();
    this.stroke = [];
    this.keep();
    this.finished();
  }

  /** Draws the stroke over what was there before it. */
  private ink(): void {
    const { small, stroke } = this;
    small.putImageData(this.base, 0, 0);
    small.strokeStyle = GREY;
    small.lineWidth = THICKNESS;
    small.setLineDash(DASH);
    small.beginPath();
    stroke.forEach(([x, y]) => small.lineTo(x, y));
    small.stroke();
    small.fillStyle = "#fff";
    const dots = { two: [stroke[0], stroke[stroke.length - 1]], one: [stroke[0]], none: [] }[this.ends];
    for (const [x, y] of dots) {
      small.beginPath();
      small.arc(x, y, DOT_RADIUS, 0, 2 * Math.PI);
      small.fill();
    }
  }

  /** Shows the image; what has gone in already, as a share, is brighter than the rest. */
  draw(share: number): void {
    this.share = share;
    const { element, small } = this;
    const scale = devicePixelRatio || 1;
    const size = Math.round(element.clientWidth * scale);
    if (size === 0) return;
    if (element.width !== size) element.width = element.height = size;
    const pen = element.getContext("2d");
    if (!pen) return;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small.canvas, 0, 0, size, size);
    if (share > 0 && share < 1) {
      const y = share * size;
      pen.fillStyle = "rgb(0 0 0 / 55%)";
      pen.fillRect(0, y, size, size - y);
      pen.fillStyle = colour("accent");
      pen.fillRect(0, y - scale, size, 2 * scale);
    }
    if (this.withKeys && document.activeElement === element) {
      const [x, y] = this.pen.map((at) => (at / SIDE) * size);
      pen.strokeStyle = this.penDown ? colour("excite") : colour("accent");
      pen.lineWidth = 2 * scale;
      pen.strokeRect(x - 5 * scale, y - 5 * scale, 10 * scale, 10 * scale);
    }
  }
}
