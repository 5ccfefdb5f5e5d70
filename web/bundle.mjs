// Bundles scripts and styles, copies what is served as it is, and lists the models.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const dist = "dist";
/** Of all weight files together; the rest of the page has its own limit in the test. */
const MOST_MODEL_BYTES = 3_500_000;
/** Where models come from: this repository's own, and the published neurons that its tests read. */
const SOURCES = ["../models", "../crates/elm-train/models", "../crates/elm-model/tests/pretrained"];

/** The page of runs, which is in the program: `elm board` needs no Node.js. Its files are in the repository. */
const board = "../crates/elm-train/board";

const common = { bundle: true, minify: true, format: "esm", target: "es2022" };
await build({ ...common, entryPoints: { page: "src/main.ts" }, outdir: dist });
copyFileSync("index.html", join(dist, "index.html"));
const notice = `/* uPlot, https://github.com/leeoniya/uPlot\n\n${readFileSync("node_modules/uplot/LICENSE", "utf8").trim()}\n*/`;
await build({ ...common, entryPoints: { board: "src/board/main.ts" }, outdir: board, footer: { js: notice } });
copyFileSync("board.html", join(board, "index.html"));
copyFileSync("node_modules/uplot/LICENSE", join(dist, "uplot-license.txt"));
rmSync(join(dist, "recordings"), { recursive: true, force: true });
mkdirSync(join(dist, "recordings"), { recursive: true });
for (const name of readdirSync("recordings").filter((name) => /\.(rec|json|u8)$/.test(name))) {
  copyFileSync(join("recordings", name), join(dist, "recordings", name));
}

/** Weight files of a folder and the folders in it. */
function weights(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return weights(path);
    return entry.name.endsWith(".safetensors") ? [path] : [];
  });
}

/** What a weight file says of itself, from its header alone. */
function metadata(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  return JSON.parse(bytes.subarray(8, 8 + length).toString("utf8")).__metadata__ ?? {};
}

/** The scene that a model belongs to, from its card, or its name where it is of arrays; published neurons have no card. */
function scene(meta, path) {
  if (!meta.elm_model_card) return "config" in meta ? "neuron" : "other";
  const task = JSON.parse(meta.elm_model_card).task;
  const input = task?.input;
  if (input === "simulations") return "neuron";
  if (task?.name === "shd") return "digits";
  if (/pathfinder/.test(`${task?.name} ${basename(path)}`)) return "path";
  return "other";
}

rmSync(join(dist, "models"), { recursive: true, force: true });
mkdirSync(join(dist, "models"), { recursive: true });
const listed = [];
let total = 0;
for (const path of SOURCES.flatMap(weights)) {
  const meta = metadata(path);
  const place = scene(meta, path);
  const bytes = statSync(path).size;
  if (place === "other" || total + bytes > MOST_MODEL_BYTES) {
    console.log(`left out: ${path} (${place === "other" ? "no scene shows it" : "too large together"})`);
    continue;
  }
  total += bytes;
  // folders are part of the name: models/shd/model.safetensors is shd-model
  const source = SOURCES.find((source) => path.startsWith(source));
  const published = meta.elm_model_card ? "" : "published-";
  const name = published + path.slice(source.length + 1).replace(/\.safetensors$/, "").replaceAll("/", "-");
  cpSync(path, join(dist, "models", `${name}.safetensors`));
  listed.push({ name, file: `models/${name}.safetensors`, scene: place, bytes });
}
writeFileSync(join(dist, "models.json"), JSON.stringify(listed, null, 1));

const size = (folder) => readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
  const path = join(folder, entry.name);
  return sum + (entry.isDirectory() ? size(path) : statSync(path).size);
}, 0);
console.log(`${basename(process.cwd())}/${dist}: ${size(dist)} bytes, ${total} of them models (${listed.map((model) => model.name).join(", ")})`);
