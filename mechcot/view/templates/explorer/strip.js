// The strip: arcs of the selected step, the phase bar over tokens, the answer's probability below it.
const ARCS = 62, BAR = 24, GAP = 12, LINE = 92, LEFT = 44, RIGHT = 14;

function drawStrip() {
  const svg = $("strip"), width = Math.max(320, svg.clientWidth || svg.parentNode.clientWidth), it = item();
  const x = (token) => LEFT + ((width - LEFT - RIGHT) * token) / it.tokens;
  const top = ARCS + BAR + GAP, y = (p) => top + LINE * (1 - p);
  svg.setAttribute("viewBox", `0 0 ${width} 226`);
  svg.setAttribute("aria-label", `Phases, arcs of step ${state.step + 1}, and the answer's probability over ${it.tokens} tokens`);
  const nodes = [draw("text", { x: LEFT - 6, y: ARCS + 16, "text-anchor": "end", class: "muted" }, "kind")];
  nodes.push(box(x(0), x(it.prompt), "var(--k-question)", x(it.prompt) - x(0) > 60 ? "question" : "Q", "question"));
  it.steps.forEach((step, i) => {
    const [from, to] = step.tokens.map(x), kind = step.kind in KINDS ? step.kind : "other";
    const group = box(from, to, `var(--k-${kind})`, to - from > 11 ? KINDS[kind] : "", `step ${i + 1}, ${kind}`, kind === "progression" ? "#fff" : "#111");
    group.dataset.step = i;
    group.classList.add("hit");
    if (i === state.step) group.append(draw("rect", { x: from, y: ARCS - 2, width: Math.max(1.5, to - from), height: BAR + 4, fill: "none", stroke: "var(--ink)", "stroke-width": 2 }));
    nodes.push(group);
  });
  nodes.push(...arcs(x), ...axes(x, y, width), ...lines(it, x, y));
  svg.replaceChildren(...nodes);
}

function box(from, to, fill, label, title, colour) {
  const group = draw("g", {}, draw("rect", { x: from, y: ARCS, width: Math.max(0.6, to - from - 0.6), height: BAR, fill }), draw("title", {}, title));
  if (label) {
    const text = draw("text", { x: (from + to) / 2, y: ARCS + 16, "text-anchor": "middle" }, label);
    if (colour) text.style.fill = colour;
    group.append(text);
  }
  return group;
}

function arcs(x) {
  const middle = (i) => x((item().steps[i].tokens[0] + item().steps[i].tokens[1]) / 2);
  const found = [...edges(state.step, "in", 6), ...edges(state.step, "out", 6)];
  const most = Math.max(...found.map((edge) => Math.abs(edge.value)), 1e-9), here = middle(state.step);
  return found.map((edge) => {
    const there = middle(edge.step), height = Math.min(ARCS - 4, 8 + Math.abs(there - here) * 0.22), share = Math.abs(edge.value) / most;
    const into = edge.step < state.step;
    const path = draw("path", { d: `M${there} ${ARCS - 3}C${there} ${ARCS - height * 1.3},${here} ${ARCS - height * 1.3},${here} ${ARCS - 3}`, fill: "none",
      stroke: into ? "var(--before)" : "var(--after)", "stroke-width": 0.5 + 3 * share, "stroke-opacity": 0.25 + 0.65 * share });
    if (!into) path.setAttribute("stroke-dasharray", "5 3");
    path.append(draw("title", {}, `step ${Math.min(edge.step, state.step) + 1} → step ${Math.max(edge.step, state.step) + 1}: ${number(edge.value)}`));
    return path;
  });
}

function axes(x, y, width) {
  const nodes = [0, 0.5, 1].flatMap((p) => [
    draw("line", { x1: LEFT, x2: width - RIGHT, y1: y(p), y2: y(p), stroke: "var(--faint)" }),
    draw("text", { x: LEFT - 6, y: y(p) + 4, "text-anchor": "end", class: "muted" }, p === 0.5 ? "½" : String(p)),
  ]);
  const title = draw("text", { transform: `translate(11 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle", class: "muted" }, "p(answer)");
  const tokens = item().tokens, pace = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((p) => tokens / p <= 12) || 10000;
  for (let token = 0; token <= tokens; token += pace) {
    nodes.push(draw("text", { x: x(token), y: y(0) + 15, "text-anchor": "middle", class: "muted" }, String(token)));
  }
  return [...nodes, title, draw("text", { x: width - RIGHT, y: y(0) + 28, "text-anchor": "end", class: "muted" }, "tokens")];
}

function lines(it, x, y) {
  const cuts = [it.prompt, ...it.steps.slice(0, it.chain).map((step) => step.tokens[1])], nodes = [];
  sides().slice(0, run.readers.length).forEach((name, place) => {
    const line = it.lines[name], chosen = state.side === 2 || state.side === place;
    if (!line || (place === 1 && name === sides()[0])) return;
    const colour = place ? "var(--after)" : "var(--before)", points = line.soft.map((p, i) => [x(cuts[i]), y(p === null ? 0 : p)]);
    const path = points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    const last = points[points.length - 1];
    if (chosen) nodes.push(draw("path", { d: `${path}V${last[1]}H${points[0][0]}Z`, fill: colour, "fill-opacity": 0.13 }));
    nodes.push(draw("path", { d: path, fill: "none", stroke: colour, "stroke-width": chosen ? 2 : 1.2, "stroke-dasharray": place ? "6 3" : "none", "stroke-opacity": chosen ? 1 : 0.55 }));
    if (points.length <= 80) for (const [a, b] of points) nodes.push(place
      ? draw("rect", { x: a - 2.6, y: b - 2.6, width: 5.2, height: 5.2, fill: colour }) : draw("circle", { cx: a, cy: b, r: 2.8, fill: colour }));
    if (chosen && line.fixed !== null) {
      const at = x(cuts[line.fixed]), right = at > (x(0) + x(it.tokens)) / 2;
      nodes.push(draw("line", { x1: at, x2: at, y1: y(1), y2: y(0), stroke: colour, "stroke-dasharray": "2 2" }));
      nodes.push(draw("text", { x: at + (right ? -5 : 5), y: y(0.5) + (place ? 16 : 0), "text-anchor": right ? "end" : "start", class: "halo", style: `fill:${colour}` },
        line.fixed ? `${name}: likeliest from step ${line.fixed} on` : `${name}: likeliest before the chain`));
    }
  });
  return nodes;
}

function drawLegend() {
  const used = new Set(item().steps.map((step) => (step.kind in KINDS ? step.kind : "other")));
  const kinds = Object.keys(KINDS).filter((kind) => used.has(kind)).map((kind) => make("span", {}, badge(kind), " " + kind));
  const areas = sides().slice(0, run.readers.length).map((name, place) => item().lines[name]
    ? make("span", { class: "r" + place }, `${place ? "■ ┅" : "● —"} ${name}: area to the end ${number(item().lines[name].area)}`) : null);
  $("legend").replaceChildren(...kinds, ...areas.filter(Boolean), make("span", {}, "arcs: — into the step, ┅ out of it"));
}
