/** Tables of a visitor's own: a row is a time step, a column a channel. */

/** Columns that are no channels, as `elm_data::arrays` names them. */
const OTHER = new Set(["sample", "time", "y", "group", "split"]);
const MOST_BYTES = 64 * 1024 * 1024;

export interface Table {
  /** Values of a step, `[step][channel]`; or channel and value of those that are not zero. */
  steps: Step[];
}

export type Step = { first: boolean } & ({ values: number[] } | { events: [number, number][] });

/** Reads a table, or lines of `channel:value` as `elm predict --stream` takes them; throws a sentence. */
export function parse(text: string, channels: number): Table {
  if (text.length > MOST_BYTES) throw new Error(`Expected a table of at most ${MOST_BYTES >> 20} MB, found ${text.length >> 20} MB.`);
  if (text.includes("\0")) throw new Error("Expected a table of numbers as text, found a binary file.");
  const lines = text.replace(/^\uFEFF/, "").replace(/\r/g, "").replace(/\n+$/, "").split("\n");
  if (lines.every((line) => line.trim() === "")) throw new Error("Expected at least one row of numbers, found an empty file.");
  if (lines.some((line) => line.includes(":"))) return { steps: lines.map((line, i) => events(line, i, channels)) };
  const separator = ["\t", ";", ","].find((mark) => lines[0].includes(mark)) ?? ",";
  const cells = (line: string) => line.split(separator).map((cell) => cell.trim());
  const head = cells(lines[0]);
  const named = head.some((cell) => cell !== "" && Number.isNaN(Number(cell)) && !/^nan$/i.test(cell));
  const kept = head.map((_, i) => i).filter((i) => !(named && OTHER.has(head[i].toLowerCase())));
  const sample = named ? head.findIndex((name) => name.toLowerCase() === "sample") : -1;
  const rows = named ? lines.slice(1) : lines;
  if (rows.length === 0) throw new Error("Expected rows of numbers below the names of the columns, found none.");
  let before: string | null = null;
  const steps = rows.map((line, i): Step => {
    const number = i + (named ? 2 : 1);
    const row = cells(line);
    if (row.length !== head.length) throw new Error(`Line ${number}: expected ${head.length} columns as in the first line, found ${row.length}.`);
    const first = sample >= 0 ? row[sample] !== before : i === 0;
    if (sample >= 0) before = row[sample];
    const values = kept.map((column) => {
      const value = row[column] === "" ? Number.NaN : Number(row[column]);
      if (Number.isNaN(value) && !/^nan$/i.test(row[column])) throw new Error(`Line ${number}, column ${column + 1}: expected a number, found “${row[column].slice(0, 40)}”.`);
      return value;
    });
    if (values.length !== channels) throw new Error(`Line ${number}: expected ${channels} numbers, one for each channel of the model, found ${values.length}.`);
    return { first, values };
  });
  return { steps };
}

function events(line: string, index: number, channels: number): Step {
  const found = line.trim() === "" ? [] : line.trim().split(/[\s,;]+/);
  const pairs = found.map((text): [number, number] => {
    const [channel, value] = text.split(":").map(Number);
    if (!Number.isInteger(channel) || channel < 0 || channel >= channels || !Number.isFinite(value)) {
      throw new Error(`Line ${index + 1}: expected channel:value with a channel below ${channels}, found “${text.slice(0, 40)}”.`);
    }
    return [channel, value];
  });
  return { first: index === 0, events: pairs };
}
