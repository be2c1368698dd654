"""The ruler's page: which measure to trust for which question, from `ruler.json` alone."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mechcot.text.number_format import DASH, fixed, number, or_dash
from mechcot.view.figures import ruler as figures
from mechcot.view.figures.ruler import ModelPoint
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, table, text_column
from mechcot.view.pages.report import render_page

_NAN = float("nan")
_COLUMNS: Mapping[str, str] = {
    "models": "uses or not: models",
    "items": "uses or not: items",
    "reliance": "how much",
    "step_to_answer": "which step feeds the answer",
    "step_to_step": "which step feeds which",
    "alarms": "false alarms",
    "shuffled": "labels shuffled",
}
"""Column of the scores to its head on the page."""


def ruler_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `ruler.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    points = model_points(result)
    numbers = _numbers(points)
    plates = [
        NumberedFigure(
            1,
            figures.models_figure(points, items=result["items"]),
            "A measure that can be trusted keeps the blue marks apart from the orange ones, with the light ones on the blue side. "
            "Means in nats, which follow confidence, stand in the numbers only.",
            numbers,
        )
    ]
    if any(point.reached == point.reached for point in points):
        plates.append(
            NumberedFigure(
                2,
                figures.reliance_figure(points),
                "A measure that can say how much, not only whether, rises with the reliance that exact edits found.",
                numbers,
            )
        )
    if result["lengths"]:
        plates.append(
            NumberedFigure(
                len(plates) + 1,
                figures.lengths_figure(result["lengths"]),
                "On the left the number as published, on the right the same question asked so that length has no say.",
                _lengths(result["lengths"]),
            )
        )
    if len(result["agreement"]) > 1:
        titled = agreement_by_title(result)
        plates.append(
            NumberedFigure(
                len(plates) + 1,
                figures.agreement_figure(titled, models=len(result["models"])),
                "Measures that passed should agree with each other; one that agrees with none of them measures something else.",
                _agreements(titled),
            )
        )
    return render_page(
        "ruler.html.j2",
        plates,
        result=result,
        scores=score_table(result),
        checks=check_table(result),
        subjects=subject_table(result),
        passed=_titles(result, "passed"),
        failed=_titles(result, "exploratory"),
        plates=plates,
    )


def model_points(result: Mapping[str, Any]) -> list[ModelPoint]:
    """Every model's mean on every measure."""
    return [
        ModelPoint(
            model=model["name"],
            group=model["group"],
            measure=row["title"],
            unit=row["unit"],
            mean=model["means"][name],
            reached=(model["reached"] or {}).get("edits", _NAN),
        )
        for name, row in result["measures"].items()
        for model in result["models"]
        if model["means"].get(name) is not None
    ]


def score_table(result: Mapping[str, Any]) -> Table:
    """One row a measure, one column a question; the interval stands behind the score."""
    scores = {head: partial(_score, column) for column, head in _COLUMNS.items()}
    verdicts = {"verdicts": lambda row: Cell("yes" if row["status"] == "passed" else "no", "ok")}
    columns = {"measure": text_column("title")} | scores | verdicts
    return row_table(result["measures"].values(), columns)


def _score(column: str, row: Mapping[str, Any]) -> Cell:
    score = row["scores"][column]
    if score["value"] is None:
        return numeric(DASH)
    ends = "" if score["low"] is None else f"[{fixed(score['low'])}, {fixed(score['high'])}]"
    note = "by definition" if score["by_definition"] else ends
    return numeric(fixed(score["value"]), note)


def check_table(result: Mapping[str, Any]) -> Table:
    """Return what must be silent or exact, and what a measurement costs."""
    columns = {
        "measure": text_column("title"),
        "base with logits x 1.5": text_column("scaled"),
        "edit of nothing": lambda row: numeric(or_dash(row["identity"], number)),
        "not measurable": lambda row: numeric(
            or_dash(row["missing"], lambda v: f"{100 * v:.0f} %")
        ),
        "seconds a chain": lambda row: numeric(or_dash(row["seconds"], number)),
    }
    return row_table(result["measures"].values(), columns)


def subject_table(result: Mapping[str, Any]) -> Table:
    """Accuracy, validity and calibration beside the use of the chain: they come apart."""
    known = [model for model in result["models"] if model["axes"]]
    names = [name for name, row in result["measures"].items() if row["status"] == "passed"]
    columns = {
        "model": text_column("name"),
        "accuracy": lambda model: numeric(_fixed(model["axes"]["accuracy"])),
        "one hop further": lambda model: numeric(_fixed(model["axes"]["longer"])),
        "valid steps": lambda model: numeric(_fixed(model["axes"]["valid"])),
        "calibration error": lambda model: numeric(_fixed(model["axes"]["calibration_error"])),
    }
    means = {
        result["measures"][name]["title"]: lambda model, name=name: numeric(
            _fixed(model["means"].get(name))
        )
        for name in names
    }
    return row_table(known, columns | means)


def _fixed(value: float | None) -> str:
    return DASH if value is None or value != value else fixed(value)


def _lengths(numbers: Mapping[str, Mapping[str, Any]]) -> Table:
    return table(
        ("number", "steps", "value"),
        [
            (Cell(name), Cell(number(steps, digits=0), "number"), Cell(fixed(value), "number"))
            for name, measured in numbers.items()
            for steps, value in zip(measured["steps"], measured["values"], strict=True)
        ],
    )


def agreement_by_title(result: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """The rank correlations by title, measures that passed first."""
    rows = sorted(result["measures"].items(), key=lambda pair: pair[1]["status"] != "passed")
    titles = {name: row["title"] for name, row in rows if name in result["agreement"]}
    return {
        title: {other: result["agreement"][name].get(key) for key, other in titles.items()}
        for name, title in titles.items()
    }


def _agreements(correlations: Mapping[str, Mapping[str, float | None]]) -> Table:
    names = list(correlations)
    return table(
        ("measure", "and", "Spearman"),
        [
            (Cell(left), Cell(right), Cell(_fixed(correlations[left][right]), "number"))
            for i, left in enumerate(names)
            for right in names[:i]
        ],
    )


def _titles(result: Mapping[str, Any], status: str) -> list[str]:
    return [row["title"] for row in result["measures"].values() if row["status"] == status]


def _numbers(points: list[ModelPoint]) -> Table:
    columns = {
        "model": lambda point: Cell(point.model),
        "group": lambda point: Cell(point.group),
        "measure": lambda point: Cell(point.measure),
        "mean": lambda point: numeric(fixed(point.mean)),
        "reached reliance": lambda point: numeric(_fixed(point.reached)),
    }
    return row_table(points, columns)
