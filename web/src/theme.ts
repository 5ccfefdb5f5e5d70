/** Colours come from the style sheet, so that light and dark stand in one place. */

export type Rgb = [number, number, number];

type Listener = () => void;
const listeners: Listener[] = [];
/** Values as long as the theme stays, for they are asked for at every step. */
const colours = new Map<string, string>();
const numbers = new Map<string, Rgb>();

/** Value of a custom property of the page. */
export function colour(name: string): string {
  const known = colours.get(name);
  if (known !== undefined) return known;
  const value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  colours.set(name, value);
  return value;
}

/** The same as numbers; the property must be `#rrggbb`. */
export function rgb(name: string): Rgb {
  const known = numbers.get(name);
  if (known) return known;
  const value = [1, 3, 5].map((at) => Number.parseInt(colour(name).slice(at, at + 2), 16)) as Rgb;
  numbers.set(name, value);
  return value;
}

/** Calls back when the colours have changed. */
export function onTheme(listener: Listener): void {
  listeners.push(listener);
}

/** The button that goes through system, light and dark; the choice lasts as long as the page. */
export function themeButton(button: HTMLButtonElement): void {
  const choices = ["system", "light", "dark"] as const;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let at = 0;
  const apply = () => {
    const choice = choices[at];
    document.documentElement.dataset.theme = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    button.textContent = { system: "◐", light: "☀", dark: "☾" }[choice];
    button.setAttribute("aria-label", `Colours: ${choice}. Press to change`);
    colours.clear();
    numbers.clear();
    for (const listener of listeners) listener();
  };
  button.addEventListener("click", () => {
    at = (at + 1) % choices.length;
    apply();
  });
  dark.addEventListener("change", apply);
  apply();
}
