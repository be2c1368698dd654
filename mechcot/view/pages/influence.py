"""The page of `mechcot influence`, from `influence.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mechcot.core.wording import count_of
from mechcot.text.number_format import KINDS_NOTE, fixed, interval
from mechcot.view.figures.head_map import head_map
from mechcot.view.figures.received_attention import TITLES, received_by_kind
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, table, text_column
from mechcot.view.pages.sections import Section, listing, plain_page, reasons

_NAN = float("nan")
_READING = (
    (
        "received / expected",
        "Attention mass that a step gets from later steps, over its share of the text that they see (later steps see more and leave less for each), over what a step of this length at this distance gets in the other traces, both models together; mean over layers and heads. The question and the first token are left out.",
    ),
    (
        "before and after",
        "Steps behind the first statement of the right answer are often ignored whatever their kind; compare kinds inside one panel. Chains that never state it stand under all steps only.",
    ),
    (
        "kinds",
        f"{KINDS_NOTE} Where a kind has a length of its own, the correction for length takes the kind's share away too.",
    ),
    (
        "receiver heads",
        "For each head and trace, how peaked its received attention is over the steps (excess kurtosis), as a rank among content-free vectors of the same number of steps: 0.5 is chance. Heads are picked on every second trace and scored on the others.",
    ),
    (
        "attention is not use",
        "A head may look and not write. `mechcot prune` asks what the answer does without a step.",
    ),
)


def influence_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `influence.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    models, rows, n = result["models"], result["kinds"], result["n"]
    why = result.get("missing", {}).get("who listens")
    nothing = [f"Nothing can be drawn: {why}."] if why else []
    headline = rows and NumberedFigure(
        1,
        received_by_kind(rows, models=models, n=result.get("problems", n)),
        "Right of the dashes a kind is listened to more than its place and length explain, left of them less.",
        _table([row for row in rows if row["model"] != "change"]),
    )
    sections: list[Section] = []
    changes = [row for row in rows if row["model"] == "change"]
    if changes:
        caption = f"{models[1]} minus {models[0]}, problem by problem."
        sections.append(Section("Change", (), ((_table(changes), caption),)))
    sections += _heads(result.get("receivers"), models=models)
    sections += listing("Not exact", ("what", "why"), result.get("missing", {}))
    sections += listing("Not read", ("trace", "why"), reasons(result["left_out"]))
    return plain_page(
        "Who listens to which step?",
        meta=f"{' and '.join(models)} on {count_of(n, 'trace')}, {len(result['left_out'])} left out.{_unstated(result)}",
        summary=influence_sentences(rows, models=models) or nothing,
        headline=headline or None,
        sections=sections,
        terms=_READING,
    )


def _unstated(result: Mapping[str, Any]) -> str:
    """In how many chains no statement of the right answer was found; nothing where it was in all, or where a file of an earlier version does not say."""
    count = result.get("unstated", 0)
    if not count:
        return ""
    if count == result["n"]:
        return " No step was found that states the right answer, so there is no before and after."
    return f" In {count} of them no step was found that states the right answer; they count in neither before nor after."


def _heads(heads_read: Mapping[str, Any] | None, *, models: Any) -> list[Section]:
    """The map of all heads and the strongest ones; nothing where no trace was long enough."""
    if heads_read is None:
        return []
    means = {name: np.array(heads_read["means"][name], dtype=float) for name in models}
    plate = NumberedFigure(
        2,
        head_map(means, models=models, n=heads_read["n"]),
        "Above 0.5 a head gives its attention to fewer steps than chance has it at this number of steps.",
        table(
            ("layer", "head", *models),
            [
                (
                    *(numeric(str(index)) for index in place),
                    *(numeric(fixed(float(means[name][place]), digits=3)) for name in models),
                )
                for place in np.ndindex(means[models[0]].shape)
            ],
        ),
    )
    columns = {
        "head": lambda row: Cell(f"layer {row['layer']}, head {row['head']}"),
        "model": text_column("model"),
        "score": lambda row: numeric(fixed(row["mean"], digits=2), _ends(row, digits=2)),
        "traces": lambda row: numeric(str(row["n"])),
    }
    heads = means[models[0]].size
    shown = len({(row["layer"], row["head"]) for row in heads_read["picked"]})
    which = (
        f"The strongest heads of {models[0]}"
        if shown < heads
        else f"All {heads} heads of {models[0]}"
        if heads > 1
        else f"The one head of {models[0]}"
    )
    caption = f"{which}, picked on every second trace and scored on the others."
    tables = ((row_table(heads_read["picked"], columns), caption),) if heads_read["picked"] else ()
    return [Section("Receiver heads", (plate,), tables)]


def influence_sentences(rows: Any, *, models: Any) -> list[str]:
    """Return which kinds are listened to more than others, where there are others, and the changes whose interval excludes zero."""
    sentences = []
    for model in models:
        mine = [row for row in rows if row["model"] == model and row["stratum"] == "all"]
        if mine:
            sentences.append(_extremes(model, mine))
    for row in rows:
        known = row["model"] == "change" and row["stratum"] == "all" and row["low"] is not None
        if known and (row["low"] > 0 or row["high"] < 0):
            sentences.append(
                f"From {models[0]} to {models[1]}, {row['kind']} steps change by {_value(row)}."
            )
    return sentences


def _extremes(model: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The kinds that receive most and least; of one kind, or of kinds that receive the same, there is neither."""
    if len(rows) == 1:
        (only,) = rows
        return f"In {model}, every step that is counted is of one kind ({only['kind']}), so kinds are not compared: {_value(only)} of what is expected."
    most, least = (pick(rows, key=lambda row: row["mean"]) for pick in (max, min))
    if _value(most) == _value(least):
        return f"In {model}, steps of all {len(rows)} kinds receive the same ({_value(most)} of what is expected)."
    if len(rows) == 2:
        return f"In {model}, {most['kind']} steps receive more ({_value(most)} of what is expected) than {least['kind']} steps ({_value(least)})."
    return (
        f"In {model}, {most['kind']} steps receive most ({_value(most)} of what is expected), "
        f"{least['kind']} steps least ({_value(least)})."
    )


def _value(row: Mapping[str, Any]) -> str:
    return f"{fixed(row['mean'], digits=3)} {_ends(row)}".strip()


def _ends(row: Mapping[str, Any], *, digits: int = 3) -> str:
    ends = (_NAN if row[end] is None else row[end] for end in ("low", "high"))
    return interval(*ends, digits=digits)


def _table(rows: Any) -> Table:
    columns = {
        "model": text_column("model"),
        "steps": lambda row: Cell(TITLES[row["stratum"]]),
        "kind": text_column("kind"),
        "received / expected": lambda row: numeric(fixed(row["mean"], digits=3), _ends(row)),
        "traces": lambda row: numeric(str(row["n"])),
    }
    return row_table(rows, columns)
