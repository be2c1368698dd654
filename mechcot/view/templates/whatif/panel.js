// The panel: it draws the state that comes from Python and sends messages; it computes nothing. One message is on its way at a time.
const SILENT = 15000;
const PREDICTED = "The answer that the task itself works out for the changed text, where it follows exactly: for one other value, a patch or another chain, and no other change by hand.";
const MOVED = "Half the sum of the differences of all first-token probabilities: 0 is no change, 1 another answer for certain. The same text computed in another order differs by rounding alone; nothing below that is called an effect.";

function panel(root, model, live) {
  const $ = (id) => root.getElementById(id), host = root.host;
  const ui = { step: null, trace: "", draft: null, why: "", vector: "", feature: "0", source: "", follow: false, other: "0", code: "", waiting: false, queue: [], asked: null };
  let data = model.get("state");
  const cut = (text) => (text.length > 46 ? text.slice(0, 45) + "…" : text);
  const said = (answer) => (answer === null ? "unread" : cut(flat(answer)));

  // Messages -------------------------------------------------------------------------------------------------------
  let number_ = 0, silence = 0;
  const waits = new Map();
  function send(message, done) {
    if (!live) return;
    ui.queue = ui.queue.filter((other) => !(other.message.do === message.do && ["check", "steer", "clamp"].includes(message.do)));
    ui.queue.push({ message, done });
    next();
  }
  function next() {
    if (ui.waiting || !ui.queue.length) return;
    const { message, done } = ui.queue.shift(), id = ++number_;
    ui.waiting = true;
    waits.set(id, done);
    $("panel").setAttribute("aria-busy", "true");
    clearTimeout(silence);
    silence = setTimeout(() => { $("error").textContent = "No reply yet: the kernel is busy, or not running."; }, SILENT);
    model.send({ id, ...message });
  }
  function heard(reply) {
    if (!waits.has(reply.id)) return;
    const done = waits.get(reply.id);
    waits.delete(reply.id);
    clearTimeout(silence);
    ui.waiting = false;
    $("panel").setAttribute("aria-busy", "false");
    $("error").textContent = reply.error || "";
    if (done) done(reply);
    if (data.job && !ui.queue.length && !reply.error) ui.queue.push({ message: { do: "go_on" } });
    next();
  }
  const KEEPS_DRAFT = ["try_all", "map", "pin", "read_by", "hide", "hide_answer", "steer", "clamp"]; // what leaves the text of the step alone
  const act = (message) => send(message, (reply) => { if (!reply.error && ui.draft !== null && !KEEPS_DRAFT.includes(message.do)) dropDraft(); });
  function dropDraft() {
    ui.draft = null;
    ui.why = "";
    keepingFocus(drawSide);
  }
  function keepingFocus(drawn) {
    const old = root.activeElement, id = old && old.id, caret = id === "edit" ? [old.selectionStart, old.selectionEnd] : null;
    drawn();
    if (id && $(id)) $(id).focus({ preventScroll: true });
    if (caret && $("edit")) $("edit").setSelectionRange(...caret);
  }

  // Small parts ----------------------------------------------------------------------------------------------------
  function button(text, message, reason, extra) {
    const node = make("button", { type: "button", ...(extra || {}) }, text), why = live ? reason : "a saved state: run the cell to act";
    if (why) { node.disabled = true; node.title = why; } else node.addEventListener("click", typeof message === "function" ? message : () => act(message));
    return node;
  }
  const option = (value, title, why) => make("option", { value, ...(why ? { disabled: "", title: why } : {}) }, title + (why ? ` (${cut(why.split(/[:;]/)[0])})` : ""));
  function choose(id, pairs, value, changed) {
    const node = make("select", { id, "aria-label": id, onchange: () => changed(node.value) }, ...pairs.map(([key, title, why]) => option(key, title, why)));
    node.value = pairs.some(([key]) => key === value) ? value : (pairs[0] || [""])[0];
    return node;
  }
  const card = () => data.steps[ui.step];
  const cannot = (name) => card().cannot[name] || "";

  const underway = () => `${data.job.title}: ${data.job.done} of ${data.job.of}`;
  const working = () => make("span", { class: "why" }, data.job ? underway() : "");

  // The head -------------------------------------------------------------------------------------------------------
  function drawHead() {
    const v = data.variant;
    $("readers").replaceChildren(make("legend", {}, "Read by"), ...data.readers.map((name, i) => button(name, { do: "read_by", reader: i }, "", { "aria-pressed": String(i === data.reader), "data-reader": i })));
    $("traces").hidden = data.traces.length < 2;
    $("trace").replaceChildren(...data.traces.map((id, i) => option(String(i), `${i + 1} of ${data.traces.length}: ${cut(id)}`)));
    $("trace").value = String(data.place);
    $("undo").disabled = !live || !data.undo;
    $("redo").disabled = !live || !data.redo;
    $("reset").disabled = !live || !v.changes.length;
    $("pin").disabled = $("copy").disabled = !live;
    $("pin").textContent = data.is_pinned ? "Unpin" : "Pin";
    $("question").textContent = data.question.trim();
    $("answers").replaceChildren("reference ", make("b", {}, data.reference), `, written by ${data.author}, read by `, make("b", {}, data.readers[data.reader]), ` · ${v.tokens} tokens${v.milliseconds ? ` · ${v.milliseconds} ms` : ""}`);
    $("sentence").style.setProperty("--moved", v.effect ? Math.min(1, v.moved) : 0);
    $("sentence").replaceChildren(make("b", {}, v.changes.length ? sentenceCase(v.label) + "." : "As written."), " " + v.sentence);
    drawEvery();
    $("job").hidden = !data.job;
    if (data.job) {
      $("job-title").textContent = underway();
      $("job-bar").max = Math.max(1, data.job.of);
      $("job-bar").value = data.job.done;
    }
  }
  function drawEvery() {
    const sweep = data.sweep, turning = sweep ? sweep.steps.filter((step) => step.turned) : [];
    $("every").replaceChildren("What if one step alone ", choose("change", data.try_all, data.change, (value) => send({ do: "choose", change: value })), " ", button("Try all", () => { ui.follow = true; act({ do: "try_all", change: data.change }); }, "", { id: "try-all", class: "main" }),
      ...turning.slice(0, 8).map((one) => make("button", { type: "button", class: "go", "data-go": one.step, title: `turns the answer in ${one.turned} of ${one.tried} tried`, onclick: () => select(one.step, true) }, `${star(one)} step ${one.step + 1}`)));
    $("change").disabled = !live;
    $("swept").textContent = sweep ? sweep.sentence : "";
    $("left-out").textContent = sweep ? sweep.left_out : "";
  }
  const star = (one) => (2 * one.turned >= one.tried ? "★" : "☆"); // in most of what was tried, or in a few
  const isName = (text) => [...data.readers, ...data.others, data.trace].some((name) => text.startsWith(name + " "));
  const sentenceCase = (text) => (isName(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));

  const held = (text) => text.replace(/ (?=[.,;:!?]( |$))/g, "\u00a0"); // no line begins with a mark alone

  // The cards ------------------------------------------------------------------------------------------------------
  function drawCards() {
    const swept = new Map((data.sweep ? data.sweep.steps : []).map((one) => [one.step, one])), untried = data.sweep ? data.sweep.untried : {};
    $("cards-title").textContent = data.sweep ? "Steps. Bars: " + data.sweep.title : "Steps";
    $("cards").replaceChildren(...data.steps.map((step, i) => {
      const size = make("span", { class: "size" }), one = swept.get(i);
      if (one) {
        size.append(make("span", { class: "bar", style: `--moved:${one.effect ? Math.min(1, one.moved) : 0}` }, make("i", { style: `width:${(100 * Math.min(1, one.moved)).toFixed(1)}%` })),
          make("small", { title: one.tries.map(([label, moved, , answer]) => `${label}: ${number(moved)}, answer ${said(answer)}`).join("\n") }, one.effect ? number(one.moved) : "no effect", one.turned ? make("b", {}, one.tried > 1 ? `turns ${one.turned} of ${one.tried} tried` : `→ ${said(one.said)}`) : null));
        if (one.again) size.append(make("small", { class: "untried" }, one.again));
      } else if (untried[i]) size.append(make("small", { class: "untried", title: untried[i] }, "not tried"));
      if (step.nats !== null && Math.abs(step.nats) > data.floor) size.append(make("small", { class: step.nats < 0 ? "down" : "up", title: "change of the log-probability of this step's own tokens, mean" }, number(step.nats, true) + " nats"));
      const tags = [...step.hidden.map((scope) => (scope === "later" ? "hidden" : "hidden from the answer")), ...step.patched.map((l) => `patched at block ${l}`), ...(step.gone ? ["deleted"] : []), ...(step.was === null && !step.own ? ["new"] : [])];
      const turns = Boolean(one && one.turned);
      return make("li", { id: "step-" + i, role: "option", "data-step": i, class: `${step.gone ? "gone" : ""} ${turns ? "turned" : ""}`, "aria-selected": String(i === ui.step) },
        make("span", { class: "place", title: turns ? `turns the answer in ${one.turned} of ${one.tried} tried` : "" }, (turns ? star(one) + " " : "") + (i + 1)), badge(step.kind),
        make("span", { class: "text" }, step.was && !step.gone ? make("span", { class: "was" }, flat(step.was)) : null, held(flat(step.text)) || "(no text)", " ", ...tags.map((tag) => make("span", { class: "tag" }, tag))), size);
    }));
  }
  function reveal() {
    const li = $("step-" + ui.step), pane = $("cards").parentNode;
    if (li && (li.offsetTop - pane.offsetTop < pane.scrollTop || li.offsetTop - pane.offsetTop + li.offsetHeight > pane.scrollTop + pane.clientHeight)) pane.scrollTop = li.offsetTop - pane.offsetTop - 60;
  }
  function select(step, seek) {
    ui.step = Math.max(0, Math.min(data.steps.length - 1, step));
    ui.draft = null;
    ui.why = "";
    for (const li of $("cards").children) li.setAttribute("aria-selected", String(Number(li.dataset.step) === ui.step));
    $("cards").setAttribute("aria-activedescendant", "step-" + ui.step);
    reveal();
    if (seek) $("step-" + ui.step)?.scrollIntoView({ block: "nearest" });
    drawings();
    drawSide();
  }

  // The answer and its line ----------------------------------------------------------------------------------------
  function drawAnswer() {
    const v = data.variant, named = new Set([v.predicted]);
    $("answer").replaceChildren(...v.top.flatMap(([token, before, after]) => [
      make("span", { class: "token", title: token }, token.trim() ? token : JSON.stringify(token)),
      make("span", { class: "two", role: "img", "aria-label": `${token}: ${number(before)} before, ${number(after)} after` }, make("i", { style: `width:${(100 * before).toFixed(2)}%` }), make("i", { style: `width:${(100 * after).toFixed(2)}%` })),
      make("span", { class: "p" }, make("span", {}, number(before)), make("span", {}, number(after) + (named.has(token.trim()) ? " ◂" : ""))),
    ]));
    $("answer-note").replaceChildren(make("span", { class: "b" }, `before: ${said(v.before.said)}`), make("span", { class: "a" }, `after: ${said(v.after.said)}`),
      make("span", { title: PREDICTED }, v.predicted === null ? (v.changes.length ? "the task predicts no answer after such a change" : "") : `predicted by the task ◂ ${said(v.predicted)}${v.p_predicted === null ? "" : `, p ${number(v.p_predicted)}`}`),
      make("span", { title: MOVED }, `moved ${number(v.moved)} of 1 (rounding: below ${number(v.noise)})`));
  }
  const source = () => (ui.source === "" ? null : Number(ui.source));
  function drawings() {
    const made = data.map && data.map.source === source() ? data.map : null;
    drawLine($("line"), data.variant, ui.step);
    $("line-title").textContent = `Probability of the answer as it was (${said(data.variant.before.said)}) after each step`;
    drawMap($("map"), {
      rows: data.layers, steps: data.steps, made, chosen: ui.step, scale: SCALES[host.dataset.theme === "dark" ? "dark" : "light"],
      why: (step) => (source() === null ? data.steps[step].cannot.patch || "" : ""),
      go: live ? (step, layer) => { if (step !== ui.step) select(step); act({ do: "patch", step, layer, source: source() }); } : null,
    });
    const names = [["", "the counterfactual"], ...data.others.map((id, i) => [String(i), cut(id)])];
    $("map-from").replaceChildren("states of ", choose("source", names, ui.source, (value) => { ui.source = value; drawings(); }), " ", button(made ? "Draw again" : "Draw the map", { do: "map", source: source() }, "", { id: "draw-map" }), working());
    $("map-note").textContent = made ? `Colour: how far the answer moves (0 to 1), read by ${data.readers[data.reader]}. Click a cell to patch it.` : "Click a cell to patch it; draw the map to see all of them.";
  }

  // The actions ----------------------------------------------------------------------------------------------------
  function drawSide() {
    const step = card(), i = ui.step, text = ui.draft ?? (step.gone ? "" : flat(step.text)), area = make("textarea", { id: "edit", spellcheck: "false", "aria-label": `Text of step ${i + 1}`, ...(live ? {} : { readonly: "" }) });
    area.value = text;
    area.addEventListener("input", () => { const typed = (ui.draft = area.value); send({ do: "check", step: i, text: typed }, (reply) => { if (ui.draft === typed) { ui.why = reply.reason || ""; drawEditing(); } }); });
    area.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); dropDraft(); } });
    const pressed = (scope) => ({ "aria-pressed": String(step.hidden.includes(scope)) });
    const order = step.values.map((value, n) => ({ ...value, n })).sort((a, b) => a.text.localeCompare(b.text, "en", { numeric: true }));
    const swaps = order.map((value) => button((value.turned ? "★ " : "") + value.text, { do: "counterfactual", step: i, value: value.n }, cannot("counterfactual"), { class: "value", title: value.said === undefined ? "not tried yet" : `answer ${said(value.said)}, moved ${number(value.moved)}` }));
    const replaced = [...(swaps.length ? swaps : [button("Counterfactual", {}, cannot("counterfactual"))]), ...["mistake", "paraphrase", "filler"].map((name) => button(sentenceCase(name), { do: name, step: i }, cannot(name))), button("Delete", { do: "delete", step: i }, cannot("delete"))];
    $("side-text").replaceChildren(
      make("h2", {}, badge(step.kind), ` Step ${i + 1}: ${step.kind}`), area,
      make("div", { class: "row", id: "editing" }), make("p", { class: "why", id: "why" }), make("p", { id: "now" }, data.variant.changes.length ? data.variant.sentence : ""),
      make("h3", {}, "Replace it by"), make("div", { class: "row" }, ...replaced), reasons(["counterfactual", "mistake", "paraphrase", "filler", "delete"]),
      make("h3", {}, "Hide it from"), make("div", { class: "row" }, button("all later tokens", { do: "hide", step: i }, cannot("hide"), pressed("later")), button("the answer only", { do: "hide_answer", step: i }, cannot("hide_answer"), pressed("answer"))), reasons(["hide"]),
      make("h3", {}, "Write on from here"), make("div", { class: "row" }, button("greedily", { do: "write", step: i, samples: 0 }, ""), button(`${data.samples} samples`, { do: "write", step: i, samples: data.samples }, ""), working()));
    drawEditing();
    const others = data.others.map((id, n) => [String(n), cut(id)]);
    $("side-model").replaceChildren(
      make("h3", {}, "Exchange the chain"), make("div", { class: "row" }, choose("other", others.length ? others : [["0", "no other trace"]], ui.other, (value) => { ui.other = value; }), button("Exchange", () => act({ do: "exchange", other: Number(ui.other) }), others.length ? "" : "no other trace was given; mc.what_if(models, traces) takes several")),
      ...steering(), ...clamping());
  }
  function drawEditing() {
    const i = ui.step, text = () => $("edit").value;
    $("editing").replaceChildren(button("Apply, keep the rest", () => act({ do: "edit", step: i, text: text() }), ui.why, { id: "keep", class: "main" }), button("Apply, write the rest anew", () => act({ do: "edit_anew", step: i, text: text() }), ui.why, { id: "anew" }));
    $("why").textContent = ui.why;
  }
  function reasons(names) {
    const texts = [...new Set(names.map(cannot).filter(Boolean))];
    return make("p", { class: "why" }, texts.map(sentenceCase).join(". ") + (texts.length ? "." : ""));
  }
  function slider(id, marks, value, name, send_) {
    const range = make("input", { id, type: "range", min: 0, max: marks.length - 1, step: 1, "aria-label": id, ...(live ? {} : { disabled: "" }) }), out = make("output", {}, name(marks[value]));
    range.value = String(value);
    range.addEventListener("input", () => { out.textContent = name(marks[Number(range.value)]); });
    range.addEventListener("change", () => send_(marks[Number(range.value)]));
    return [range, out];
  }
  function steering() {
    const head = make("h3", {}, "Steer along the chain, dose in nats");
    if (!data.vectors.length) return [head, make("p", { class: "why" }, "No vector was given: mc.what_if(models, traces, vectors={name: vector}).")];
    const marks = [...data.doses.map((d) => -d).reverse(), 0, ...data.doses], name = ui.vector || data.vectors[0], now = data.pushed[name], at = now === undefined ? data.doses.length : marks.reduce((best, m, i) => (Math.abs(m - now) < Math.abs(marks[best] - now) ? i : best), 0);
    const told = now === undefined ? (m) => number(m, true) + " nats" : (m) => (m === marks[at] ? number(now, true) + " measured" : number(m, true) + " nats");
    return [head, make("div", { class: "row" }, choose("vector", data.vectors.map((v) => [v, cut(v)]), name, (value) => { ui.vector = value; drawSide(); }), ...slider("dose", marks, at, told, (nats) => act({ do: "steer", name, nats })))];
  }
  function clamping() {
    const head = make("h3", {}, "Clamp a feature, level in largest activations");
    if (!data.features) return [head, make("p", { class: "why" }, "No dictionary was given: mc.what_if(models, traces, dictionary=mc.sae.load(FOLDER)).")];
    const field = make("input", { id: "feature", type: "number", min: 0, max: data.features - 1, "aria-label": "feature", ...(live ? {} : { disabled: "" }) });
    field.value = ui.feature;
    field.addEventListener("input", () => { ui.feature = field.value; });
    return [head, make("div", { class: "row" }, field, ...slider("level", data.levels, 2, (m) => "level " + m, (level) => act({ do: "clamp", feature: Math.round(Number(ui.feature)), level })))];
  }

  // What was pinned, and the code ----------------------------------------------------------------------------------
  function drawPinned() {
    const rows = data.pinned.map((v, n) => make("tr", {}, make("td", {}, sentenceCase(v.label)), make("td", {}, `${said(v.before.said)} → ${said(v.after.said)}`), make("td", {}, v.predicted === null ? "–" : said(v.predicted)), make("td", {}, number(v.after.p)), make("td", {}, v.effect ? number(v.moved) : "no effect"), make("td", {}, String(v.tokens)), make("td", {}, button("Show", { do: "show", number: n }, ""))));
    $("tried").hidden = !rows.length;
    $("pinned-title").textContent = `Pinned: ${rows.length}`;
    $("rows").replaceChildren(...rows);
  }
  async function copied(reply) {
    if (reply.error) return;
    ui.code = reply.code;
    $("code").hidden = false;
    $("code").value = reply.code;
    try { await navigator.clipboard.writeText(reply.code); $("copy-note").textContent = "copied"; } catch { $("code").select(); $("copy-note").textContent = "select and copy"; }
  }

  // One redraw -----------------------------------------------------------------------------------------------------
  function redraw() {
    data = model.get("state");
    if (!data || !data.steps) return;
    const opened = ui.trace !== data.trace;
    if (opened) { ui.trace = data.trace; ui.step = null; ui.draft = null; ui.why = ""; $("code").hidden = true; $("copy-note").textContent = ""; }
    if (ui.asked !== data.variant.label) { ui.asked = data.variant.label; $("code").hidden = true; $("copy-note").textContent = ""; }
    ui.step = Math.max(0, Math.min(data.steps.length - 1, ui.step ?? data.steps.length - 1));
    keepingFocus(() => { drawHead(); drawCards(); drawAnswer(); drawings(); drawSide(); drawPinned(); });
    if (opened) requestAnimationFrame(reveal);
    if (ui.follow && !data.job && data.sweep) {
      ui.follow = false;
      if (data.sweep.top !== null && ui.draft === null) select(data.sweep.top);
    }
    host.dataset.ready = "yes";
  }
  function theme(name) {
    host.dataset.theme = name;
    if (host.dataset.ready) drawings();
  }
  const asked = () => {
    const lab = document.body.dataset.jpThemeLight, code = document.body.dataset.vscodeThemeKind;
    if (lab) return lab === "false" ? "dark" : "light";
    if (code) return code.includes("dark") ? "dark" : "light";
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };

  const keys = { j: () => select(ui.step + 1), k: () => select(ui.step - 1), ArrowDown: () => select(ui.step + 1), ArrowUp: () => select(ui.step - 1), 1: () => act({ do: "read_by", reader: 0 }), 2: () => data.readers.length > 1 && act({ do: "read_by", reader: 1 }),
    n: () => act({ do: "open", number: (data.place + 1) % data.traces.length }), p: () => act({ do: "open", number: (data.place + data.traces.length - 1) % data.traces.length }), u: () => data.undo && act({ do: "undo" }), r: () => data.redo && act({ do: "redo" }), h: () => !cannot("hide") && act({ do: "hide", step: ui.step }) };
  let pointed = false;
  $("panel").addEventListener("pointerdown", () => { pointed = true; });
  $("panel").addEventListener("change", (event) => { if (pointed && event.target.tagName === "SELECT") $("cards").focus({ preventScroll: true }); });
  $("panel").addEventListener("keydown", (event) => {
    pointed = false;
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) || !(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  $("cards").addEventListener("click", (event) => { const hit = event.target.closest("[data-step]"); if (hit) select(Number(hit.dataset.step)); });
  $("trace").addEventListener("change", () => act({ do: "open", number: Number($("trace").value) }));
  for (const id of ["undo", "redo", "reset", "pin"]) $(id).addEventListener("click", () => act({ do: id }));
  $("copy").addEventListener("click", () => send({ do: "code" }, copied));
  $("cancel").addEventListener("click", () => { ui.queue = []; ui.follow = false; send({ do: "cancel" }); });
  $("theme").addEventListener("click", () => theme(host.dataset.theme === "dark" ? "light" : "dark"));
  theme(asked());
  const watch = new MutationObserver(() => theme(asked()));
  watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"] });
  let late = 0;
  const resize = new ResizeObserver(() => { clearTimeout(late); late = setTimeout(() => { if (host.dataset.ready && host.isConnected) drawings(); }, 80); });
  resize.observe(host);
  model.on("change:state", redraw);
  model.on("msg:custom", heard);
  redraw();
  return () => { watch.disconnect(); resize.disconnect(); model.off("change:state", redraw); model.off("msg:custom", heard); clearTimeout(silence); };
}
