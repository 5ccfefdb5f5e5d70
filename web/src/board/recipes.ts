/** Recipes side by side: the keys in which they differ. */

/** The keys of a recipe with their values as text; enough of TOML for recipes that `elm` wrote, a key a line. */
export function keys(recipe: string): Map<string, string> {
  const found = new Map<string, string>();
  let section = "";
  for (const raw of recipe.split("\n")) {
    const line = raw.trim();
    const table = /^\[([^[\]]+)\]/.exec(line);
    if (table) {
      section = `${table[1]}.`;
      continue;
    }
    const pair = /^([\w.-]+)\s*=\s*(.*)$/.exec(line);
    if (pair) found.set(section + pair[1], withoutComment(pair[2]));
  }
  return found;
}

/** A `#` within quotes is none. */
function withoutComment(value: string): string {
  const end = /^((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#])*)/.exec(value);
  return (end?.[1] ?? value).trim();
}

/** Keys whose values are not the same in all of them: name, and a value for each, "" where it is not set. */
export function differences(recipes: Map<string, string>[]): [string, string[]][] {
  const names = new Set(recipes.flatMap((recipe) => [...recipe.keys()]));
  return [...names]
    .map((name): [string, string[]] => [name, recipes.map((recipe) => recipe.get(name) ?? "")])
    .filter(([, values]) => values.some((value) => value !== values[0]));
}
