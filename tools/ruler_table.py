"""The ruler's tables as Markdown, for the documents."""

from collections.abc import Mapping
from typing import Any

from mechcot.measures.status import family_standing
from mechcot.ruler.families import held_on_families

HEADS = {
    "models": "models",
    "items": "items",
    "reliance": "how much",
    "step_to_answer": "step → answer",
    "step_to_step": "step → step",
    "alarms": "false alarms",
}


def markdown(result: Mapping[str, Any]) -> str:
    """One row a measure; scores with their 95 % intervals, cells true by definition in brackets.

    Args:
        result: What `ruler.json` holds.
    """
    heads = ["measure", *HEADS.values(), "logits x 1.5", "s / chain", "gives verdicts"]
    lines = [heads, ["---"] * len(heads)]
    for row in result["measures"].values():
        cells = [_cell(row["scores"][column]) for column in HEADS]
        seconds = "–" if row["seconds"] is None else f"{row['seconds']:.2f}"
        earned = "yes" if row["status"] == "passed" else "no"
        lines.append([row["title"], *cells, row["scaled"], seconds, earned])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "–"
    text = f"{score['value']:.2f}"
    if score["by_definition"]:
        return f"({text})"
    return text if score["low"] is None else f"{text} [{score['low']:.2f}, {score['high']:.2f}]"


def families_markdown(result: Mapping[str, Any]) -> str:
    """The table for a document: one row a measure, one column a family, and where it holds.

    Args:
        result: What `families.json` holds.
    """
    families = result["families"]
    heads = [
        "measure",
        *(f"{name} (n = {entry['items']})" for name, entry in families.items()),
        "holds on",
    ]
    lines = [heads, ["---"] * len(heads)]
    for name, held in held_on_families(result).items():
        entries = [family["measures"][name] for family in families.values()]
        lines.append([entries[0]["title"], *map(_family_cell, entries), family_standing(held)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _family_cell(entry: Mapping[str, Any]) -> str:
    if entry["holds"] is None:
        return f"not measurable: {entry['reason']}"
    values = {name: score["value"] for name, score in entry["scores"].items()}
    late = "–" if values["late"] is None else f"{values['late']:.2f}"
    return f"{values['models']:.2f}, late {late}, alarms {values['alarms']:.2f}, {entry['scaled']}"
