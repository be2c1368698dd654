"""One self-contained page: every figure, table and sentence of a study, readable offline and on paper.

The page makes no request: plotly's script stands in it once, a Content-Security-Policy allows exactly
the two scripts of the page by their hash and no connection at all. All text is escaped by jinja2; the
figures travel as JSON in which no tag can be closed.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import plotly.io as pio
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mechcot.core.store import write_text
from mechcot.view import provenance, tables, words
from mechcot.view.plates import Plate, plates
from mechcot.view.report_data import ItemShown, ReportData
from mechcot.view.theme import looks, papers

LONGEST = 80


def page(data: ReportData) -> str:
    """Set the page.

    Args:
        data: Everything it shows.

    Returns:
        HTML text, the same for the same data.
    """
    made = plates(data)
    return render(
        "page.html.j2",
        made.ordered(),
        data=data,
        plates=made,
        provenance=provenance,
        looks=looks([model.name for model in data.models]),
    )


def render(template: str, figures: Sequence[Plate], **context: Any) -> str:
    """Set any page of this look: style, scripts, policy and figures are put in.

    Args:
        template: Name of a template that ends like `page.html.j2`.
        figures: The page's figures.
        context: What else the template shows.
    """
    library, script = _script(get_plotlyjs()), _script(_asset("page.js"))
    text = (
        _environment()
        .get_template(template)
        .render(
            tables=tables,
            style=Markup(_asset("page.css")),
            library=Markup(library),
            script=Markup(script),
            policy=_policy(library, script),
            papers=_json(papers()),
            figures=[(plate, _figure(plate)) for plate in figures],
            **context,
        )
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def write_page(data: ReportData, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    write_text(path, page(data))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mechcot.view", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "signed": words.signed,
        "fixed": words.fixed,
        "letter": words.letter,
        "slug": lambda verdict: verdict.replace(" ", "-"),
        "bars": _bars,
    }
    return environment


def _bars(item: ItemShown) -> Mapping[str, Any]:
    """The steps to print, each with the lengths of its two bars in percent of the longest."""
    sizes = [abs(v) for step in item.steps for v in (step.before, step.after) if v == v]
    longest = max(sizes, default=0.0) or 1.0

    def length(value: float) -> str:
        return "0" if value != value else f"{100 * abs(value) / longest:.1f}"

    return {
        "steps": [(step, length(step.before), length(step.after)) for step in item.steps[:LONGEST]],
        "hidden": max(0, len(item.steps) - LONGEST),
    }


@cache
def _asset(name: str) -> str:
    return (files("mechcot.view") / "templates" / name).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """A script as a browser will hash it: one kind of line end, no closing tag inside."""
    clean = text.replace("\r\n", "\n").replace("\r", "\n")
    return clean.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(*scripts: str) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> Markup:
    """JSON that may stand inside a script element: no tag can open or close in it."""
    text = json.dumps(value, sort_keys=True)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, code)
    return Markup(text)


def _figure(plate: Plate) -> Markup:
    """A figure without its template: the page holds both papers once."""
    figure = json.loads(str(pio.to_json(plate.figure, validate=False, engine="json")))
    figure["layout"].pop("template", None)
    return _json(figure)
