/** elm-stream as a WebAssembly module: the other side of `crates/elm-web/src/surface.rs`. */

interface Surface {
  memory: WebAssembly.Memory;
  elm_room(bytes: number): number;
  elm_load(): number;
  elm_unload(model: number): void;
  elm_text(): number;
  elm_text_length(): number;
  elm_facts(model: number): number;
  elm_input(model: number): number;
  elm_output(model: number): number;
  elm_view(model: number): number;
  elm_view_length(model: number): number;
  elm_step(model: number): number;
  elm_step_token(model: number, token: number): number;
  elm_reset(model: number): number;
}

/** What is known of a model; times in ms, or in steps where a step is no time. */
export interface Facts {
  kind: "neuron" | "layer" | "network";
  inputs: number;
  outputs: number;
  tokens: boolean;
  step: number;
  trained: number;
  taus: number[];
  neurons: number[];
  branches: number[][] | null;
  metadata: Record<string, string>;
}

/** A function of one instruction, a constant of 128 bits: valid where the browser has SIMD. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);
const FAILED = -1;
/** Largest weight file that a visitor may load. */
const MOST_BYTES = 256 * 1024 * 1024;

export class Engine {
  private constructor(
    private readonly surface: Surface,
    readonly simd: boolean,
  ) {}

  static async start(simd = WebAssembly.validate(SIMD_PROBE)): Promise<Engine> {
    const response = await fetch(simd ? "elm-simd.wasm" : "elm-plain.wasm");
    if (!response.ok) throw new Error(`The neuron's program could not be loaded (${response.status}).`);
    const { instance } = await WebAssembly.instantiate(await response.arrayBuffer(), {});
    return new Engine(instance.exports as unknown as Surface, simd);
  }

  /** Makes a model of the bytes of a weight file; throws an error that says in a sentence why not. */
  load(bytes: Uint8Array): Model {
    if (bytes.length > MOST_BYTES) {
      throw new Error(`Expected a model of at most ${MOST_BYTES >> 20} MB, found ${bytes.length >> 20} MB.`);
    }
    const room = this.surface.elm_room(bytes.length);
    new Uint8Array(this.surface.memory.buffer, room, bytes.length).set(bytes);
    const number = this.surface.elm_load();
    if (number === FAILED) throw new Error(this.text());
    this.surface.elm_facts(number);
    return new Model(this, this.surface, number, JSON.parse(this.text()) as Facts);
  }

  text(): string {
    const place = this.surface.elm_text();
    return new TextDecoder().decode(new Uint8Array(this.surface.memory.buffer, place, this.surface.elm_text_length()));
  }
}

/** A model that runs. Its arrays lie in the module's memory: take them anew for each use, as that may have grown. */
export class Model {
  private heap: ArrayBuffer | null = null;
  private views!: { input: Float32Array; output: Float32Array; view: Float32Array };

  constructor(
    private readonly engine: Engine,
    private readonly surface: Surface,
    private readonly number: number,
    readonly facts: Facts,
  ) {}

  private arrays() {
    const { buffer } = this.surface.memory;
    if (buffer !== this.heap) {
      const at = (place: number, length: number) => new Float32Array(buffer, place, length);
      const { surface, number, facts } = this;
      this.views = {
        input: at(surface.elm_input(number), facts.inputs),
        output: at(surface.elm_output(number), facts.outputs),
        view: at(surface.elm_view(number), surface.elm_view_length(number)),
      };
      this.heap = buffer;
    }
    return this.views;
  }

  /** Value of each channel at the next step. */
  get input(): Float32Array {
    return this.arrays().input;
  }

  get output(): Float32Array {
    return this.arrays().output;
  }

  /** Memory of a neuron; activity of all neurons of a layer or network. */
  get view(): Float32Array {
    return this.arrays().view;
  }

  step(): void {
    if (this.surface.elm_step(this.number) === FAILED) throw new Error(this.engine.text());
  }

  stepToken(token: number): void {
    if (this.surface.elm_step_token(this.number, token) === FAILED) throw new Error(this.engine.text());
  }

  reset(): void {
    this.surface.elm_reset(this.number);
  }

  unload(): void {
    this.surface.elm_unload(this.number);
  }
}
