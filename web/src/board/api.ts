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

/** A name and its value. */
export type Fact = [string, string];

/** `GET api/run?name=NAME`. */
export interface Details {
  /** `recipe.toml`. */
  recipe: string;
  /** `metrics.csv`. */
  epochs: Epoch[];
  /** Files of the run that may be opened, below `files/`: `report.html`, `model.safetensors`. */
  files: string[];
  /** What its model file says. */
  model: Fact[];
  /** `test.json`: metric, value, and the published one where there is one. */
  test: [string, number | null, number | null][];
}

/** One of `GET api/groups`: a sweep or a comparison, whose runs are in the list of runs. */
export interface Group {
  name: string;
  kind: "sweep" | "comparison";
  /** How far it is. */
  state: string;
  /** What a sweep ranks by, and its best value so far. */
  metric?: string;
  best?: number | null;
  files: string[];
}

/** One of `GET api/models`: a model that ships, or one that lies in the folder itself. */
export interface Model {
  name: string;
  /** Where to get it, below `files/`. */
  file?: string;
  facts: Fact[];
}

/** A line of `metrics.jsonl`. */
export interface StepLine {
  step: number;
  epoch: number;
  loss: number;
  learning_rate: number;
  gradient_norm: number;
  samples_per_second: number;
}

/** One event of `GET api/steps?name=NAME&name=NAME`. */
export interface Steps {
  /** The run. */
  name: string;
  /** These are its first: those told before are none any more. */
  restart: boolean;
  steps: StepLine[];
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

export function groups(): Promise<Group[]> {
  return get("api/groups");
}

export function models(): Promise<Model[]> {
  return get("api/models");
}

/** Follows the steps of runs, from their first ones on. One connection for all: a browser has six for a server. */
export function follow(names: string[], heard: (steps: Steps) => void): EventSource {
  const source = new EventSource(`api/steps?${new URLSearchParams(names.map((name) => ["name", name]))}`);
  source.onmessage = ({ data }) => heard(JSON.parse(data) as Steps);
  return source;
}
