// Pictures on canvas: step x step, layer x step, feature x token. Each cell keeps its place, so that a click selects a step.
const EDGE = { left: 40, right: 10, top: 8, bottom: 34 };
const places = {};

// Ends of the colour scale: alike for both models, the top half percent clipped; both signs or a difference: symmetric.
function domain(lists, difference) {
  const all = Float32Array.from(lists.flatMap((list) => (list ? Array.from(list).filter(finite) : []))).sort();
  if (!all.length) return null;
  const low = all[Math.floor(0.005 * (all.length - 1))], high = all[Math.ceil(0.995 * (all.length - 1))];
  if (difference || (low < -0.02 * Math.abs(high) && high > 0.02 * Math.abs(low))) {
    const end = Math.max(Math.abs(low), Math.abs(high), 1e-9);
    return { low: -end, high: end, both: true };
  }
  return high <= 0 ? { low: Math.min(low, -1e-9), high: 0 } : { low: 0, high: Math.max(high, 1e-9) };
}

// Draw rows x columns; `value(row, column)`, row 0 on top. `wide` makes the cells fill the width at a fixed height.
function paint(id, { key, rows, columns, value, ends, row, column, rowTitle, columnTitle, stepOf, square, selected, tell, marks, edges }) {
  const canvas = $(id), dpr = window.devicePixelRatio || 1, width = Math.max(240, canvas.clientWidth || canvas.parentNode.clientWidth);
  const inner = width - EDGE.left - EDGE.right, deep = square ? Math.min(inner, 460) : Math.max(70, Math.min(260, rows * 22));
  const wide = square ? deep : inner, height = deep + EDGE.top + EDGE.bottom;
  canvas.style.height = height + "px";
  canvas.width = width * dpr;
  canvas.height = height * dpr;
  const pen = canvas.getContext("2d"), stops = run.scales[dark() ? "dark" : "light"], shade = colours(ends.both ? stops.diverging : stops.sequential);
  pen.scale(dpr, dpr);
  const small = once(`picture ${id} ${key}`, () => cells(rows, columns, value, ends, shade));
  pen.fillStyle = ink("--wash");
  pen.fillRect(EDGE.left, EDGE.top, wide, deep);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, EDGE.left, EDGE.top, wide, deep);
  pen.strokeStyle = ink("--rule");
  pen.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, wide - 1, deep - 1);
  labels(pen, { count: rows, at: (i) => EDGE.top + (deep * (i + 0.5)) / rows, name: row, title: rowTitle, vertical: true, deep, wide });
  labels(pen, { count: columns, at: (i) => EDGE.left + (wide * (i + 0.5)) / columns, name: column, title: columnTitle, deep, wide, marks: marks && marks.map(([at, name]) => [EDGE.left + (wide * at) / columns, name]) });
  pen.strokeStyle = ink("--muted");
  pen.lineWidth = 1;
  for (const edge of edges || []) pen.strokeRect(Math.round(EDGE.left + (wide * edge) / columns) + 0.5, EDGE.top + deep, 0, 4);
  pen.strokeStyle = ink("--ink");
  pen.lineWidth = 1.5;
  for (const c of selected.columns) pen.strokeRect(EDGE.left + (wide * c) / columns, EDGE.top, Math.max(1.5, wide / columns), deep);
  for (const [from, to] of selected.spans || []) pen.strokeRect(EDGE.left + (wide * from) / columns, EDGE.top, Math.max(1.5, (wide * (to - from)) / columns), deep);
  for (const r of selected.rows) pen.strokeRect(EDGE.left, EDGE.top + (deep * r) / rows, wide, Math.max(1.5, deep / rows));
  places[id] = { rows, columns, wide, deep, stepOf, value, tell };
}

function cells(rows, columns, value, ends, shade) {
  const small = document.createElement("canvas"), image = new ImageData(columns, rows), scale = 255 / (ends.high - ends.low);
  small.width = columns;
  small.height = rows;
  for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at += 4) {
    const v = value(r, c);
    if (!finite(v)) continue;
    const colour = shade[Math.max(0, Math.min(255, Math.round((v - ends.low) * scale)))];
    image.data[at] = colour[0];
    image.data[at + 1] = colour[1];
    image.data[at + 2] = colour[2];
    image.data[at + 3] = 255;
  }
  small.getContext("2d").putImageData(image, 0, 0);
  return small;
}

