// The built page in headless Chromium: every scene draws, numbers are those of the native stream, files are taken or
// refused in words, and nothing is said on the console.
//
// node test/browser.mjs REFERENCE   REFERENCE: the program `cargo build --release -p elm-web --example reference` makes
// ELM_WEB_SHOTS: a folder for pictures of each scene.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, listen } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const STEPS = 10_000;
/** A step is a millisecond of the neuron. */
const REAL_TIME = 1000;
const TOLERANCE = 1e-5;
const MOST_BYTES = 2_000_000;
const MOST_BYTES_WITH_MODELS = 5_000_000;

const dist = resolve(fileURLToPath(import.meta.url), "../../dist");
const reference = process.argv[2] && resolve(process.argv[2]);
assert.ok(reference, "expected the path of the reference program");
const models = JSON.parse(readFileSync(join(dist, "models.json"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "elm-web-"));
const server = await serve(dist);
const browser = await launch();
const said = [];

/** A page whose console and errors are listened to, and which may ask this server alone. */
async function open(options = {}, query = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  listen(page, server.address, said);
  await page.goto(`${server.address}${query}`);
  await page.waitForFunction(() => globalThis.elm !== undefined);
  return page;
}

async function go(page, scene) {
  await page.evaluate((name) => (location.hash = name), scene);
  await page.locator(`nav a[href="#${scene}"][aria-current]`).waitFor();
}

/** Colours that the visible pictures of a scene have: more than one, or nothing is drawn. */
async function drawn(page, scene) {
  const colours = await page.evaluate(() => {
    const shown = Array.from(document.querySelectorAll("main canvas")).filter((canvas) => canvas.checkVisibility() && canvas.width > 0);
    return shown.map((canvas) => {
      // read from a copy: the page's own canvases are not made for it
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
  });
  assert.ok(colours.length > 0, `${scene}: no picture`);
  assert.ok(colours.every((count) => count > 2), `${scene}: a blank picture, colours in each: ${colours}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${scene}: ${wide} pixels wider than the window`);
}

/** The spikes of `crates/elm-web/examples/reference.rs`, for as many steps; the outputs, and steps per second. */
function inPage({ file, simd, steps, scene }) {
  return (async () => {
    const engine = await globalThis.elm.Engine.start(simd);
    const model = engine.load(new Uint8Array(await (await fetch(file)).arrayBuffer()));
    const { inputs, outputs } = model.facts;
    // neurons run for ever, what classifies a sequence does so for its length: run on past it some are chaotic, and the
    // last bits of any two compilers grow into other numbers
    const restart = { neuron: 0, digits: 100, path: inputs === 32 ? 32 : 1024 }[scene];
    const half = Math.floor(inputs / 2);
    let state = 1;
    const all = new Float32Array(steps * outputs);
    for (let step = 0; step < steps; step++) {
      if (restart > 0 && step % restart === 0) model.reset();
      const { input } = model;
      for (let channel = 0; channel < inputs; channel++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        input[channel] = state >>> 26 === 0 ? (channel < half ? 1 : -1) : 0;
      }
      // what looks at pictures with the column as two more channels is told it
      if (scene === "path" && inputs === 3) {
        const turn = (2 * Math.PI * (step % 32)) / 32;
        input[1] = Math.sin(turn);
        input[2] = Math.cos(turn);
      }
      model.step();
      all.set(model.output, step * outputs);
    }
    // the steps alone, on the last input
    const start = performance.now();
    for (let step = 0; step < steps; step++) model.step();
    return { restart, outputs: Array.from(all), perSecond: steps / ((performance.now() - start) / 1000) };
  })();
}

/** What the native stream yields. */
function native(file, restart) {
  const out = join(work, "reference.f32");
  execFileSync(reference, [join(dist, file), `${STEPS}`, `${restart}`, out]);
  const bytes = readFileSync(out);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

async function sameNumbers(page, { name, file, scene }) {
  for (const simd of [true, false]) {
    const found = await page.evaluate(inPage, { file, simd, scene, steps: STEPS });
    const expected = native(file, found.restart);
    assert.equal(found.outputs.length, expected.length);
    // of the largest output, as far as that is above 1
    const scale = expected.reduce((most, y) => Math.max(most, Math.abs(y)), 1);
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      assert.ok(Number.isFinite(expected[i]) && Number.isFinite(found.outputs[i]), `${name}: output ${i} is no number`);
      worst = Math.max(worst, Math.abs(found.outputs[i] - expected[i]) / scale);
    }
    console.log(`${name}, ${simd ? "SIMD" : "plain"}: ${Math.round(found.perSecond).toLocaleString("en")} steps per second; furthest from the native stream ${worst.toExponential(1)}`);
    assert.ok(worst <= TOLERANCE, `${name}: ${worst} away from the native stream`);
    assert.ok(found.perSecond > REAL_TIME, `${name}: slower than real time`);
  }
}

/** Puts files into the visitor's scene. */
async function bring(page, ...files) {
  const paths = files.map(([name, content]) => {
    const path = join(work, name);
    writeFileSync(path, content);
    return path;
  });
  await page.locator("#notice").evaluate((notice) => (notice.hidden = true));
  await page.locator("#own-files").setInputFiles(paths);
}

async function refused(page, pattern, ...files) {
  await bring(page, ...files);
  await page.locator("#notice").waitFor();
  const sentence = (await page.locator("#notice span").textContent()) ?? "";
  assert.match(sentence, pattern);
  console.log(`refused: ${sentence}`);
}

function sizes() {
  const all = (folder) => readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
  const [whole, weights] = [all(dist), all(join(dist, "models"))];
  console.log(`${whole - weights} bytes without models, ${whole} with`);
  assert.ok(whole - weights < MOST_BYTES && whole < MOST_BYTES_WITH_MODELS, "the page is too large");
}

async function scenes(page, label) {
  for (const scene of ["neuron", "digits", "path", "own"]) {
    await go(page, scene);
    if (scene !== "own" && models.some((model) => model.scene === scene)) {
      await page.waitForFunction(() => /µs a step/.test(Array.from(document.querySelectorAll(".rate")).find((rate) => rate.checkVisibility())?.textContent ?? ""));
    }
    if (scene === "neuron" || scene === "path" || models.some((model) => model.scene === scene)) await drawn(page, `${scene}, ${label}`);
    if (process.env.ELM_WEB_SHOTS) await page.screenshot({ path: join(process.env.ELM_WEB_SHOTS, `${scene}-${label}.png`), fullPage: true });
  }
}

/** Sliders, branches by mouse and by keys, the drawing, pause and step. */
async function use(page) {
  await go(page, "neuron");
  await page.locator(".play:visible").click();
  const verdict = () => page.locator(".verdict").textContent();
  const first = await verdict();
  assert.match(first ?? "", /\d+ of 19 spikes found/);
  await page.getByLabel("Simulation").selectOption({ index: 1 });
  await page.locator(".verdict").filter({ hasNotText: first }).waitFor();
  await page.getByLabel("by sliders").check();
  await page.getByLabel("Excitation").first().fill("400");
  await page.getByRole("button", { name: "Step", exact: true }).first().click();
  await page.locator(".tree").focus();
  await page.keyboard.press("ArrowUp");
  assert.match((await page.locator(".tree").getAttribute("aria-label")) ?? "", /Branch 2 of 193/);
  await page.keyboard.press("Enter");
  await page.locator('.play:visible[aria-pressed="true"]').waitFor();
  await page.waitForFunction(() => Array.from(document.querySelectorAll(".dendrite")).some((line) => line.style.stroke !== ""));
  if (models.some((model) => model.scene === "digits")) {
    await go(page, "digits");
    await page.getByRole("button", { name: "7", exact: true }).click();
    await page.locator(".digits-scene .answer").filter({ hasText: "%" }).waitFor();
  }
  await go(page, "path");
  const drawing = page.locator(".drawing");
  await page.getByRole("button", { name: "Clear" }).click();
  const ink = () =>
    drawing.evaluate((canvas) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      return copy.getImageData(0, 0, canvas.width, canvas.height).data.filter((x, i) => i % 4 === 0 && x > 100).length;
    });
  const before = await ink();
  const box = await drawing.boundingBox();
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 200, box.y + 200, { steps: 10 });
  await page.mouse.up();
  await page.waitForTimeout(100);
  const dragged = await ink();
  assert.ok(dragged > before, "the drawing stays empty");
  await drawing.focus();
  for (const key of ["ArrowLeft", " ", ...new Array(12).fill("ArrowUp"), " "]) await page.keyboard.press(key);
  await page.locator("#theme").focus();
  assert.ok((await ink()) > dragged, "keys draw nothing");
}

async function own(page) {
  await go(page, "own");
  const { file } = models.find((model) => model.scene === "neuron");
  const weights = readFileSync(join(dist, file));
  await refused(page, /no valid safetensors/, ["broken.safetensors", weights.subarray(0, 1000)]);
  await refused(page, /no valid safetensors/, ["text.safetensors", "this is no model"]);
  await bring(page, ["good.safetensors", weights]);
  await page.locator(".status").filter({ hasText: "trained parameters" }).waitFor();
  const zeros = new Array(1278).fill(0).join(",");
  await refused(page, /few\.csv: Line 1: expected 1278 numbers.*found 3/, ["few.csv", "1,2,3\n"]);
  await refused(page, /word\.csv: Line 2, column 1: expected a number, found “x”/, ["word.csv", `${zeros}\nx${zeros.slice(1)}\n`]);
  await refused(page, /empty\.csv: Expected at least one row/, ["empty.csv", "\n"]);
  await refused(page, /far\.csv: Line 1: expected channel:value with a channel below 1278/, ["far.csv", "1278:1\n"]);
  await refused(page, /binary/, ["image.csv", Buffer.from([1, 0, 2])]);
  const rows = Array.from({ length: 300 }, (_, t) => Array.from({ length: 1278 }, (_, c) => Number((t * 7 + c) % 97 === 0)).join(","));
  await bring(page, ["good.csv", rows.join("\n")]);
  await page.locator(".status").filter({ hasText: "300 steps" }).waitFor();
  await drawn(page, "own");
  await bring(page, ["events.csv", "3:1 17:1\n\n40:1\n"]);
  await page.locator(".status").filter({ hasText: "3 steps" }).waitFor();
  // dropped on another scene
  await go(page, "neuron");
  const dropped = await page.evaluateHandle(async (path) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([await (await fetch(path)).arrayBuffer()], "dropped.safetensors"));
    transfer.items.add(new File(["5:1\n6:1\n"], "dropped.csv"));
    return transfer;
  }, file);
  await page.dispatchEvent("body", "drop", { dataTransfer: dropped });
  await page.locator(".status").filter({ hasText: "dropped.safetensors on dropped.csv: 2 steps" }).waitFor();
}

try {
  sizes();
  const page = await open();
  for (const model of models) await sameNumbers(page, model);
  await scenes(page, "light");
  await use(page);
  await own(page);
  assert.match((await page.locator("#engine").textContent()) ?? "", /with SIMD/);
  await page.context().close();
  await scenes(await open({ colorScheme: "dark" }), "dark");
  await scenes(await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }, "?simd=0"), "phone");
  assert.deepEqual(said, [], "the page said or asked for something");
  assert.ok(server.requests.every((request) => request.startsWith("GET ")), "something was sent");
  console.log("the page works");
} finally {
  await browser.close();
  server.close();
  rmSync(work, { recursive: true, force: true });
}
