// The feature strip: a few features of a dictionary at every token of the chain. Many tokens share a column; it shows the largest.
const COLUMNS = 600;
const stripValues = () => item().strip && once("strip values", () => shown(item().strip.readers, (packed) => unpack(packed, "features")));
const stripShape = () => Object.values(item().strip.readers)[0].shape;
const stepAt = (token) => item().steps.findIndex((step) => step.tokens[1] > token);

function largest(values, row, from, to, tokens) {
  let most = NaN;
  for (let t = from; t < Math.min(to, tokens); t++) {
    const value = values[row * tokens + t];
    if (finite(value) && !(Math.abs(value) <= Math.abs(most))) most = value;
  }
  return most;
}

function drawFeatures() {
  const strip = item().strip, values = stripValues();
  $("features-figure").hidden = !strip;
  if (!strip) return;
  $("features-title").textContent = strip.title;
  $("features-names").textContent = strip.names.map((name, r) => (strip.notes[r] ? `${name}: ${strip.notes[r]}` : "")).filter(Boolean).join(" · ");
  if (!values) return empty("features", "No features of this trace for this model.");
  const [rows, tokens] = stripShape(), per = Math.max(1, Math.ceil(tokens / COLUMNS)), columns = Math.ceil(tokens / per), start = strip.start;
  const ends = once("ends strip", () => {
    const lists = state.side === 2 ? [values] : sides().map((name) => strip.readers[name] && unpack(strip.readers[name], "features"));
    const most = Math.max(1e-9, ...lists.filter(Boolean).map((list) => list.reduce((a, v) => (finite(v) ? Math.max(a, Math.abs(v)) : a), 0)));
    return { low: state.side === 2 ? -most : 0, high: most, both: state.side === 2 };
  });
  const step = item().steps[state.step], column = (token) => Math.max(0, Math.min(columns, (token - start) / per)), pace = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((p) => tokens / p <= 9) || 10000;
  const marks = [];
  for (let token = Math.ceil(start / pace) * pace; token < start + tokens; token += pace) marks.push([(token - start + 0.5) / per, token]);
  const inChain = state.step < item().chain, edges = item().chain <= 80 ? item().steps.slice(1, item().chain).map((each) => column(each.tokens[0])) : [];
  paint("features", { key: "strip", rows, columns, value: (r, c) => largest(values, r, c * per, (c + 1) * per, tokens), ends, row: (r) => strip.names[r], column: (c) => start + c * per, marks,
    rowTitle: "", columnTitle: per > 1 ? `token (${per} a column, the largest)` : "token", stepOf: (r, c) => stepAt(start + c * per), square: false, edges,
    selected: { rows: [], columns: [], spans: inChain ? [[column(step.tokens[0]), column(step.tokens[1])]] : [] },
    tell: (r, c, v) => `feature ${strip.names[r]}, token ${start + c * per}, step ${stepAt(start + c * per) + 1}: ${v}` });
  places.features.note = ranged(ends, strip.unit);
  $("features-note").textContent = places.features.note;
}

// The largest activation of each shown feature on a step, by reader.
function featuresOn(i) {
  const strip = item().strip, step = item().steps[i];
  if (!strip || i >= item().chain) return [];
  const [, tokens] = stripShape(), from = step.tokens[0] - strip.start, to = step.tokens[1] - strip.start;
  const of = (name, r) => (name in strip.readers ? largest(unpack(strip.readers[name], "features"), r, from, to, tokens) : NaN);
  return strip.names.map((name, r) => ({ name, note: strip.notes[r], values: Object.fromEntries(run.readers.map((reader) => [reader, of(reader, r)])) }));
}

function featureTable(i) {
  const [before, after] = sides(), names = run.readers.length > 1 ? [before, after] : [before];
  const found = featuresOn(i).filter((each) => names.some((name) => each.values[name] > 0));
  if (!found.length) return [];
  const rows = found.map((each) => make("tr", { title: each.note }, make("td", {}, "feature " + each.name), ...names.map((name) => make("td", {}, number(each.values[name])))));
  return [make("h3", {}, "Features on this step (largest activation)"), make("table", { id: "fires" }, make("thead", {}, make("tr", {}, make("th", {}, ""), ...names.map((name) => make("th", {}, name)))), make("tbody", {}, ...rows))];
}
