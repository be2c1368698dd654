"""The page of `mechcot circuit`, from `circuit.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, fixed, or_dash, percent
from mechcot.view.figures.circuit import circuit_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table
from mechcot.view.pages.sections import Section, listing, plain_page

_TERMS = [
    (
        "share of the swing",
        "The model is asked between its own answer and the one that the changed value predicts. 1: the change turns its preference around, log-probability for "
        "log-probability. A factor on the logits changes no share.",
    ),
    (
        "patched",
        "The clean text is run, and one component gives what it gives when the step states the other value, from the step on. Effects of parts that work one "
        "behind the other overlap, so they do not add up to the whole.",
    ),
    (
        "estimated",
        "The same to first order, from one gradient. It gets sizes wrong where the model is sure; the ranks are checked on the patched components.",
    ),
    (
        "path",
        "From the answer back, the largest edge each time, along the residual stream alone, to first order. Where it stands: at the step, at a later step, at the "
        "question for the answer, or where the answer is predicted.",
    ),
]


def circuit_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `circuit.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    models, traces = result["models"], result["traces"]
    headline = NumberedFigure(
        1,
        circuit_figure(result),
        "Cells with a number were patched; the others are estimates. Below zero: the component speaks against the other answer.",
        _parts(result),
    )
    paths = [
        (_paths(side, traces), f"Strongest paths in {side['model']}.") for side in result["sides"]
    ]
    notes = {note: "" for side in result["sides"] for note in side["notes"]}
    sections = [
        Section("On which path", (), tuple(paths)),
        Section("Can the numbers be trusted?", (), ((_checks(result), ""),)),
        *listing("What cannot be had", ("what", ""), notes),
        *listing(
            "Not read",
            ("why", "chains"),
            {reason: str(count) for reason, count in result["left_out"].items()},
        ),
    ]
    return plain_page(
        "What carries a step to the answer?",
        meta=f"{' and '.join(models)} on {count_of(traces, 'chain')}, {sum(result['left_out'].values())} left out.",
        summary=circuit_sentences(result),
        headline=headline,
        sections=sections,
        terms=_TERMS,
    )


def circuit_sentences(result: Mapping[str, Any]) -> list[str]:
    """One sentence a claim: how far the step carries in each model, what carries it, and what differs."""
    sentences = []
    for side in result["sides"]:
        label, effect = max(side["exact"].items(), key=lambda pair: abs(pair[1]["mean"]))
        path = side["paths"][0]
        sentences.append(
            f"In {side['model']} another value in the step moves the answer by {_effect(side['whole'])} of the swing; most of it goes through {label} "
            f"({_effect(effect)}). Strongest path in {path['traces']} of {count_of(result['traces'], 'chain')}: {path['path']}."
        )
    if "change" in result:
        before, after = result["models"]
        moved = [label for label, change in result["change"].items() if _differs(change)]
        names = f": {', '.join(moved)}" if moved else ""
        sentences.append(
            f"{after} less {before}: {_effect(result['whole_change'])} of the swing; {len(moved)} of {len(result['change'])} patched components differ{names}."
        )
    return sentences


def _differs(change: Mapping[str, float | None]) -> bool:
    low, high = change["low"], change["high"]
    return low is not None and high is not None and not low <= 0 <= high


def _effect(effect: Mapping[str, Any]) -> str:
    return f"{fixed(effect['mean'])} ({_ends(effect)})"


def _ends(effect: Mapping[str, float | None]) -> str:
    low, high = effect["low"], effect["high"]
    return DASH if low is None or high is None else f"{fixed(low)} to {fixed(high)}"


def _parts(result: Mapping[str, Any]) -> Table:
    sides = result["sides"]
    rows = [{"part": label} for label in sides[0]["exact"]]
    rows.sort(key=lambda row: -max(abs(side["exact"][row["part"]]["mean"]) for side in sides))
    columns = {"component": lambda row: Cell(row["part"])}
    for side in sides:
        columns[side["model"]] = lambda row, side=side: _cell(side["exact"][row["part"]])
    if "change" in result:
        columns["difference"] = lambda row: _cell(result["change"][row["part"]])
    return row_table(rows, columns)


def _cell(effect: Mapping[str, float]) -> Cell:
    return numeric(fixed(effect["mean"], digits=3), _ends(effect))


def _paths(side: Mapping[str, Any], traces: int) -> Table:
    columns = {
        "path": lambda row: Cell(row["path"]),
        "chains": lambda row: numeric(f"{row['traces']} of {traces}"),
    }
    return row_table(side["paths"], columns)


def _checks(result: Mapping[str, Any]) -> Table:
    columns = {
        "model": lambda side: Cell(side["model"]),
        "patched": lambda side: numeric(str(len(side["exact"]))),
        "ranks agree, means": lambda side: numeric(or_dash(side["agreement"], "{:.2f}".format)),
        "median chain": lambda side: numeric(or_dash(side["agreement_by_chain"], "{:.2f}".format)),
        "random directions, 95 % below": lambda side: numeric(f"{side['null']:.3f}"),
        "own values": lambda side: numeric(f"{side['identity']:g}"),
        "answer predicted": lambda side: numeric(percent(side["predicted"])),
    }
    return row_table(result["sides"], columns)
