"""The page of `mechcot prune`, from `prune.json` alone."""

from collections.abc import Callable, Mapping
from typing import Any

from mechcot.core.wording import count_of, traces_of
from mechcot.text.number_format import fixed, interval, percent
from mechcot.view.figures.pruning_frontier import METHOD_NAMES, pruning_frontier, recovered
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import (
    Cell,
    Table,
    number_column,
    numeric,
    row_table,
    text_column,
)
from mechcot.view.pages.sections import Section, listing, plain_page, reasons

_NAN = float("nan")
_READING = (
    (
        "closure",
        "Starting from the answer, a step is kept when a kept step (or the answer) rests on it. Suppression: what hiding the step does to later steps. Attention: attention mass corrected for distance and length, mean over all layers and heads.",
    ),
    (
        "repack and mask",
        "Repacking asks whether the kept steps can stand alone as a text; masking hides the others and leaves positions as they were. A model that was never trained on gaps may fail under one and not under the other.",
    ),
    (
        "budgets",
        "Every method keeps its best steps that still fit into the same number of tokens; the horizontal axis shows what was in fact kept. Early exit uses the right answer to know where to stop and keeps nothing after it; a chain that never states it is kept from its start on.",
    ),
    (
        "lead",
        "Accuracy of the closure that was asked for minus the method's, trace by trace; an interval that excludes zero is a difference.",
    ),
)


def pruning_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `prune.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    rows, n = result["frontier"], result["n"]
    problems = result.get("problems", n)
    headline = NumberedFigure(
        1,
        pruning_frontier(rows, n=problems),
        "Lines that stay high to the left need little of the chain. A method earns its name where it lies above random and most recent steps at the same share.",
        _points(rows),
    )
    title = f"At {percent(result['keep'])} of the chain"
    caption = "Accuracy of the answer behind the kept steps."
    sections = [Section(title, (), ((_at(rows, keep=result["keep"]), caption),))]
    if result["truth"]:
        shown = max(row["n"] for row in result["truth"])
        plate = NumberedFigure(
            2,
            recovered(result["truth"], n=shown),
            "The task says which steps the answer rests on. Marks left of the random one are worse than chance.",
            _truth(result["truth"]),
        )
        sections.append(Section("Against the known set", (plate,)))
    sections += listing("Not measured, or not exact", ("what", "why"), result.get("missing", {}))
    sections += listing("Not pruned", ("trace", "why"), reasons(result["left_out"]))
    return plain_page(
        "Which steps does the answer rest on?",
        meta=f"{result['model']} on {traces_of(n, problems)}, {len(result['left_out'])} left out.",
        summary=pruning_sentences(result),
        headline=headline,
        sections=sections,
        terms=_READING,
    )


def pruning_sentences(result: Mapping[str, Any]) -> list[str]:
    """Return what was found, in sentences."""
    sentences = []
    for executor in _executors(result["frontier"]):
        at = {
            (row["method"], row["share"]): row
            for row in result["frontier"]
            if row["executor"] == executor
        }
        mine, whole = at[result["by"], result["keep"]], at[result["by"], 1.0]
        random = at["random", result["keep"]]
        sentences.append(
            f"Under {executor}, with {percent(mine['kept'])} of the chain kept by the {METHOD_NAMES[result['by']]}, accuracy is "
            f"{_share(mine)}, with everything {_share(whole)}; with random steps {_share(random)}."
        )
    for row in result["truth"]:
        if row["method"] in (result["by"], "random"):
            sentences.append(
                f"{_subject(row['method'])} the needed steps with precision {_pair(row, 'precision')} and recall "
                f"{_pair(row, 'recall')} at the true budget."
            )
    return [*sentences, *_nothing_to_lose(result), *_unread(result), *_never_right(result)]


def _nothing_to_lose(result: Mapping[str, Any]) -> list[str]:
    """Says so where no answer is right even behind the whole chain."""
    if any(row["accuracy"] for row in result["frontier"] if row["share"] == 1.0):
        return []
    return [
        "No answer is right behind the whole chain, so accuracy has nothing to lose: it says nothing about the steps here."
    ]


def _unread(result: Mapping[str, Any]) -> list[str]:
    """Return how many answers behind the whole chain could not be read."""
    whole = next(row for row in result["frontier"] if row["share"] == 1.0)
    if not whole["unread"]:
        return []
    return [
        f"Behind the whole chain {percent(whole['unread'])} of the answers could not be read; they count as not right."
    ]


def _never_right(result: Mapping[str, Any]) -> list[str]:
    """Return where early exit had nowhere to stop."""
    never, n = result["never_right"], result["n"]
    if not never:
        return []
    where = "any trace" if never == n else f"{never} of {count_of(n, 'trace')}"
    return [
        f"No step was found that states the right answer in {where}: there early exit has nowhere to stop and keeps the first steps that fit."
    ]


def _subject(method: str) -> str:
    return (
        f"Keeping steps by the {METHOD_NAMES[method]} finds"
        if method != "random"
        else "Random steps find"
    )


def _share(row: Mapping[str, Any]) -> str:
    return f"{fixed(row['accuracy'])} {_ends(row['low'], row['high'])}".strip()


def _pair(row: Mapping[str, Any], name: str) -> str:
    return f"{fixed(row[name])} {_ends(row[f'{name}_low'], row[f'{name}_high'])}".strip()


def _ends(low: float | None, high: float | None) -> str:
    return interval(_NAN if low is None else low, _NAN if high is None else high)


def _at(rows: Any, *, keep: float) -> Table:
    here = [row for row in rows if row["share"] == keep]
    columns = {
        "executor": text_column("executor"),
        "method": _method,
        "kept": lambda row: numeric(percent(row["kept"])),
        "accuracy": _accuracy,
        "lead of the closure": lambda row: numeric(
            fixed(row["lead"]), _ends(row["lead_low"], row["lead_high"])
        ),
        "same answer as unpruned": number_column("same"),
        "unread": lambda row: numeric(percent(row["unread"])),
    }
    return row_table(here, columns)


def _method(row: Mapping[str, Any]) -> Cell:
    return Cell(METHOD_NAMES[row["method"]])


def _accuracy(row: Mapping[str, Any]) -> Cell:
    return numeric(fixed(row["accuracy"]), _ends(row["low"], row["high"]))


def _points(rows: Any) -> Table:
    columns = {
        "executor": text_column("executor"),
        "method": _method,
        "budget": lambda row: numeric(percent(row["share"])),
        "kept": lambda row: numeric(percent(row["kept"])),
        "accuracy": _accuracy,
    }
    return row_table(rows, columns)


def _truth(rows: Any) -> Table:
    def column(name: str) -> Callable[[Mapping[str, Any]], Cell]:
        return lambda row: numeric(fixed(row[name]), _ends(row[f"{name}_low"], row[f"{name}_high"]))

    return row_table(
        rows, {"method": _method} | {name: column(name) for name in ("precision", "recall")}
    )


def _executors(rows: Any) -> list[str]:
    """The ways of leaving steps out that were tried."""
    return [name for name in ("repack", "mask") if any(row["executor"] == name for row in rows)]
