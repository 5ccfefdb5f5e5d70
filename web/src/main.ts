/** The page: loads the engine, and shows one scene at a time. */
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Engine } from "./engine";
import { el } from "./dom";
import { Models } from "./models";
import { DigitsScene } from "./scenes/digits";
import { neuronScene } from "./scenes/neuron";
import { OwnScene } from "./scenes/own";
import { PathScene } from "./scenes/path";
import type { Scene } from "./scenes/scene";
import { themeButton } from "./theme";

const NAMES = ["neuron", "digits", "path", "own"] as const;
type Name = (typeof NAMES)[number];

function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const notice = byId<HTMLElement>("notice");

/** Tells the visitor what went wrong, in the words of the error. */
function failed(problem: unknown): void {
  const stopped = problem instanceof WebAssembly.RuntimeError;
  const text = stopped
    ? `The neuron's program stopped (${problem.message}). Reload the page to go on.`
    : problem instanceof Error
      ? problem.message
      : String(problem);
  const close = el("button", { type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => {
    notice.hidden = true;
  });
  notice.replaceChildren(el("span", {}, text), close);
  notice.hidden = false;
}

async function start(): Promise<void> {
  themeButton(byId<HTMLButtonElement>("theme"));
  const wanted = new URLSearchParams(location.search).get("simd");
  const engine = await Engine.start(wanted === null ? undefined : wanted === "1");
  const models = await Models.list(engine);
  byId("engine").textContent = engine.simd ? "WebAssembly with SIMD" : "WebAssembly without SIMD";
  const main = byId("scenes");
  const scenes = new Map<Name, Scene>();
  let current: Name | null = null;
  const own = new OwnScene(models, failed);
  const make: Record<Name, () => Promise<Scene> | Scene> = {
    neuron: () => neuronScene(models, failed),
    digits: () => new DigitsScene(models, failed),
    path: () => new PathScene(models, failed),
    own: () => own,
  };

  const show = async (name: Name) => {
    if (name === current) return;
    if (current) {
      const before = scenes.get(current);
      before?.hide();
      if (before) before.element.hidden = true;
    }
    current = name;
    for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    notice.hidden = true;
    try {
      if (!scenes.has(name)) {
        const made = await make[name]();
        scenes.set(name, made);
        main.append(made.element);
      }
      const scene = scenes.get(name);
      if (!scene) return;
      const isCurrent = current === name;
      scene.element.hidden = !isCurrent;
      if (isCurrent) scene.show();
    } catch (problem) {
      failed(problem);
    }
  };
  const fromAddress = () => {
    const name = location.hash.slice(1) as Name;
    void show(NAMES.includes(name) ? name : "neuron");
  };
  addEventListener("hashchange", fromAddress);
  document.addEventListener("visibilitychange", () => {
    if (current && document.hidden) scenes.get(current)?.hide();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    const files = Array.from(event.dataTransfer?.files ?? []);
    if (files.length === 0) return;
    location.hash = "own";
    await show("own");
    await own.take(files);
  });
  fromAddress();
  // for the test, which measures and compares
  Object.assign(globalThis, { elm: { engine, Engine } });
}

start().catch(failed);
