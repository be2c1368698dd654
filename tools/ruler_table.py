"""The ruler's table as Markdown, for a README."""

from collections.abc import Mapping
from typing import Any

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
