/** What there is beside runs: sweeps, comparisons, and models. */
import { button, el } from "../dom";
import { type Fact, fileAddress, type Group, type Model } from "./api";

/** A link to a file of a run or a group. */
export function fileLink(name: string, file: string): HTMLAnchorElement {
  return el("a", { href: fileAddress(name, file), target: "_blank", rel: "noreferrer" }, file);
}

/** Names and values in two columns. */
export function facts(all: Fact[]): HTMLElement {
  const rows = all.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)));
  return el("table", { class: "facts" }, el("tbody", {}, ...rows));
}

/** The sweeps and comparisons; `choose` gets the name of one whose runs are to be listed. */
export function groupList(groups: Group[], choose: (name: string) => void): HTMLElement[] {
  if (groups.length === 0) return [];
  const items = groups.map(({ name, kind, state, metric, best, files }) => {
    const value = typeof best === "number" ? `; best ${metric} ${best.toPrecision(4)}` : "";
    return el(
      "li",
      {},
      button(name, () => choose(name), { title: "list its runs" }),
      ` ${kind}: ${state}${value} `,
      ...files.flatMap((file) => [fileLink(name, file), " "]),
    );
  });
  return [el("h3", {}, "Sweeps and comparisons"), el("ul", { class: "groups" }, ...items)];
}

/** The models, each to be opened. */
export function modelList(models: Model[]): HTMLElement[] {
  if (models.length === 0) return [];
  const items = models.map(({ name, file, facts: all }) => {
    const link = file ? [el("p", {}, fileLink(".", file))] : [];
    return el("details", {}, el("summary", {}, name), facts(all), ...link);
  });
  return [el("h3", {}, "Models"), ...items];
}
