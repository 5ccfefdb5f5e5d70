/** The page of `elm board`: a list of runs, their curves as they grow, and their recipes side by side. */
import "uplot/dist/uPlot.min.css";
import "../style.css";
import "./board.css";
import { el } from "../dom";
import { themeButton } from "../theme";
import { details, groups, models, type Run, runs, type StepLine } from "./api";
import { Curves, MOST_RUNS, type Series } from "./curves";
import { facts, fileLink, groupList, modelList } from "./lists";
import { differences, keys } from "./recipes";
import { type Watched, WatchedRuns } from "./watched";

/** Time between two looks at the list (ms). */
const LIST_EVERY = 3000;
/** Time between two drawings of curves that grow (ms). */
const DRAW_EVERY = 250;
/** Time between two looks at sweeps and comparisons (ms). */
const GROUPS_EVERY = 10_000;

const notice = document.getElementById("notice") as HTMLElement;

function failed(problem: unknown): void {
  notice.textContent = problem instanceof Error ? problem.message : String(problem);
  notice.hidden = false;
}

class Board {
  private listed: Run[] = [];
  private readonly watched = new WatchedRuns(() => {
    this.changed = true;
  });
  private readonly rows = el("tbody", {});
  private readonly filter = el("input", { type: "search", id: "filter", placeholder: "name or state" });
  private readonly count = el("p", { class: "about", role: "status" });
  private readonly right = el("div", { class: "main" });
  private readonly figures: [Curves, (watched: Watched) => Series][];
  private readonly metrics = el("div", { class: "metrics" });
  private readonly recipes = el("div", { class: "table" });
  private readonly files = el("div", {});
  private readonly groups = el("div", { class: "table" });
  private readonly models = el("div", { class: "table" });
  private changed = false;

  constructor(host: HTMLElement) {
    const line = (name: keyof StepLine) => (watched: Watched) => ({
      name: watched.name,
      at: watched.lines.map((line) => line.step),
      values: watched.lines.map((line) => line[name]),
    });
    this.figures = [
      [new Curves("Loss by gradient step", 240), line("loss")],
      [new Curves("Learning rate", 110), line("learning_rate")],
      [new Curves("Norm of the gradient", 110), line("gradient_norm")],
      [new Curves("Samples per second", 110), line("samples_per_second")],
    ];
    this.filter.addEventListener("input", () => this.drawList());
    const head = ["Run", "State", "Epochs", "Best loss"].map((name) => el("th", { scope: "col" }, name));
    host.append(
      el(
        "section",
        { class: "scene board", "aria-label": "Runs" },
        el(
          "div",
          { class: "side" },
          el("label", { for: "filter" }, "Runs"),
          this.filter,
          el("div", { class: "table" }, el("table", {}, el("thead", {}, el("tr", {}, ...head)), this.rows)),
          this.count,
          this.groups,
          this.models,
        ),
        this.right,
      ),
    );
    this.drawRight();
    void this.look();
    void this.lookAround();
    setInterval(() => void this.look(), LIST_EVERY);
    setInterval(() => void this.lookAround(), GROUPS_EVERY);
    setInterval(() => this.grow(), DRAW_EVERY);
  }

  /** Asks for the list anew, and for the epochs of what is looked at and still runs. */
  private async look(): Promise<void> {
    try {
      this.listed = await runs();
      notice.hidden = true;
    } catch (problem) {
      return failed(problem);
    }
    this.drawList();
    for (const watched of this.watched.all) {
      const run = this.listed.find((run) => run.name === watched.name);
      if (run && (run.epochs !== watched.details.epochs.length || run.state !== watched.state)) {
        watched.details = await details(watched.name).catch(() => watched.details);
        watched.state = run.state;
        this.drawMetrics();
        this.drawFiles();
      }
    }
  }

  /** Asks for sweeps, comparisons and models. */
  private async lookAround(): Promise<void> {
    const list = (name: string) => {
      this.filter.value = `${name}/`;
      this.filter.dispatchEvent(new Event("input"));
      this.filter.focus();
    };
    try {
      this.groups.replaceChildren(...groupList(await groups(), list));
      // what is opened stays so
      if (this.models.childElementCount === 0) this.models.replaceChildren(...modelList(await models()));
    } catch (problem) {
      failed(problem);
    }
  }

