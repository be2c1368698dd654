// A pane as PNG: to the clipboard where that is allowed, else shown below it to be saved by hand.
const INKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin", "paint-order", "font-family", "font-size", "text-anchor"];
const SCALE = 2, HEAD = 34;

async function png(id) {
  const from = id === "strip" ? await drawn($("strip")) : $(id), note = $(id + "-png");
  if (!from.width || !from.height) return void (note.textContent = "nothing to copy");
  const blob = await new Promise((done) => papered(from, titleOf(id)).toBlob(done, "image/png"));
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    note.textContent = "copied";
  } catch {
    const shown = make("img", { src: URL.createObjectURL(blob), alt: titleOf(id), class: "held" });
    note.replaceChildren("save the picture by hand: ", shown);
  }
}

function titleOf(id) {
  const it = item(), grid = gridOf(id === "square" ? state.matrix : state.grid), shown = ["before: " + sides()[0], "after: " + sides()[1], "difference: " + sides()[1] + " − " + sides()[0]][state.side];
  return `${it.trace}, step ${state.step + 1}. ${id === "strip" ? "Probability of the answer" : id === "features" ? `Features: ${it.strip.title} (${it.strip.unit})` : grid ? `${grid.title} (${grid.unit})` : ""}; ${run.readers.length > 1 ? shown : sides()[0]}; n = 1 trace`;
}

// The pane on its paper, with a line that says what it is.
function papered(from, title) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = from.width;
  canvas.height = from.height + HEAD;
  pen.fillStyle = ink("--paper");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = ink("--ink");
  pen.font = `${Math.max(11, Math.min(22, (1.9 * canvas.width) / Math.max(1, title.length)))}px ${ink("--sans")}`;
  pen.fillText(title, 8, 22, canvas.width - 16);
  pen.drawImage(from, 0, HEAD);
  return canvas;
}

// An SVG with its computed inks written into it, on a canvas.
async function drawn(svg) {
  const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number), left = [...copy.querySelectorAll("*")];
  [...svg.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(node);
    left[i].setAttribute("style", INKS.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image(), canvas = document.createElement("canvas");
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  await image.decode();
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

for (const id of ["strip", "square", "layers", "features"]) {
  $(id + "-copy").addEventListener("click", () => png(id));
}
