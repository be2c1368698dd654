// The two drawings of the panel, from its state alone: the answer's probability over the steps, and the map of patches.
function drawLine(svg, variant, chosen) {
  const width = Math.max(280, svg.clientWidth || 420), height = 172, left = 34, bottom = 40, { before, after } = variant;
  const n = Math.max(before.line.length, after.line.length) - 1, x = (k) => left + ((width - left - 10) * k) / Math.max(1, n), y = (p) => 8 + (height - bottom - 8) * (1 - p);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const nodes = [0, 0.5, 1].flatMap((p) => [
    draw("line", { x1: left, x2: width - 10, y1: y(p), y2: y(p), stroke: "var(--faint)" }),
    draw("text", { x: left - 5, y: y(p) + 4, "text-anchor": "end", class: "muted" }, p === 0.5 ? "½" : String(p)),
  ]);
  nodes.push(draw("rect", { x: x(chosen), y: y(1), width: Math.max(2, x(chosen + 1) - x(chosen)), height: y(0) - y(1), fill: "var(--faint)", opacity: 0.7 }));
  const every = Math.max(1, Math.ceil(n / ((width - left) / 26)));
  for (let k = 0; k <= n; k += every) nodes.push(draw("text", { x: x(k), y: height - 26, "text-anchor": "middle", class: "muted" }, String(k)));
  nodes.push(draw("text", { x: width - 10, y: height - 9, "text-anchor": "end", class: "muted" }, "steps given"));
  const one = (line, colour, dash, square) => {
    const points = line.map((p, k) => [x(k), y(p === null ? 0 : p)]);
    nodes.push(draw("path", { d: points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join(""), fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }));
    if (points.length > 60) return;
    for (const [a, b] of points) nodes.push(square ? draw("rect", { x: a - 2.6, y: b - 2.6, width: 5.2, height: 5.2, fill: colour }) : draw("circle", { cx: a, cy: b, r: 3, fill: colour }));
  };
  one(before.line, "var(--before)", "none", false);
  if (variant.changes.length) one(after.line, "var(--after)", "6 3", true);
  svg.replaceChildren(...nodes);
}

// `why(step)` says why a cell cannot be patched; without `go` nothing can be clicked.
function drawMap(svg, { rows, steps, made, chosen, why, scale, go }) {
  const width = Math.max(280, svg.clientWidth || 420), columns = steps.length, left = 34, deep = Math.max(10, Math.min(22, 260 / rows)), shades = colours(scale);
  const height = rows * deep + 34, wide = (width - left - 10) / columns, nodes = [];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const everyRow = Math.max(1, Math.ceil(14 / deep)), everyColumn = Math.max(1, Math.ceil(24 / wide));
  for (let layer = 0; layer < rows; layer++) {
    const top = 4 + (rows - 1 - layer) * deep;
    if (layer % everyRow === 0) nodes.push(draw("text", { x: left - 5, y: top + deep / 2 + 4, "text-anchor": "end", class: "muted" }, String(layer)));
    for (let s = 0; s < columns; s++) {
      const at = made ? made.steps.indexOf(s) : -1, value = at < 0 ? null : made.values[layer][at], reason = why(s), on = steps[s].patched.includes(layer) ? " on" : "";
      const told = reason || (value === null ? "click to patch" : `answer moves by ${number(value)}`);
      const cell = draw("rect", { x: left + s * wide, y: top, width: wide, height: deep, class: reason || !go ? "no" : "cell" + on, "data-layer": layer, "data-step": s }, draw("title", {}, `block ${layer}, step ${s + 1}: ${told}`));
      if (value !== null) cell.style.fill = `rgb(${shades[Math.round(255 * Math.min(1, value))].join(",")})`;
      if (!reason && go) {
        cell.setAttribute("tabindex", "0");
        cell.setAttribute("role", "button");
        cell.addEventListener("click", () => go(s, layer));
        cell.addEventListener("keydown", (event) => { if (event.key === "Enter") go(s, layer); });
      }
      nodes.push(cell);
    }
  }
  for (let s = 0; s < columns; s += everyColumn) nodes.push(draw("text", { x: left + (s + 0.5) * wide, y: rows * deep + 17, "text-anchor": "middle", class: "muted" }, String(s + 1)));
  nodes.push(draw("text", { x: width - 10, y: height - 2, "text-anchor": "end", class: "muted" }, "step"));
  nodes.push(draw("text", { transform: `translate(9 ${4 + (rows * deep) / 2}) rotate(-90)`, "text-anchor": "middle", class: "muted" }, "block"));
  nodes.push(draw("rect", { x: left + chosen * wide, y: 4, width: wide, height: rows * deep, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5, "pointer-events": "none" }));
  svg.replaceChildren(...nodes);
}
