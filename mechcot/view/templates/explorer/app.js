// The app: one state, one redraw; keys, links, search, copying.
function select(step, quiet) {
  state.step = Math.max(0, Math.min(item().steps.length - 1, step));
  for (const old of $("cards").querySelectorAll('[aria-selected="true"]')) old.setAttribute("aria-selected", "false");
  const card = $("step-" + state.step);
  card.setAttribute("aria-selected", "true");
  $("cards").setAttribute("aria-activedescendant", card.id);
  const pane = $("cards").parentNode, top = card.offsetTop - pane.offsetTop;
  if (top < pane.scrollTop) pane.scrollTop = top - 40;
  else if (top + card.offsetHeight > pane.scrollTop + pane.clientHeight) pane.scrollTop = top + card.offsetHeight - pane.clientHeight + 40;
  drawStrip();
  drawMatrix();
  drawLayers();
  drawFeatures();
  drawDetail();
  if (!quiet) link();
}

function link() {
  try { history.replaceState(null, "", `#item=${state.item + 1}&step=${state.step + 1}`); } catch { /* a sandboxed frame may keep no link */ }
}

function follow() {
  const asked = new URLSearchParams(location.hash.slice(1)), place = (name, count) => Math.max(1, Math.min(count, Math.round(Number(asked.get(name))) || 1)) - 1;
  if (!asked.has("item") && !asked.has("step")) return false;
  open(place("item", run.items.length), asked.has("step") ? place("step", run.items[place("item", run.items.length)].steps.length) : null);
  return true;
}

// Without a step, a trace opens at the one that carries the answer.
function open(place, step) {
  state.item = (place + run.items.length) % run.items.length;
  $("item").value = String(state.item);
  fill();
  drawQuestion();
  drawCards();
  drawLegend();
  drawBars();
  const carrier = item().carrier[run.readers[0]];
  select(step === null ? (carrier ?? Math.max(0, item().chain - 1)) : step);
  search();
}

function options(id, pairs, value) {
  $(id).replaceChildren(...pairs.map(([key, title]) => make("option", { value: key }, title)));
  if (pairs.length) $(id).value = pairs.some(([key]) => key === value) ? value : pairs[0][0];
  $(id).disabled = !pairs.length;
  return $(id).value;
}

function fill() {
  const it = item(), lead = it.values.findIndex((values) => values.key === (state.chosen || it.lead)), kept = Math.max(0, lead);
  state.values = Number(options("values", it.values.map((values, i) => [String(i), values.title]), String(kept)) || 0);
  state.matrix = options("matrix", it.grids.filter((grid) => grid.kind === "steps").map((grid) => [grid.key, grid.title]), state.matrix);
  state.grid = options("grid", it.grids.filter((grid) => grid.kind !== "steps").map((grid) => [grid.key, grid.title]), state.grid);
  fillLayers();
}

function fillLayers() {
  const grid = gridOf(state.grid), count = grid && grid.kind === "heads" ? shapeOf(grid)[0] : 0;
  const pairs = [["-1", "layers (mean of heads)"], ...Array.from({ length: count }, (_, l) => [String(l), `heads of layer ${l}`])];
  state.layer = Number(options("layer", pairs, String(state.layer)));
}

function side(chosen) {
  if (chosen > 0 && run.readers.length < 2) return;
  state.side = chosen;
  for (const [i, button] of [...$("sides").querySelectorAll("button")].entries()) button.setAttribute("aria-pressed", String(i === chosen));
  drawBars();
  select(state.step, true);
}

function search() {
  const wanted = state.find.toLowerCase(), hits = [];
  item().steps.forEach((step, i) => {
    const hit = wanted !== "" && flat(step.text).toLowerCase().includes(wanted);
    if (hit) hits.push(i);
    $("step-" + i).classList.toggle("match", hit);
    $("step-" + i).classList.toggle("apart", wanted !== "" && !hit);
  });
  $("found").textContent = wanted === "" ? "" : `${hits.length} of ${item().steps.length} steps`;
  return hits;
}

