"""The last parts of a page as tables: how to read a card, what ran, what it cost, what could not be judged."""

from collections.abc import Mapping, Sequence

from mechcot.core.card import MeasureCard
from mechcot.text.number_format import DASH, amount, number
from mechcot.view.pages.report_data import CostRow, ModelEntry
from mechcot.view.pages.report_rows import NotJudgedRow
from mechcot.view.pages.tables import Cell, Table, table

DIRECTIONS = {
    1: "larger means the chain carries more",
    0: "none: the measure is shown and never gets a verdict",
}
STATUSES = {
    "provisional": "provisional: not yet scored against models whose use of the chain is known",
    "passed": "passed: scored against models whose use of the chain is known",
    "exploratory": "exploratory: did not pass against models whose use of the chain is known",
}


def card_facts(card: MeasureCard) -> tuple[tuple[str, str], ...]:
    """A card as pairs of heading and text, in the order in which a reader wants them."""
    identity = (
        "exactly 0" if card.identity_exact else "0 up to the noise floor printed with the nulls"
    )
    return (
        ("Formula", card.formula),
        ("Unit and range", f"{card.unit}, {number(card.low)} to {number(card.high)}"),
        ("Direction", DIRECTIONS[card.direction]),
        (
            "Set before any run",
            f"smallest effect that counts and equivalence bound ±{number(card.smallest_effect)} {card.unit}; "
            f"at least {card.min_items} pairs for a verdict; the identity edit gives {identity}",
        ),
        ("Confounds", card.confounds),
        ("Source", card.source),
        ("Deviations", card.deviations),
        ("Cost of one item", card.cost),
        ("Status", STATUSES[card.status]),
    )


def model_table(entries: Sequence[ModelEntry]) -> Table:
    """Return what was loaded."""
    return table(
        ("model", "given as", "parameters", "number format", "device", "weights"),
        [
            (
                Cell(entry.name),
                Cell(entry.spec, "code", entry.revision),
                Cell(amount(float(entry.parameters), "") if entry.parameters else DASH, "number"),
                Cell(entry.dtype),
                Cell(entry.device),
                Cell(entry.weights_hash, "code"),
            )
            for entry in entries
        ],
    )


def cost_table(rows: Sequence[CostRow]) -> Table:
    """Return what each part of the run cost; columns that nobody counted are left out."""
    counted = {
        "forwards": [amount(row.forwards, "") for row in rows],
        "tokens": [amount(row.tokens, "") for row in rows],
        "memory": [amount(row.memory_bytes, "B") for row in rows],
        "disk": [amount(row.disk_bytes, "B") for row in rows],
    }
    known = {name: texts for name, texts in counted.items() if any(text != DASH for text in texts)}
    return table(
        ("part", "model", "items", "seconds", *known),
        [
            (
                Cell(row.what),
                Cell(row.model),
                Cell(str(row.items), "number"),
                Cell(number(row.seconds, digits=1), "number"),
                *(Cell(texts[place], "number") for texts in known.values()),
            )
            for place, row in enumerate(rows)
        ],
    )


def not_judged_table(rows: Sequence[NotJudgedRow]) -> Table:
    """Items that could not be measured, by reason."""
    return table(
        ("measure", "model", "items", "why"),
        [
            (Cell(row.measure), Cell(row.model), Cell(str(row.count), "number"), Cell(row.reason))
            for row in rows
        ],
    )


def fact_table(pairs: Mapping[str, str]) -> Table:
    """A mapping as a table of two columns."""
    return table(("what", "value"), [(Cell(name), Cell(text)) for name, text in pairs.items()])
