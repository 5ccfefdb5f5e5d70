/** Small helpers to make elements. */

type Child = Node | string;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function button(label: string, pressed: () => void, attributes: Record<string, string> = {}): HTMLButtonElement {
  const element = el("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", pressed);
  return element;
}

let made = 0;

/** A labelled slider; calls back with its value, at once as well. */
export function slider(
  label: string,
  [min, max, step, value]: [number, number, number, number],
  say: (value: number) => string,
  changed: (value: number) => void,
  kind = "",
): HTMLElement {
  const id = `slider-${made++}`;
  const input = el("input", { type: "range", id, min: `${min}`, max: `${max}`, step: `${step}`, value: `${value}` });
  const shown = el("output", { for: id });
  const update = () => {
    shown.value = say(input.valueAsNumber);
    input.setAttribute("aria-valuetext", shown.value);
    changed(input.valueAsNumber);
  };
  input.addEventListener("input", update);
  update();
  return el("div", { class: `slider ${kind}` }, el("label", { for: id }, label), shown, input);
}

/** One of several, as radio buttons in a row. */
export function choice<T extends string>(
  legend: string,
  options: [T, string][],
  value: T,
  changed: (value: T) => void,
): HTMLFieldSetElement {
  const name = `choice-${made++}`;
  const set = el("fieldset", { class: "choice" }, el("legend", {}, legend));
  for (const [key, label] of options) {
    const input = el("input", { type: "radio", name, value: key });
    input.checked = key === value;
    input.addEventListener("change", () => changed(key));
    set.append(el("label", {}, input, el("span", {}, label)));
  }
  return set;
}

/** A list to choose from. */
export function select(label: string, options: [string, string][], changed: (value: string) => void): HTMLElement {
  const id = `select-${made++}`;
  const list = el("select", { id });
  for (const [value, text] of options) list.append(el("option", { value }, text));
  list.addEventListener("change", () => changed(list.value));
  return el("div", { class: "select" }, el("label", { for: id }, label), list);
}

/** A drawing with a caption above it. */
export function figure(caption: Child[], body: HTMLElement, extra: Record<string, string> = {}): HTMLElement {
  return el("figure", extra, el("figcaption", {}, ...caption), body);
}

export function canvas(label: string, className: string): HTMLCanvasElement {
  return el("canvas", { class: className, role: "img", "aria-label": label });
}

/** A word in the colour of what it names. */
export function key(text: string, kind: string): HTMLElement {
  return el("span", { class: `key ${kind}` }, text);
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** Few digits, always as many for numbers of a size: what changes does not jump. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Two significant digits, without zeros behind the point. */
export function rough(value: number): string {
  return value >= 100 ? value.toFixed(0) : `${+value.toPrecision(2)}`;
}