function record() {
  const it = item(), i = state.step, step = it.steps[i];
  const values = Object.fromEntries(it.values.map((each) => [each.key, { unit: each.unit, ...Object.fromEntries(Object.entries(each.readers).map(([name, row]) => [name, row[i] ?? null])) }]));
  const named = (way) => edges(i, way, 6).map((edge) => ({ step: edge.step + 1, value: Number(edge.value.toPrecision(3)) }));
  return { run: run.source, trace: it.trace, author: it.author, step: i + 1, kind: step.kind, text: step.text, tokens: step.tokens, chars: step.chars, values,
    edges: { picture: state.matrix, side: ["before", "after", "difference"][state.side], in: named("in"), out: named("out") },
    features: Object.fromEntries(featuresOn(i).map(({ name, values }) => [name, Object.fromEntries(Object.entries(values).map(([reader, v]) => [reader, finite(v) ? v : null]))])), carrier: Object.fromEntries(Object.entries(it.carrier).map(([name, s]) => [name, s === null ? null : s + 1])) };
}

async function copy() {
  const text = JSON.stringify(record(), null, 1);
  try {
    await navigator.clipboard.writeText(text);
    $("copied").textContent = "copied";
  } catch {
    const old = $("copy-text"), area = make("textarea", { id: "copy-text", readonly: "", "aria-label": "The step as JSON" });
    if (old) old.remove();
    area.value = text;
    $("detail").append(area);
    area.select();
    $("copied").textContent = "select and copy";
  }
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  if (places.square || places.layers) { drawMatrix(); drawLayers(); drawFeatures(); }
}

const keys = { j: () => select(state.step + 1), k: () => select(state.step - 1), n: () => open(state.item + 1, null), p: () => open(state.item - 1, null),
  1: () => side(0), 2: () => side(1), 3: () => side(2), c: () => { const step = item().carrier[sides()[state.side === 1 ? 1 : 0]]; if (finite(step)) select(step); } };

function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
    if (event.key === "Escape" && event.target.id === "find") { state.find = $("find").value = ""; search(); $("cards").focus(); return; }
    if (typing) return;
    if (event.key === "/") { event.preventDefault(); $("find").focus(); }
    else if (event.key in keys) keys[event.key]();
    else if (["cards", "square", "layers", "features"].includes(event.target.id) && ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"].includes(event.key)) { event.preventDefault(); select(state.step + (["ArrowDown", "ArrowRight"].includes(event.key) ? 1 : -1)); }
  });
  $("find").addEventListener("input", () => { state.find = $("find").value; const hits = search(); if (hits.length) select(hits[0]); });
  $("find").addEventListener("keydown", (event) => { if (event.key === "Enter") { const hits = search(); if (hits.length) select(hits.find((i) => i > state.step) ?? hits[0]); } });
  const pick = (event) => { const hit = event.target.closest("[data-step]"); if (hit) select(Number(hit.dataset.step)); };
  $("cards").addEventListener("click", pick);
  $("strip").addEventListener("click", pick);
  $("item").addEventListener("change", () => open(Number($("item").value), null));
  $("previous").addEventListener("click", keys.p);
  $("next").addEventListener("click", keys.n);
  $("values").addEventListener("change", () => { state.values = Number($("values").value); state.chosen = item().values[state.values].key; drawBars(); });
  $("matrix").addEventListener("change", () => { state.matrix = $("matrix").value; select(state.step, true); });
  $("grid").addEventListener("change", () => { state.grid = $("grid").value; fillLayers(); drawLayers(); });
  $("layer").addEventListener("change", () => { state.layer = Number($("layer").value); drawLayers(); });
  $("theme").addEventListener("click", () => theme(dark() ? "light" : "dark"));
  addEventListener("hashchange", follow);
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => { drawStrip(); drawMatrix(); drawLayers(); drawFeatures(); }, 100); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme(event.matches ? "dark" : "light"));
}

function start() {
  theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  for (const id of ["controls", "app"]) $(id).hidden = false;
  options("item", run.items.map((it, i) => [String(i), `${i + 1} of ${run.items.length}: ${it.trace}`]), "0");
  const names = run.readers.length > 1 ? [run.readers[0], run.readers[1], "difference"] : [run.readers[0]];
  for (const [i, name] of names.entries()) $("sides").append(make("button", { "aria-pressed": String(i === 0), onclick: () => side(i) }, name));
  if (run.readers.length > 2) {
    const later = make("select", { "aria-label": "Later model", onchange: (event) => { state.after = Number(event.target.value); $("sides").querySelectorAll("button")[1].textContent = sides()[1]; drawQuestion(); drawCards(); drawLegend(); drawBars(); select(state.step, true); } });
    later.append(...run.readers.slice(1).map((name, i) => make("option", { value: String(i + 1) }, name)));
    $("sides").append(later);
  }
  $("source").textContent = "Source: " + run.source;
  listen();
  if (!follow()) open(0, null);
  document.documentElement.dataset.ready = "yes";
}
start();
