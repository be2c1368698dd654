// Data: unpack what the page carries.
const run = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

const halves = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  halves[bits] = sign * (power === 31 ? (rest ? NaN : Infinity) : power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

// Values of a packed picture, once for each; a matrix comes as what lies above its diagonal.
function unpack(packed, kind) {
  if (packed.values) return packed.values;
  const text = atob(packed.f16), flat = new Float32Array(text.length / 2);
  for (let i = 0; i < flat.length; i++) flat[i] = halves[text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8)];
  if (kind !== "steps") return (packed.values = flat);
  const n = packed.shape[0], full = new Float32Array(n * n).fill(NaN);
  let at = 0;
  for (let source = 0; source < n; source++) for (let target = source + 1; target < n; target++) full[source * n + target] = flat[at++];
  return (packed.values = full);
}

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === "dark";
// State: which trace, step, side (before, after, difference), which numbers and pictures, which later model.
const state = { item: 0, step: 0, side: 0, after: 1, values: 0, matrix: "", grid: "", layer: -1, find: "", chosen: "" };
const item = () => run.items[state.item];
const sides = () => [run.readers[0], run.readers[Math.min(state.after, run.readers.length - 1)]];

// What is worked out once for a trace, side and layer, so that a step is selected at once.
const kept = new Map();
function once(name, work) {
  const key = [name, state.item, state.side, state.after, state.layer, dark()].join("|");
  if (!kept.has(key)) {
    if (kept.size > 60) kept.clear();
    kept.set(key, work());
  }
  return kept.get(key);
}

// The numbers of the chosen side: of one reader, or the later minus the first.
function shown(readers, pick) {
  const [before, after] = sides().map((name) => (name in readers ? pick(readers[name]) : null));
  if (state.side === 0) return before;
  if (state.side === 1) return after;
  if (!before || !after || before.length !== after.length) return null;
  if (after instanceof Float32Array) return after.map((x, i) => x - before[i]);
  return Array.from(after, (x, i) => (x === null || before[i] === null ? null : x - before[i]));
}
const stepValues = (values) => shown(values.readers, (row) => row);
const gridValues = (grid) => once(`values ${grid.key}`, () => shown(grid.readers, (packed) => unpack(packed, grid.kind)));
const gridOf = (key) => item().grids.find((grid) => grid.key === key);
const shapeOf = (grid) => (grid.readers[sides()[state.side === 1 ? 1 : 0]] || Object.values(grid.readers)[0]).shape;

// The strongest edges into or out of a step, by the matrix that is shown.
function edges(step, way, most) {
  const grid = gridOf(state.matrix), values = grid && gridValues(grid);
  if (!values || step >= item().chain) return [];
  const n = shapeOf(grid)[0], found = [];
  for (let other = 0; other < n; other++) {
    const value = way === "in" ? values[other * n + step] : values[step * n + other];
    if (finite(value) && value !== 0) found.push({ step: other, value });
  }
  return found.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, most);
}