function labels(pen, { count, at, name, title, vertical, deep, wide, marks }) {
  const room = (vertical ? deep / 14 : wide / 26), every = Math.max(1, Math.ceil(count / room));
  pen.font = "11px " + ink("--sans");
  pen.fillStyle = ink("--muted");
  pen.textBaseline = "middle";
  pen.textAlign = vertical ? "right" : "center";
  for (let i = 0; i < count && !marks; i += every) {
    if (vertical) pen.fillText(name(i), EDGE.left - 5, at(i));
    else pen.fillText(name(i), at(i), EDGE.top + deep + 10);
  }
  for (const [place, text] of marks || []) pen.fillText(text, place, EDGE.top + deep + 11);
  pen.save();
  pen.textAlign = "center";
  if (vertical) {
    pen.translate(8, EDGE.top + deep / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(title, 0, 0);
  } else pen.fillText(title, EDGE.left + wide / 2, EDGE.top + deep + 26);
  pen.restore();
}

function empty(id, text) {
  const canvas = $(id);
  canvas.style.height = "0";
  canvas.height = 0;
  delete places[id];
  $(id + "-note").textContent = text;
}

const ranged = (ends, unit) => `Colour: ${number(ends.low)} to ${number(ends.high)} (${unit})${state.side === 2 ? ", after − before" : ", same scale before and after"}. `;
const lacking = () => (item().leftOut.length ? `Left out to keep the file small: ${item().leftOut.join("; ")}. ` : "");

function drawMatrix() {
  const grid = gridOf(state.matrix), values = grid && gridValues(grid);
  if (!values) return empty("square", lacking() + "No such picture of this trace for this model.");
  const n = shapeOf(grid)[0], both = sides().map((name) => grid.readers[name] && unpack(grid.readers[name], "steps"));
  const ends = once(`ends ${grid.key}`, () => domain(state.side === 2 ? [values] : both, state.side === 2));
  if (!ends) return empty("square", "Nothing was measured here: the chain has fewer than two steps.");
  const at = state.step < n ? [state.step] : [];
  paint("square", { key: grid.key, rows: n, columns: n, value: (r, c) => values[c * n + r], ends, row: (i) => i + 1, column: (i) => i + 1, rowTitle: "later step, acted on",
    columnTitle: "earlier step, acts", stepOf: (r, c) => c, square: true, selected: { rows: at, columns: at },
    tell: (r, c, v) => `step ${c + 1} → step ${r + 1}: ${v}` });
  places.square.note = ranged(ends, grid.unit) + lacking();
  $("square-note").textContent = places.square.note;
}

function drawLayers() {
  const grid = gridOf(state.grid), values = grid && gridValues(grid);
  $("layer-label").hidden = !grid || grid.kind !== "heads";
  if (!values) return empty("layers", lacking() + "No such picture of this trace for this model.");
  const shape = shapeOf(grid), heads = grid.kind === "heads", count = shape[shape.length - 1];
  const one = heads && state.layer >= 0 && state.layer < shape[0], rows = one ? shape[1] : shape[0];
  const cell = (from, r, c) => {
    if (!heads) return from[r * count + c];
    if (one) return from[(state.layer * shape[1] + r) * count + c];
    let sum = 0;
    for (let h = 0; h < shape[1]; h++) sum += from[(r * shape[1] + h) * count + c];
    return sum / shape[1];
  };
  const list = (from) => from && Array.from({ length: rows * count }, (_, i) => cell(from, Math.floor(i / count), i % count));
  const both = () => sides().map((name) => grid.readers[name] && list(unpack(grid.readers[name], grid.kind)));
  const ends = once(`ends ${grid.key}`, () => domain(state.side === 2 ? [list(values)] : both(), state.side === 2));
  if (!ends) return empty("layers", "No step of this trace could be measured.");
  const turned = (r) => (one ? r : rows - 1 - r), at = grid.columns.indexOf(state.step);
  paint("layers", { key: grid.key, rows, columns: count, value: (r, c) => cell(values, turned(r), c), ends, row: (r) => (one ? "h" : "") + turned(r), column: (c) => grid.columns[c] + 1,
    rowTitle: one ? "head" : "layer", columnTitle: "step", stepOf: (r, c) => grid.columns[c], square: false, selected: { rows: [], columns: at < 0 ? [] : [at] },
    tell: (r, c, v) => `${one ? "head h" : "layer "}${turned(r)}, step ${grid.columns[c] + 1}: ${v}` });
  places.layers.note = ranged(ends, grid.unit) + (grid.columns.length < item().chain ? "Only the steps that state a value that changes. " : "") + lacking();
  $("layers-note").textContent = places.layers.note;
}

function cellAt(id, event) {
  const place = places[id], rect = $(id).getBoundingClientRect();
  if (!place) return null;
  const column = Math.floor(((event.clientX - rect.left - EDGE.left) / place.wide) * place.columns), row = Math.floor(((event.clientY - rect.top - EDGE.top) / place.deep) * place.rows);
  return row < 0 || column < 0 || row >= place.rows || column >= place.columns ? null : { row, column, place };
}

for (const id of ["square", "layers", "features"]) {
  $(id).addEventListener("mousemove", (event) => {
    const cell = cellAt(id, event);
    if (!cell) return;
    const { row, column, place } = cell;
    $(id + "-note").textContent = `${place.tell(row, column, number(place.value(row, column)))}. ${place.note}`;
  });
  $(id).addEventListener("mouseleave", () => { if (places[id]) $(id + "-note").textContent = places[id].note; });
  $(id).addEventListener("click", (event) => {
    const cell = cellAt(id, event);
    if (cell) select(cell.place.stepOf(cell.row, cell.column));
  });
}
