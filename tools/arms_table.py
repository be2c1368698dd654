"""What a study of training found as Markdown: its answer, a table of arms x axes, and the details folded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mechcot.text.number_format import difference, signed
from mechcot.view.figures.arm_effects import READINGS, contrast_of
from mechcot.view.pages.lab import verdicts_of
from mechcot.view.pages.lab_sentences import compared_arms, lab_answer, lab_details, primary_answers


def read_study(path: Path) -> dict[str, Any]:
    """What `lab.json` of a study holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def markdown(result: Mapping[str, Any]) -> str:
    """The answer and the primary questions, one row an arm, and the other sentences folded.

    Args:
        result: What `lab.json` holds.
    """
    heads = ["arm", *READINGS.values(), "the chain is (seeds)"]
    rows = [heads, ["---"] * len(heads)]
    for arm in compared_arms(result):
        name = arm["name"] + f" against {arm['against']}" * (arm["against"] != result["control"])
        cells = [_cell(contrast_of(arm, reading)) for reading in READINGS]
        rows.append([name, *cells, verdicts_of(arm)])
    details = "\n".join(f"    - {sentence}" for sentence in lab_details(result))
    parts = [
        f"## {result['title']}",
        *lab_answer(result),
        "\n".join(f"- {sentence}" for sentence in primary_answers(result)),
        f"Differences against {result['control']}, or the arm that is named, with 95 % intervals over seeds:",
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        f'??? note "Axis by axis, in words"\n\n{details}',
    ]
    return "\n\n".join(filter(None, parts))


def _cell(contrast: Mapping[str, Any]) -> str:
    mean, low, high = (
        float("nan") if contrast[name] is None else contrast[name]
        for name in ("mean", "low", "high")
    )
    if contrast["says"] == "few seeds":
        return f"{signed(mean)}, seen in {contrast['seen']} of {contrast['of']}"
    return f"{difference(mean, low, high)} {contrast['says']}"