  private drawList(): void {
    const wanted = this.filter.value.toLowerCase();
    const shown = this.listed.filter((run) => `${run.name} ${run.state}`.toLowerCase().includes(wanted));
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "";
    this.rows.replaceChildren(...shown.map((run) => this.row(run)));
    this.rows.querySelector<HTMLInputElement>(`input[value="${CSS.escape(focused)}"]`)?.focus();
    this.count.textContent = `${shown.length} of ${this.listed.length} runs; choose up to ${MOST_RUNS} to compare.`;
  }

  private row(run: Run): HTMLTableRowElement {
    const box = el("input", { type: "checkbox", value: run.name });
    box.checked = this.watched.has(run.name);
    box.addEventListener("change", () => void this.choose(run.name, box));
    const state = el("span", { class: `state ${run.state}`, title: run.why ?? "" }, run.state);
    const best = run.best?.valid_loss;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("label", {}, box, " ", run.name)),
      el("td", {}, state),
      el("td", {}, `${run.epochs}`),
      el("td", {}, typeof best === "number" ? best.toPrecision(4) : "–"),
    );
  }

  private async choose(name: string, box: HTMLInputElement): Promise<void> {
    if (!box.checked) {
      this.watched.remove(name);
      return this.drawRight();
    }
    if (this.watched.size >= MOST_RUNS) {
      box.checked = false;
      return failed(new Error(`${MOST_RUNS} runs are compared at most: leave one out first.`));
    }
    try {
      this.watched.add(name, await details(name));
      this.drawRight();
    } catch (problem) {
      box.checked = false;
      failed(problem);
    }
  }

  private drawRight(): void {
    if (this.watched.size === 0) {
      this.right.replaceChildren(el("p", { class: "missing" }, "Choose runs in the list to see their curves and compare their recipes."));
      return;
    }
    this.right.replaceChildren(...this.figures.map(([curves]) => curves.element), this.metrics, this.recipes, this.files);
    this.changed = true;
    this.grow();
    this.drawMetrics();
    this.drawRecipes();
  }

  /** Draws what came since the last time. */
  private grow(): void {
    if (!this.changed || this.watched.size === 0) return;
    this.changed = false;
    const { all } = this.watched;
    for (const [curves, series] of this.figures) curves.draw(all.map(series));
  }

  /** What was measured at the end of each epoch. */
  private drawMetrics(): void {
    const { all } = this.watched;
    const other = new Set(["epoch", "step", "seconds", "train_seconds", "learning_rate"]);
    const names = new Set(all.flatMap(({ details }) => Object.keys(details.epochs[0] ?? {})).filter((name) => !other.has(name)));
    const figures = [...names].map((metric) => {
      const curves = new Curves(metric.replaceAll("_", " "), 150);
      curves.draw(all.map(({ name, details: { epochs } }) => ({ name, at: epochs.map(({ step }) => step), values: epochs.map((epoch) => epoch[metric]) })));
      return curves.element;
    });
    this.metrics.replaceChildren(...figures);
  }

  private drawRecipes(): void {
    const { all } = this.watched;
    const different = differences(all.map(({ details }) => keys(details.recipe)));
    const head = el("tr", {}, el("th", { scope: "col" }, "Key"), ...all.map(({ name }) => el("th", { scope: "col" }, name)));
    const rows = different.map(([name, values]) => el("tr", {}, el("th", { scope: "row" }, name), ...values.map((value) => el("td", {}, value || "–"))));
    const one = all.length === 1;
    const title = el("h3", {}, one ? "Recipe" : `Keys in which the recipes differ: ${different.length}`);
    const body = one ? el("pre", {}, all[0].details.recipe) : el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
    this.recipes.replaceChildren(title, body);
    this.drawFiles();
  }

  /** Tests, models and files. */
  private drawFiles(): void {
    const number = (value: number | null) => value?.toPrecision(4) ?? "–";
    this.files.replaceChildren(
      ...this.watched.all.map(({ name, details: { files, model, test } }) => {
        const rows = test.map(([metric, ours, published]): [string, string] => [
          `test: ${metric}`,
          published === null ? number(ours) : `${number(ours)} (published ${number(published)})`,
        ]);
        const links = files.flatMap((file) => [fileLink(name, file), " "]);
        return el("div", { class: "table" }, el("h3", {}, name), facts([...rows, ...model]), el("p", {}, ...links));
      }),
    );
  }
}

themeButton(document.getElementById("theme") as HTMLButtonElement);
new Board(document.getElementById("scenes") as HTMLElement);
