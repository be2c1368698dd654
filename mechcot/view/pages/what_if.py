"""The panel of `mc.what_if`: one script and one stylesheet, as a module for a notebook and as a self-contained page of its last state.

The stylesheet is the explorer's, with what only the panel has behind it. The script draws the state that Python gives it and computes
nothing; text goes in as text.
"""

import html
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from mechcot.text import number_format
from mechcot.view.pages.page_frame import asset, environment, inert_json, policy, script
from mechcot.view.theme import DARK, LIGHT

_PAGE = """
const page = { state: JSON.parse(document.getElementById("data").textContent), live: false };
render({ model: { get: (name) => page[name], on() {}, off() {}, send() {} }, el: document.getElementById("page") });
document.documentElement.dataset.ready = "yes";
"""


@cache
def _template(name: str) -> Template:
    return environment().get_template(f"whatif/{name}")


@cache
def _script() -> str:
    scales = {"light": list(LIGHT.sequential), "dark": list(DARK.sequential)}
    style = asset("explorer/explorer.css") + asset("whatif/panel.css")
    parts = [
        f"const SCALES = {json.dumps(scales)};",
        f"const STYLE = {json.dumps(style)};",
        asset("explorer/makers.js"),
        *(asset(f"whatif/{name}.js") for name in ("drawings", "panel", "frame")),
    ]
    return "\n".join(parts)


def widget_module() -> str:
    """The ES module that a notebook runs: it exports `render`."""
    return _script() + "\nexport default { render };\n"


def what_if_page(state: Mapping[str, Any]) -> str:
    """One self-contained page that shows a state and acts on nothing.

    Args:
        state: What the panel shows, as `mechcot.whatif.shown.state` gives it.
    """
    code = script(f'"use strict";\n(() => {{\n{_script()}\n{_PAGE}}})();')
    text = _template("page.html.j2").render(
        state=state,
        words=number_format,
        packed=inert_json(state),
        script=Markup(code),
        policy=policy(code),
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def what_if_cell(state: Mapping[str, Any], *, name: str, height: int = 980) -> str:
    """The page in a frame, for a saved notebook; a live panel of the same name hides it.

    Args:
        state: What the panel shows.
        name: Of the panel, unique in a notebook.
        height: Of the frame, pixels.
    """
    inner = html.escape(what_if_page(state), quote=True)
    table = _template("table.html.j2").render(state=state, words=number_format)
    return (
        f'<div class="mechcot-saved-{name}"><iframe sandbox="allow-scripts" title="What if?" srcdoc="{inner}" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
        f"<details><summary>The same as a table (no panel above? trust the notebook, or run it)</summary>{table}</details></div>"
    )
