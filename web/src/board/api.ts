/** What the page of runs asks its server, `elm board`: reading only, all of it JSON, files and lines as the run folders hold
 *  them (`crates/elm-train/src/run`). A run's name is its folder below the one that is served. */

export type State = "running" | "finished" | "stopped" | "failed" | "killed" | "foreign";

/** A row of `metrics.csv`. */
export interface Epoch {
  epoch: number;
  step: number;
  [metric: string]: number;
}

/** One of `GET api/runs`: what `elm runs --json` says, with the name. */
export interface Run {
  name: string;
  state: State;
  epochs: number;
  step: number;
  best: Epoch | null;
  /** Seconds since it last wrote anything. */
  age: number;
  why: string | null;
}

/** `GET api/run?name=NAME`. */
export interface Details {
  /** `recipe.toml`. */
  recipe: string;
  /** `metrics.csv`. */
  epochs: Epoch[];
  /** Files of the run that may be opened, below `files/`: `report.html`, `model.safetensors`. */
  files: string[];
}

/** A line of `metrics.jsonl`; one event of `GET api/steps?name=NAME`, from the first line on. */
export interface StepLine {
  step: number;
  epoch: number;
  loss: number;
  learning_rate: number;
  gradient_norm: number;
  samples_per_second: number;
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The server answered ${response.status} to ${path}.`);
  return (await response.json()) as T;
}

export function runs(): Promise<Run[]> {
  return get("api/runs");
}

export function details(name: string): Promise<Details> {
  return get(`api/run?name=${encodeURIComponent(name)}`);
}

export function fileAddress(name: string, file: string): string {
  return `files/${[...name.split("/"), file].map(encodeURIComponent).join("/")}`;
}

/** Follows a run's lines; after a broken connection they come once more from the first one. */
export function follow(name: string, began: () => void, line: (line: StepLine) => void): EventSource {
  const source = new EventSource(`api/steps?name=${encodeURIComponent(name)}`);
  source.onopen = began;
  source.onmessage = ({ data }) => line(JSON.parse(data) as StepLine);
  return source;
}
