// Makers: numbers in words, nodes, colours; of the explorer and of the panel. All text goes in as text.
const KINDS = { progression: "P", summary: "S", exploration: "E", verification: "V", backtracking: "B", conclusion: "C", other: "O", answer: "A" };
const finite = (x) => x !== null && x !== undefined && Number.isFinite(x);

function number(x, signed) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  const size = Math.abs(x);
  let text = size === 0 ? "0" : size < 0.005 && size >= 1e-6 ? String(Number(size.toPrecision(1))) : size < 1e-6 ? size.toExponential(0).replace("e-", "e−") : size >= 100 ? size.toFixed(0) : size.toFixed(2);
  return (x < 0 ? "−" : signed && x > 0 ? "+" : "") + text;
}

function make(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function draw(tag, properties, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const flat = (text) => text.replace(/\s+/g, " ").trim();
const kindClass = (kind) => "kind k-" + (kind in KINDS ? kind : "other");
const badge = (kind) => make("span", { class: kindClass(kind), title: kind }, KINDS[kind] || "O");

function colours(stops) {
  const parts = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, share) => {
    const at = (share / 255) * (parts.length - 1), low = Math.min(parts.length - 2, Math.floor(at));
    return parts[low].map((c, i) => Math.round(c + (parts[low + 1][i] - c) * (at - low)));
  });
}
