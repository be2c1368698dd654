// Left: one card a step. Right: the selected step, what changing it did, its strongest edges and heads.
const doubtSign = (step) => (step.wrong ? "✗ " : "? "), doubtClass = (step) => (step.wrong ? "doubt" : "hint");
function drawCards() {
  const it = item(), carriers = new Set(sides().map((name) => it.carrier[name]).filter((step) => step !== null && step !== undefined));
  $("cards").replaceChildren(...it.steps.map((step, i) => make("li", { id: "step-" + i, role: "option", "data-step": i, class: carriers.has(i) ? "carries" : "", "aria-selected": "false" },
    make("span", { class: "place", title: carriers.has(i) ? "carries the answer" : "" }, (carriers.has(i) ? "★ " : "") + (i + 1)), badge(step.kind), make("span", { class: "text" }, flat(step.text), step.doubt && make("small", { class: doubtClass(step) }, doubtSign(step) + step.doubt)), make("span", { class: "size" }))));
}

function drawBars() {
  const values = item().values[state.values], row = values && stepValues(values), null_ = values && values.null[sides()[state.side]];
  const both = values ? sides().flatMap((name) => values.readers[name] || []) : [];
  const most = Math.max(...both.filter(finite).map(Math.abs), finite(values && values.smallest) ? values.smallest : 0, 1e-9);
  item().steps.forEach((_, i) => {
    const cell = $("step-" + i).lastChild, value = row ? row[i] : null;
    if (i >= item().chain || !row) return cell.replaceChildren();
    const bar = make("span", { class: "bar", style: "display:block" });
    if (finite(value)) {
      const length = (100 * Math.min(1, Math.abs(value) / most)).toFixed(1);
      bar.append(make("i", { class: (state.side === 1 ? "r1 " : "") + (value < 0 ? "minus" : ""), style: `left:0;width:${length}%` }));
      if (state.side < 2 && finite(null_)) bar.append(make("u", { title: "random positions instead", style: `left:${Math.min(99, (100 * Math.abs(null_)) / most).toFixed(1)}%` }));
    }
    cell.replaceChildren(bar, make("small", {}, finite(value) ? number(value, state.side === 2) : "not measured"));
  });
}

function drawQuestion() {
  const it = item();
  $("question").textContent = it.question.trim();
  const answers = [make("span", {}, "reference ", make("b", {}, it.reference), ", the trace states ", make("b", {}, it.stated || "none"))];
  for (const [place, name] of sides().slice(0, run.readers.length).entries()) {
    const read = (it.answers[name] || []).map(([what, answer]) => `${answer} ${what}`).join(", ");
    if (read) answers.push(make("span", { class: "r" + place }, ` · ${name} answers ${read}`));
  }
  answers.push(` · ${it.chain} steps, ${it.tokens} tokens, written by ${it.author}`);
  $("answers").replaceChildren(...answers);
  $("sentence").replaceChildren(...sides().slice(0, run.readers.length).flatMap((name, place) => {
    if (!(name in it.sentences)) return [];
    const step = it.carrier[name];
    return [make("span", {}, make("b", { class: "r" + place }, name), ": ", it.sentences[name], step === null ? "" : " ", step === null ? null : make("button", { onclick: () => select(step) }, "Show it"))];
  }));
}

function edgeList(title, found, arrow) {
  if (!found.length) return [];
  return [make("h3", {}, title), ...found.map((edge) => make("button", { class: "edge", onclick: () => select(edge.step) },
    make("span", {}, arrow + " " + (edge.step + 1) + " ", badge(item().steps[edge.step].kind), " " + flat(item().steps[edge.step].text)), make("b", {}, number(edge.value, state.side === 2))))];
}

function heads(step, most) {
  const grid = item().grids.find((each) => each.key === "step_attention/answer"), values = grid && gridValues(grid);
  if (!values) return [];
  const [layers, count, steps] = shapeOf(grid), at = grid.columns.indexOf(step), found = [];
  if (at < 0) return [];
  for (let l = 0; l < layers; l++) for (let h = 0; h < count; h++) found.push({ l, h, value: values[(l * count + h) * steps + at] });
  return found.filter((head) => finite(head.value)).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, most);
}

function effects(step) {
  const [before, after] = sides(), it = item(), two = run.readers.length > 1;
  const rows = it.values.flatMap((values) => {
    const [b, a] = [before, after].map((name) => (values.readers[name] || [])[step]);
    if (!finite(b) && !finite(a)) return [];
    const cells = two ? [number(b), number(a), finite(b) && finite(a) ? number(a - b, true) : "–"] : [number(b)];
    return [make("tr", { title: `${values.meaning} (${values.unit})` }, make("td", {}, `${values.title} `, make("span", { class: "meta" }, values.unit)), ...cells.map((text) => make("td", {}, text)))];
  });
  if (!rows.length) return [make("p", { class: "meta" }, "Nothing was changed in this step.")];
  return [make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "What changing it did to the answer"), ...(two ? [before, after, "difference"] : [before]).map((name) => make("th", {}, name)))), make("tbody", {}, ...rows))];
}

function drawDetail() {
  const it = item(), i = state.step, step = it.steps[i], matrix = gridOf(state.matrix), chain = i < it.chain, top = heads(i, 5);
  const [from, to] = step.tokens, [a, b] = step.chars, name = sides()[state.side === 1 ? 1 : 0], line = it.lines[name];
  const facts = chain && line && finite(line.soft[i]) ? `${name}: probability of the answer ${number(line.soft[i])} before this step, ${number(line.soft[i + 1])} after it.` : "";
  $("detail").replaceChildren(
    make("h2", {}, badge(step.kind), ` Step ${i + 1}: ${step.kind}`),
    make("p", { class: "meta" }, `tokens [${from}, ${to}), ${to - from} in all · characters [${a}, ${b})`),
    make("pre", {}, step.text), step.doubt && make("p", { class: doubtClass(step) }, `${doubtSign(step)}This step ${step.doubt}.`), make("p", {}, facts),
    ...(chain ? effects(i) : [make("p", { class: "meta" }, "This is the answer's text, after the chain.")]),
    ...edgeList("Strongest into this step: " + (matrix ? matrix.title : ""), edges(i, "in", 6), "←"), ...edgeList("Strongest out of this step", edges(i, "out", 6), "→"),
    ...(top.length ? [make("h3", {}, "Heads through which the answer looks here (attention mass)"), make("p", { class: "meta" }, top.map((head) => `layer ${head.l} head ${head.h}: ${number(head.value, state.side === 2)}`).join(" · "))] : []),
    ...featureTable(i),
    ...overall(),
    make("p", {}, make("button", { id: "copy", onclick: copy }, "Copy step as JSON"), make("span", { id: "copied", role: "status" })));
}

function overall() {
  const [before, after] = sides(), facts = item().facts[before] || item().facts[after] || [], two = run.readers.length > 1;
  if (!facts.length) return [];
  const of = (name, title) => ((item().facts[name] || []).find((fact) => fact[0] === title) || [])[1];
  const cells = (title) => {
    const [b, a] = [before, after].map((name) => of(name, title));
    return two ? [number(b), number(a), finite(b) && finite(a) ? number(a - b, true) : "–"] : [number(b)];
  };
  const head = ["", ...(two ? [before, after, "difference"] : [before])].map((name) => make("th", {}, name));
  const rows = facts.map(([title, , unit]) => make("tr", {}, make("td", {}, title + " ", make("span", { class: "meta" }, unit)), ...cells(title).map((text) => make("td", {}, text))));
  return [make("h3", {}, "The whole trace"), make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))];
}
