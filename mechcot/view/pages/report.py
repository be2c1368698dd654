"""One self-contained page: every figure, table and sentence of a study, readable offline and on paper.

The page makes no request: plotly's script stands in it once, a Content-Security-Policy allows exactly
the two scripts of the page by their hash and no connection at all. All text is escaped by jinja2; the
figures travel as JSON in which no tag can be closed.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import plotly.io as pio
from jinja2 import Environment
from markupsafe import Markup

from mechcot.core.card import card_facts
from mechcot.text import number_format
from mechcot.view.pages import plain_tables, use_tables
from mechcot.view.pages.numbered_figures import NumberedFigure, numbered_figures
from mechcot.view.pages.page_frame import asset, environment, inert_json, policy, script
from mechcot.view.pages.report_data import ItemShown, ReportData
from mechcot.view.theme import looks, papers

LIBRARY = "plotly-cartesian.min.js"
"""plotly.js without maps and 3D, under the MIT license as published; `plotly-cartesian.md` says which: a third of the whole to send and to parse."""
_LONGEST = 80


def report_page(data: ReportData) -> str:
    """Set the page.

    Returns:
        HTML text, the same for the same data.
    """
    figures = numbered_figures(data)
    models = list(data.models["name"])
    return render_page(
        "page.html.j2",
        figures.ordered(),
        data=data,
        plates=figures,
        looks=looks(models),
        card_facts=card_facts,
    )


def render_page(template: str, figures: Sequence[NumberedFigure], **context: Any) -> str:
    """Set any page of this look: style, scripts, policy and figures are put in.

    Args:
        template: Name of a template that ends like `page.html.j2`.
        figures: The page's figures.
        context: What else the template shows.
    """
    library, code = script(asset(LIBRARY)), script(asset("page.js"))
    text = (
        _environment()
        .get_template(template)
        .render(
            tables=plain_tables,
            use_tables=use_tables,
            style=Markup(asset("page.css")),
            library=Markup(library),
            script=Markup(code),
            policy=policy(library, code),
            papers=_papers(),
            figures=[(plate, _figure(plate)) for plate in figures],
            **context,
        )
    )
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    """The templates with the filters of the report."""
    made = environment().overlay()
    made.filters = made.filters | {
        "number": number_format.number,
        "signed": number_format.signed,
        "fixed": number_format.fixed,
        "letter": number_format.letter,
        "slug": lambda verdict: verdict.replace(" ", "-"),
        "bars": _bars,
    }
    return made


@cache
def _papers() -> Markup:
    return inert_json(papers())


def _bars(item: ItemShown) -> Mapping[str, Any]:
    """The steps to print, each with the lengths of its two bars in percent: the same scale for all items, full at 1."""

    def length(value: float) -> str:
        return "0" if value != value else f"{100 * min(abs(value), 1.0):.1f}"

    return {
        "steps": [
            (step, length(step.before), length(step.after)) for step in item.steps[:_LONGEST]
        ],
        "hidden": max(0, len(item.steps) - _LONGEST),
    }


def _figure(plate: NumberedFigure) -> Markup:
    """A figure without its template: the page holds both papers once."""
    figure = json.loads(str(pio.to_json(plate.figure, validate=False, engine="json")))
    figure["layout"].pop("template", None)
    return inert_json(figure)
