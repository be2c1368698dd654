"""The ruler's page: which measure to trust for which question, from `ruler.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.text.number_format import DASH, fixed, number
from mechcot.view.figures import ruler as figures
from mechcot.view.figures.ruler import ModelPoint
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, table
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
    return table(
        ("measure", *_COLUMNS.values(), "verdicts"),
        [
            (
                Cell(row["title"]),
                *(_score(row["scores"][column]) for column in _COLUMNS),
                Cell("yes" if row["status"] == "passed" else "no", "ok"),
            )
            for row in result["measures"].values()
        ],
    )


def _score(score: Mapping[str, Any]) -> Cell:
    if score["value"] is None:
        return Cell(DASH, "number")
    ends = "" if score["low"] is None else f"[{fixed(score['low'])}, {fixed(score['high'])}]"
    note = "by definition" if score["by_definition"] else ends
    return Cell(fixed(score["value"]), "number", note)


def check_table(result: Mapping[str, Any]) -> Table:
    """Return what must be silent or exact, and what a measurement costs."""
    return table(
        (
            "measure",
            "base with logits x 1.5",
            "edit of nothing",
            "not measurable",
            "seconds a chain",
        ),
        [
            (
                Cell(row["title"]),
                Cell(row["scaled"]),
                Cell(DASH if row["identity"] is None else number(row["identity"]), "number"),
                Cell(DASH if row["missing"] is None else f"{100 * row['missing']:.0f} %", "number"),
                Cell(DASH if row["seconds"] is None else number(row["seconds"]), "number"),
            )
            for row in result["measures"].values()
        ],
    )


def subject_table(result: Mapping[str, Any]) -> Table:
    """Accuracy, validity and calibration beside the use of the chain: they come apart."""
    known = [model for model in result["models"] if model["axes"]]
    names = [name for name, row in result["measures"].items() if row["status"] == "passed"]
    return table(
        (
            "model",
            "accuracy",
            "one hop further",
            "valid steps",
            "calibration error",
            *(result["measures"][name]["title"] for name in names),
        ),
        [
            (
                Cell(model["name"]),
                *(
                    Cell(_fixed(model["axes"][axis]), "number")
                    for axis in ("accuracy", "longer", "valid", "calibration_error")
                ),
                *(Cell(_fixed(model["means"].get(name)), "number") for name in names),
            )
            for model in known
        ],
    )


def _fixed(value: float | None) -> str:
    return DASH if value is None or value != value else fixed(value)


def _lengths(found: Mapping[str, Mapping[str, Any]]) -> Table:
    return table(
        ("number", "steps", "value"),
        [
            (Cell(name), Cell(number(steps, digits=0), "number"), Cell(fixed(value), "number"))
            for name, each in found.items()
            for steps, value in zip(each["steps"], each["values"], strict=True)
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


def _agreements(found: Mapping[str, Mapping[str, float | None]]) -> Table:
    names = list(found)
    return table(
        ("measure", "and", "Spearman"),
        [
            (Cell(left), Cell(right), Cell(_fixed(found[left][right]), "number"))
            for i, left in enumerate(names)
            for right in names[:i]
        ],
    )


def _titles(result: Mapping[str, Any], status: str) -> list[str]:
    return [row["title"] for row in result["measures"].values() if row["status"] == status]


def _numbers(points: list[ModelPoint]) -> Table:
    return table(
        ("model", "group", "measure", "mean", "reached reliance"),
        [
            (
                Cell(p.model),
                Cell(p.group),
                Cell(p.measure),
                Cell(fixed(p.mean), "number"),
                Cell(DASH if p.reached != p.reached else fixed(p.reached), "number"),
            )
            for p in points
        ],
    )
