"""Texts for people that are generated from cards."""

from collections.abc import Iterable, Sequence

from mechcot.core.card import MeasureCard

TABLE_HEAD = (
    "measure",
    "the question it answers",
    "headline value",
    "unit",
    "smallest effect",
    "status",
)


def card_text(card: MeasureCard) -> str:
    """A card as plain text."""
    direction = {1: "larger means the chain carries more", 0: "not judged"}[card.direction]
    rows = {
        "question": card.question,
        "formula": card.formula,
        "unit": f"{card.unit}, {card.low:g} to {card.high:g}; {direction}",
        "thresholds": f"smallest effect {card.smallest_effect:g}, at least {card.min_items} items",
        "source": card.source,
        "deviations": card.deviations,
        "confounds": card.confounds,
        "cost": card.cost,
        "status": card.status,
    }
    lines = [f"{card.title} ({card.name})", *(f"  {key:11} {text}" for key, text in rows.items())]
    return "\n".join(lines)


def cards_table(cards: Iterable[MeasureCard]) -> str:
    """The cards as a Markdown table, as it stands in the README."""
    rows = [
        (
            f"`{card.name}`",
            card.question,
            card.formula.replace("|", "\\|"),
            card.unit,
            f"{card.smallest_effect:g}" if card.direction else "not judged",
            card.status,
        )
        for card in cards
    ]
    lines = [TABLE_HEAD, ("---",) * len(TABLE_HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cards_document(cards: Sequence[MeasureCard]) -> str:
    """All cards as one Markdown page: a section a measure, the same fields in the same order."""
    head = (
        "# The measures\n\nWritten by `mechcot cards --doc` from the cards in `mechcot/measure`; change those, not this page.\n"
        "Before/after verdicts come from measures that *passed* the ruler ([ruler.md](ruler.md)).\n"
    )
    return "\n".join([head, *map(_section, cards)])


def _section(card: MeasureCard) -> str:
    judged = (
        f"{card.smallest_effect:g} {card.unit} on at least {card.min_items} items; larger means the chain carries more"
        if card.direction
        else "not judged"
    )
    identity = "exactly 0" if card.identity_exact else "within float noise"
    rows = {
        "Formula": f"`{card.formula}`",
        "Unit and range": f"{card.unit}, {card.low:g} to {card.high:g}",
        "Smallest effect": judged,
        "Identity edit": identity,
        "Status": card.status,
        "Source": card.source,
        "Deviations": card.deviations,
        "What else moves it": card.confounds,
        "Cost of one item": card.cost,
    }
    lines = [f"- **{name}**: {text}" for name, text in rows.items()]
    return "\n".join([f"## {card.title} (`{card.name}`)", "", card.question, "", *lines, ""])
