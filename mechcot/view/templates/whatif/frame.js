// The frame of the panel in a shadow root, so that its style and the host's stay apart.
function frame(el, live) {
  const host = make("div", { "data-lm-suppress-shortcuts": "true", class: "mechcot-what-if" }), root = host.attachShadow({ mode: "open" });
  const knob = (id, text, title) => make("button", { id, type: "button", title: title || "" }, text);
  root.append(make("style", {}, STYLE), make("div", { id: "panel", class: "panel", tabindex: "-1", "aria-busy": "false" },
    make("header", {}, make("h1", {}, "What if?"), make("div", { class: "controls" },
      make("label", { id: "traces" }, "Trace ", make("select", { id: "trace" })), make("fieldset", { id: "readers" }),
      make("span", { class: "row" }, knob("undo", "Undo", "u"), knob("redo", "Redo", "r"), knob("reset", "As written"), knob("pin", "Pin"), knob("copy", "Copy as code"), make("span", { id: "copy-note", role: "status" })), knob("theme", "◐", "light or dark"))),
    make("div", { id: "job", hidden: "" }, make("div", { class: "row" }, make("span", { id: "job-title", role: "status" }), make("progress", { id: "job-bar" }), make("button", { id: "cancel", type: "button" }, "Cancel"))),
    live ? "" : make("p", { class: "saved" }, "A saved state of the panel, without a kernel: run the cell to act."),
    make("section", { class: "question", "aria-label": "Question" }, make("p", { id: "question" }), make("p", { id: "answers" }), make("p", { id: "sentence", "aria-live": "polite" }), make("div", { id: "every", class: "row" }), make("p", { id: "swept", "aria-live": "polite" }), make("p", { id: "left-out", class: "why" }), make("div", { id: "error", role: "alert" })),
    make("textarea", { id: "code", hidden: "", readonly: "", "aria-label": "The variant as code" }),
    make("section", { class: "tried", id: "tried", hidden: "", "aria-label": "Pinned" }, make("h2", { id: "pinned-title" }, "Pinned"), make("table", {}, make("thead", {}, make("tr", {}, ...[["What was changed"], ["Answer"], ["Predicted", PREDICTED], ["p(as it was)", "probability of the answer as it was"], ["Moved", MOVED], ["Tokens"], [""]].map(([name, told]) => make("th", told ? { title: told } : {}, name)))), make("tbody", { id: "rows" }))),
    make("div", { class: "panes" },
      make("section", { "aria-label": "Steps" }, make("h2", { id: "cards-title" }, "Steps"), make("div", { class: "cards" }, make("ol", { id: "cards", role: "listbox", tabindex: "0", "aria-label": "Steps; j and k move" }))),
      make("section", { "aria-label": "What follows" }, make("h2", {}, "The answer: first token, before and after"), make("div", { id: "answer" }), make("div", { class: "keys", id: "answer-note" }),
        make("h2", { id: "line-title" }), draw("svg", { id: "line", role: "img" }), make("h2", {}, "Patch: input of a block, where a step stands"), make("div", { class: "row", id: "map-from" }), draw("svg", { id: "map" }), make("p", { class: "under", id: "map-note" })),
      make("section", { class: "side", "aria-label": "Change it" }, make("div", { id: "side-text" }), make("div", { id: "side-model" }))),
    make("footer", {}, make("p", {}, "Keys: ", ...[["j k", "next and previous step"], ["1 2", "model"], ["n p", "trace"], ["h", "hide"], ["u r", "undo, redo"]].flatMap(([key, what]) => [make("kbd", {}, key), ` ${what} `])))));
  el.append(host);
  return root;
}

function render({ model, el }) {
  const live = model.get("live") !== false, name = model.get("name");
  if (live && name) el.append(make("style", {}, `.mechcot-saved-${name} { display: none; }`)); // the page of the last state, for a notebook without a kernel
  return panel(frame(el, live), model, live);
}
