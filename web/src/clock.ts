/** Steps a model in time with the screen. */

/** Longest time that the steps of one frame may take (ms), so that the page stays responsive. */
const FRAME_BUDGET = 12;

export interface Ticking {
  /** One time step; false to stop. */
  tick(): boolean;
  /** Draws what has changed, once a frame. */
  draw(): void;
}

export class Clock {
  /** Model time in ms for each ms that passes. */
  speed = 1;
  private running = false;
  private frame = 0;
  private before = 0;
  private due = 0;
  private busyMs = 0;
  private busySteps = 0;
  private passedMs = 0;

  constructor(
    private readonly ticking: Ticking,
    /** Length of a step (ms). */
    public stepMs: number,
    private readonly changed: (running: boolean) => void = () => {},
  ) {}

  get isRunning(): boolean {
    return this.running;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.before = performance.now();
    this.due = 0;
    this.frame = requestAnimationFrame(this.onFrame);
    this.changed(true);
  }

  stop(): void {
    if (!this.running) return;
    this.running = false;
    cancelAnimationFrame(this.frame);
    this.changed(false);
  }

  toggle(): void {
    if (this.running) this.stop();
    else this.start();
  }

  /** One step while it stands still. */
  single(): void {
    this.stop();
    this.ticking.tick();
    this.ticking.draw();
  }

  /** Microseconds that a step takes, and model time over real time, since the last call. */
  rates(): { microseconds: number; realtime: number } | null {
    const { busyMs, busySteps, passedMs } = this;
    if (busySteps === 0 || passedMs < 500) return null;
    this.busyMs = this.busySteps = this.passedMs = 0;
    return { microseconds: (1000 * busyMs) / busySteps, realtime: (busySteps * this.stepMs) / passedMs };
  }

  private readonly onFrame = (now: number) => {
    // a tab that was in the background does not catch up
    const passed = Math.min(Math.max(now - this.before, 0), 100);
    this.before = now;
    this.due += (passed * this.speed) / this.stepMs;
    const start = performance.now();
    let steps = 0;
    while (this.due >= 1 && this.running) {
      this.due -= 1;
      steps += 1;
      if (!this.ticking.tick()) {
        this.stop();
        break;
      }
      if (steps % 8 === 0 && performance.now() - start > FRAME_BUDGET) {
        this.due = 0;
        break;
      }
    }
    this.busyMs += performance.now() - start;
    this.busySteps += steps;
    this.passedMs += passed;
    if (steps > 0) this.ticking.draw();
    if (this.running) this.frame = requestAnimationFrame(this.onFrame);
  };
}
