/** The runs that are looked at, and their steps as they come. */
import { type Details, follow, type State, type StepLine, type Steps } from "./api";

export interface Watched {
  name: string;
  details: Details;
  /** When the details were asked for. */
  state?: State;
  lines: StepLine[];
}

export class WatchedRuns {
  private readonly runs = new Map<string, Watched>();
  private source: EventSource | null = null;

  /** `grew` is called when steps came. */
  constructor(private readonly grew: () => void) {}

  get all(): Watched[] {
    return [...this.runs.values()];
  }

  get size(): number {
    return this.runs.size;
  }

  has(name: string): boolean {
    return this.runs.has(name);
  }

  add(name: string, details: Details): void {
    this.runs.set(name, { name, details, lines: [] });
    this.listen();
  }

  remove(name: string): void {
    this.runs.delete(name);
    this.listen();
  }

  private listen(): void {
    this.source?.close();
    this.source = this.size === 0 ? null : follow([...this.runs.keys()], (steps) => this.take(steps));
  }

  /** A feed, also one that was broken and is there again, begins with a restart of each run. */
  private take({ name, restart, steps }: Steps): void {
    const run = this.runs.get(name);
    if (!run) return;
    if (restart) run.lines.length = 0;
    for (const step of steps) run.lines.push(step);
    this.grew();
  }
}
