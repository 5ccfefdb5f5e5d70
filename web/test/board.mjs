// The page of runs in headless Chromium, served by `elm board`: a training in progress grows, recipes are compared, hostile
// names and files stay text, and a server that ends is told.
//   node web/test/board.mjs ELM
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { launch, listen } from "./chromium.mjs";

const elm = resolve(process.argv[2] ?? "target/release/elm");
const HOSTILE = "<img src=x onerror=alert(1)>";
const work = mkdtempSync(join(tmpdir(), "elm-board-"));
const runs = join(work, "runs");

const recipe = (units, rate) => `task = "shd"  # what is learnt\n[model]\nnum_memory = ${units}  # units\n[train]\nlearning_rate = ${rate}\nnote = "a # in quotes"\n`;
const session = (how, why = null) => ({
  command: ["elm"], elm: "0", git: null, process: 1, device: "cpu", threads: 1, began: "", from_step: 0, changed: {},
  ended: how && { at: "", how, step: 10, why },
});

/** A run as `elm train` leaves it, without training. */
function makeRun(name, { text, epochs, how, why }) {
  const folder = join(runs, name);
  mkdirSync(folder, { recursive: true });
  const write = (file, content) => writeFileSync(join(folder, file), content);
  write("recipe.toml", text);
  write("run.json", JSON.stringify({ format: 2, model: "elm", trained_parameters: 8, seed: 1, burn: "", sessions: [session(how, why)] }));
  const rows = Array.from({ length: epochs }, (_, i) => `${i + 1},${100 * (i + 1)},${i},${i},0.1,${2 / (i + 1)},${1 / (i + 1)},${50 + i}\n`);
  write("metrics.csv", `epoch,step,seconds,train_seconds,learning_rate,train_loss,valid_loss,valid_accuracy_percent\n${rows.join("")}`);
  const line = (i) => JSON.stringify({ step: 10 * i, epoch: 1, loss: 2 / Math.sqrt(i), learning_rate: 0.005, gradient_norm: 1, samples_per_second: 200, seconds: i });
  write("metrics.jsonl", `${Array.from({ length: 10 * epochs }, (_, i) => line(i + 1)).join("\n")}\n`);
  write("report.html", `<!doctype html><title>report</title><p>a report</p><script>document.body.textContent = "a script ran"</script>`);
}

makeRun("shd-1", { text: recipe(100, 0.005), epochs: 4, how: "finished" });
makeRun("widths/members/m001", { text: recipe(20, 0.005), epochs: 1, how: "stopped" });
makeRun(HOSTILE, { text: recipe(20, 0.001), epochs: 0, how: "failed", why: HOSTILE });
writeFileSync(join(runs, "widths/sweep.toml"), 'base = "quick"\n[grid]\ntrain.epochs = [1, 2]\n');
writeFileSync(join(runs, "widths/base.toml"), "");

const children = [];
const start = (args) => {
  const child = spawn(elm, args, { cwd: work, stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
};

// so small that it trains at once, so long that it does not end
const training = start(["train", "--recipe", "spikes", "--out", join(runs, "live"), "--threads", "1",
  "--set", `data.dir=${join(work, "data")}`, "--set", "data.make_train=40", "--set", "data.make_test=10", "--set", "train.epochs=1000", "--set", "train.log_every=1", "--set", "train.batch_size=4", "--set", "model.num_memory=5"]);
training.stdout.resume();
const server = start(["board", runs, "--listen", "127.0.0.1:0"]);
const [said] = await once(createInterface({ input: server.stdout }), "line");
const address = /http:\/\/\S+/.exec(said)[0];

const browser = await launch();
const heard = [];
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 1000 }, colorScheme: process.env.ELM_WEB_DARK ? "dark" : "light" })).newPage();
  listen(page, address, heard);
  await page.goto(address);
  await page.getByLabel("live", { exact: true }).check();
  await page.locator(".board .uplot").first().waitFor();
  await page.locator("tr", { hasText: "live" }).getByText("running").waitFor();
  const picture = () => page.locator(".board .uplot canvas").first().evaluate((canvas) => canvas.toDataURL());
  for (let times = 0; times < 2; times++) {
    const before = await picture();
    const deadline = Date.now() + 60_000;
    while ((await picture()) === before) {
      assert.ok(Date.now() < deadline, "the curve of a run in progress stands still");
      await page.waitForTimeout(50);
    }
  }
  await page.getByLabel("live", { exact: true }).uncheck();

  await page.getByLabel("widths/members/m001").check();
  await page.getByText("Choose runs").waitFor({ state: "detached" });
  assert.equal(await page.locator(".board pre").textContent(), recipe(20, 0.005));
  await page.getByLabel("shd-1").check();
  await page.getByText("Keys in which the recipes differ: 1").waitFor();
  assert.deepEqual(await page.locator(".main > .table td").allTextContents(), ["20", "100"]);
  await page.getByLabel(HOSTILE).check();
  await page.getByText("Keys in which the recipes differ: 2").waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  // more runs than a browser has connections for a server, and the list is still asked for
  for (const name of ["b1", "b2", "b3"]) makeRun(name, { text: recipe(20, 0.001), epochs: 2, how: "finished" });
  for (const name of ["b1", "b2", "b3"]) await page.getByLabel(name, { exact: true }).check();
  makeRun("new", { text: "", epochs: 0 });
  await page.getByLabel("new", { exact: true }).waitFor();
  await page.locator("tr", { hasText: "new" }).getByText("killed").waitFor();
  assert.ok(await page.getByLabel("shd-1").isChecked());

  // reports run no scripts, whoever made them
  const [report] = await Promise.all([page.context().waitForEvent("page"), page.locator('.main a[href="files/shd-1/report.html"]').click()]);
  await report.getByText("a report").waitFor();
  await report.close();

  await page.getByRole("button", { name: "widths" }).click();
  await page.getByText(/1 of \d+ runs/).waitFor();
  await page.getByText("neuronio-m20").click();
  await page.locator("details", { hasText: "neuronio-m20" }).getByText("trained parameters").waitFor();
  if (process.env.ELM_WEB_SHOTS) await page.screenshot({ path: join(process.env.ELM_WEB_SHOTS, "board.png"), fullPage: true });
  await page.getByPlaceholder("name or state").fill("failed");
  await page.getByText(/1 of \d+ runs/).waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels wider than the window`);
  assert.deepEqual(heard, [], "the page said or asked for something");
  server.kill("SIGTERM");
  assert.deepEqual(await once(server, "exit"), [0, null]);
  await page.locator("#notice").filter({ hasText: /fetch|server/i }).waitFor();
  console.log("the page of runs works");
} finally {
  await browser.close();
  for (const child of children.filter((child) => child.exitCode === null)) child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(0);
