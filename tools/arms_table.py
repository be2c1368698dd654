"""What a study of training found as Markdown: its sentences, and a table of arms x axes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mechcot.text.number_format import difference, signed
from mechcot.view.figures.arms import AXIS_TITLES
from mechcot.view.pages.lab_sentences import lab_sentences


def read_study(path: Path) -> dict[str, Any]:
    """What `lab.json` of a study holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def markdown(result: Mapping[str, Any]) -> str:
    """The sentences of a study, and one row an arm.

    Args:
        result: What `lab.json` holds.
    """
    lines = [f"- {sentence}" for sentence in lab_sentences(result)]
    heads = ["arm", "seeds", "against", *AXIS_TITLES.values(), "the chain is"]
    rows = [heads, ["---"] * len(heads)]
    for arm in result["arms"]:
        words = ", ".join(f"{word} ({n})" for word, n in arm["verdicts"].items())
        cells = [_cell(arm["axes"][axis]["contrast"]) for axis in AXIS_TITLES]
        rows.append([arm["name"], str(arm["seeds"]), arm["against"], *cells, words])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([f"## {result['title']}", "\n".join(lines), table])


def _cell(contrast: Mapping[str, Any]) -> str:
    mean, low, high = (
        float("nan") if contrast[name] is None else contrast[name]
        for name in ("mean", "low", "high")
    )
    if contrast["says"] == "few seeds":
        return f"{signed(mean)}, seen in {contrast['seen']} of {contrast['of']}"
    return f"{difference(mean, low, high)} {contrast['says']}"
