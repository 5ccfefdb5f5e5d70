// The page of runs in headless Chromium, on answers as `elm board` is to give them: a run in progress grows, recipes are
// compared, hostile names stay text.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, listen } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
const recipe = (units, rate) => `task = "shd"  # what is learnt\n[model]\nnum_memory = ${units}  # units\n[train]\nlearning_rate = ${rate}\nnote = "a # in quotes"\n`;
const epochs = (count) => Array.from({ length: count }, (_, i) => ({ epoch: i + 1, step: 100 * (i + 1), seconds: i, valid_loss: 1 / (i + 1), valid_accuracy_percent: 50 + 5 * i }));
const RUNS = {
  "shd-1": { state: "finished", recipe: recipe(100, 0.005), epochs: epochs(4) },
  "widths/members/m001": { state: "running", recipe: recipe(20, 0.005), epochs: epochs(1) },
  [HOSTILE]: { state: "failed", recipe: recipe(20, 0.001), epochs: [] },
};
const line = (step) => `data: ${JSON.stringify({ step, epoch: 1, loss: 2 / Math.sqrt(step), learning_rate: 0.005, gradient_norm: 1, samples_per_second: 200 })}\n\n`;
let step = 0;
let broken = false;

function answer(name, query, response) {
  const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  const run = RUNS[query.get("name")];
  if (name === "/api/runs" && broken) response.writeHead(500).end();
  else if (name === "/api/runs") json(Object.entries(RUNS).map(([name, { state, epochs }]) => ({ name, state, epochs: epochs.length, step: 100, best: epochs[epochs.length - 1] ?? null, age: 1, why: state === "failed" ? HOSTILE : null })));
  else if (name === "/api/run") json({ recipe: run.recipe, epochs: run.epochs, files: ["report.html", "model.safetensors"] });
  else if (name === "/api/steps") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (step = 10; step <= 300; step += 10) response.write(line(step));
    if (run.state !== "running") return true;
    const timer = setInterval(() => response.write(line((step += 10))), 50);
    response.on("close", () => clearInterval(timer));
  } else return false;
  return true;
}

const server = await serve(resolve(fileURLToPath(import.meta.url), "../../dist-board"), answer);
const browser = await launch();
const said = [];
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 1000 }, colorScheme: process.env.ELM_WEB_DARK ? "dark" : "light" })).newPage();
  listen(page, server.address, said);
  await page.goto(server.address);
  await page.getByLabel("widths/members/m001").check();
  await page.locator(".board .uplot").first().waitFor();
  const picture = () => page.locator(".board .uplot canvas").first().evaluate((canvas) => canvas.toDataURL());
  const before = await picture();
  const deadline = Date.now() + 20_000;
  while ((await picture()) === before) assert.ok(Date.now() < deadline, "the curve of a run in progress stands still");
  assert.equal(await page.locator(".board pre").textContent(), RUNS["widths/members/m001"].recipe);
  await page.getByLabel("shd-1").check();
  await page.getByText("Keys in which the recipes differ: 1").waitFor();
  assert.deepEqual(await page.locator(".main table td").allTextContents(), ["20", "100"]);
  await page.getByLabel(HOSTILE).check();
  await page.getByText("Keys in which the recipes differ: 2").waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal(await page.locator('.main a[href="files/widths/members/m001/report.html"]').count(), 1);
  // an epoch ends, and a new run appears
  RUNS["widths/members/m001"].epochs = epochs(3);
  RUNS["new"] = { state: "killed", recipe: "", epochs: [] };
  await page.getByLabel("new", { exact: true }).waitFor();
  assert.ok(await page.getByLabel("shd-1").isChecked());
  if (process.env.ELM_WEB_SHOTS) await page.screenshot({ path: join(process.env.ELM_WEB_SHOTS, "board.png"), fullPage: true });
  await page.getByPlaceholder("name or state").fill("finished");
  await page.getByText("1 of 4 runs").waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels wider than the window`);
  assert.deepEqual(said, [], "the page said or asked for something");
  broken = true;
  await page.locator("#notice").filter({ hasText: "The server answered 500" }).waitFor();
  console.log("the page of runs works");
} finally {
  await browser.close();
  server.close();
}
process.exit(0);
